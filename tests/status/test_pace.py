"""How soon a serving process tells of a change that another made, in seconds of a loop that does not wait.

On a machine of any speed this says how often a process looks. On SQLite alone: a loop cannot hurry a server.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus

from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.produce_ocsp import produce_ocsp
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.operations.save_base_url import save_base_url
from tests.conftest import RUN
from tests.real import databases, hurried
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened
from tests.status.asking import issued
from tests.status.responding import Responding, responding

QUARTER, PROMISED, LATE = 0.25, 2.0, 60.0
LOOK = 0.004
GOOD, REVOKED = OCSPCertStatus.GOOD, OCSPCertStatus.REVOKED


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with databases.with_tables("sqlite", Path(os.environ[RUN]), tmp_path) as made:
        yield made.url


@asynccontextmanager
async def two_processes(url: str, folder: Path) -> AsyncIterator[tuple[Context, Responding]]:
    """One that changes things; and one that serves, with all that it follows."""
    kept, clock = Secrets(), MovableClock()
    async with opened(url, kept, clock) as one:
        await found(one)
        await produce_ocsp(one, one.snapshot.issuing("issuing"), folder)
        async with opened(url, kept, clock) as other:
            here = await responding(other, folder)
            tasks = [
                asyncio.create_task(follow(here.reported.append))
                for follow in (other.snapshots.follow, here.feed.follow, here.responder.follow)
            ]
            yield one, here
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def seconds_until(condition: Callable[[], Awaitable[bool]]) -> float:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while not await condition():
        assert loop.time() - begun < LATE
        await asyncio.sleep(LOOK)
    return loop.time() - begun


def test_a_change_of_status_is_told_of_a_quarter_of_a_second_later(url: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with two_processes(url, tmp_path) as (one, here):
            row = await issued(one)
            reference = row.fingerprint.hex()
            for number in range(6):
                await asyncio.sleep(number * 0.07)  # wherever it is between two looks
                if number % 2:
                    wanted = GOOD
                    await release_certificate(one, ADMINISTRATOR, reference, one.clock())
                else:
                    wanted = REVOKED
                    hold = Reason.CERTIFICATE_HOLD
                    await revoke_certificate(one, ADMINISTRATOR, reference, hold, one.clock())

                async def told(wanted: OCSPCertStatus = wanted) -> bool:
                    return (await here.ask(row.serial)).ocsp.certificate_status is wanted

                assert await seconds_until(told) <= QUARTER

    hurried.run(body())


def test_configuration_is_taken_up_a_quarter_of_a_second_later(url: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with two_processes(url, tmp_path) as (one, here):
            for number in range(3):
                await asyncio.sleep(number * 0.1)
                base = f"http://pki{number}.example"
                await save_base_url(one, ADMINISTRATOR, base)

                async def told(base: str = base) -> bool:
                    return here.context.snapshot.installation.base_url == base

                assert await seconds_until(told) <= QUARTER + LOOK

    hurried.run(body())


def test_a_revoked_signer_is_left_within_two_seconds(url: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with two_processes(url, tmp_path) as (one, here):
            row = await issued(one)
            assert (await here.ask(row.serial)).ocsp.certificate_status is GOOD
            signer = one.snapshot.signers_of[one.snapshot.issuing("issuing").id][0]
            reference = hashlib.sha256(signer.certificate).hexdigest()
            await revoke_certificate(one, ADMINISTRATOR, reference, Reason.SUPERSEDED, one.clock())

            async def left() -> bool:
                return (await here.ask(row.serial)).ocsp.response_status is OCSPResponseStatus.TRY_LATER

            assert await seconds_until(left) <= PROMISED

    hurried.run(body())
