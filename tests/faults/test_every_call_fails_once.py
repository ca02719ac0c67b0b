"""Every call to the store and to a port fails once, at every step of what issues and revokes.

Afterwards no certificate exists outside that is not on record, an order and its certificate name each other,
the audit chains are whole, and asking again succeeds. What signs is done in another process each time, which
has no key open.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from certwright.core.audit import EventRow, Head
from certwright.core.audit_verify import verify_rows
from certwright.core.errors import CertwrightError, Conflict
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.plugins.keys.software import SoftwareKeys
from certwright.store.databases import Database
from certwright.store.rows import (
    AuditEventRow,
    AuditWriterRow,
    CertificateBodyRow,
    StatusChangeRow,
)
from tests.faults.acts import ACTS, Act, World
from tests.faults.facts import check_orders
from tests.faults.faulty import Faults, FaultyDatabase, FaultyKeys, FaultyValidator, faulty_caa
from tests.protocols.acme.in_process import Account, Believing, InProcess, no_caa
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened

CALLS_MAX = 120
ENDPOINT = EndpointOrder(
    "acme", "default", "issuing", ("tls-server",), {}, {"check_caa": True, "caa_identities": ["ca.example"]}
)


@dataclass(slots=True)
class Installation:
    """What outlives the processes. A key that is not `local` lies in a module: its use has an intent."""

    url: str
    local: bool
    faults: Faults = field(default_factory=Faults)
    kept: Secrets = field(default_factory=Secrets)
    clock: MovableClock = field(default_factory=MovableClock)
    account: Account = field(default_factory=Account)
    told: list[bytes] = field(default_factory=list)

    @asynccontextmanager
    async def process(self) -> AsyncIterator[World]:
        keys = SoftwareKeys(SoftwareKeys.Settings(self.kept.key_encryption_key))
        providers = {"faulty": FaultyKeys(keys, self.faults, self.local)}
        wrap = lambda real: FaultyDatabase(real, self.faults)  # noqa: E731
        async with opened(self.url, self.kept, self.clock, providers, wrap) as context:
            if not context.snapshot.endpoints:
                await found(context, provider="faulty")
                await save_endpoint(context, ADMINISTRATOR, ENDPOINT)
                await context.snapshots.refresh()
            validator, find_caa = FaultyValidator(Believing(), self.faults), faulty_caa(no_caa, self.faults)
            acme = InProcess(context, self.account, validator, find_caa)
            if not self.account.kid:
                await acme.register()
            yield World(context, acme, self.told)


async def fails(world: World, act: Act, thing: object) -> bool:
    """Do it once; whether its caller, or a report in the background, tells of a failure."""
    world.acme.reported.clear()
    try:
        await act.do(world, thing)
    except CertwrightError as error:
        assert "fault injected" in error.detail  # noqa: PT017 - most of the time there is no error
        return True
    return bool(world.acme.reported)


async def complete(world: World, act: Act, thing: object) -> None:
    """Asking again succeeds, or tells that it is done already."""
    try:
        await act.do(world, thing)
    except Conflict as error:
        assert re.search("already revoked|nothing to release", error.detail)  # noqa: PT017 - as above
    assert await act.done(world, thing)


async def check_facts(database: Database, told: list[bytes]) -> None:
    """What was told is on record; the chains are whole; the feed has no gap."""
    bodies = {row.certificate_id: row.der for row in await database.select(CertificateBodyRow, "1 = 1")}
    assert set(told) <= set(bodies.values())
    certificates = await database.query('SELECT "id" FROM "certificate"')
    assert {row[0] for row in certificates} == set(bodies)
    await check_orders(database)
    heads = await database.select(AuditWriterRow, "1 = 1")
    rows = [EventRow(*row) for row in await database.select(AuditEventRow, '1 = 1 ORDER BY "id"')]
    assert not list(verify_rows(rows, {head.id: Head(head.events, head.head) for head in heads}))
    issued_events = [row for row in rows if row.kind == "certificate.issued"]
    assert len(issued_events) == len(certificates)
    feed = [row.seq for row in await database.select(StatusChangeRow, '1 = 1 ORDER BY "seq"')]
    assert feed == list(range(1, len(feed) + 1))
    numbers = await database.query('SELECT "number" FROM "crl" WHERE "base_number" = 0 ORDER BY "id"')
    assert len(numbers) == len({row[0] for row in numbers})


CASES = [
    pytest.param(
        *(act, local, after),
        id=f"{name}-{'local' if local else 'module'}-key-{'after' if after else 'before'}",
        marks=[pytest.mark.full] if act.modules and local == after else [],
    )
    for name, act in ACTS.items()
    for local in ((True, False) if act.modules else (True,))
    for after in (False, True)
]
"""Before the call and after it; where a key may lie in a module too, the short run does one with each."""


@pytest.mark.parametrize(("act", "local", "after"), CASES)
def test_every_call_fails_once(database, act: Act, local: bool, after: bool) -> None:
    async def main() -> None:
        installation, failures = Installation(database.url, local), 0
        faults = installation.faults
        async with AsyncExitStack() as running:
            world = await running.enter_async_context(installation.process())
            for number in range(CALLS_MAX):
                thing = await act.prepare(world)
                if act.signs:
                    await running.aclose()
                    world = await running.enter_async_context(installation.process())
                faults.arm(number, after)
                failures += await fails(world, act, thing)
                reached = faults.disarm()
                await complete(world, act, thing)
                await check_facts(world.context.database, world.told)
                if not reached:
                    break
        assert not reached
        assert failures >= 5

    asyncio.run(main())
