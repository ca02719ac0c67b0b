"""A validator raises what its port does not have, as anybody's plugin may; or our part of a check does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import pytest

from certwright.core.caa import CaaSet
from certwright.core.errors import Unavailable
from certwright.operations.context import Context
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.ports import Challenge, Evidence
from tests.protocols.acme.in_process import Believing, InProcess, no_caa
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened

SECRET = "the resolver's password"
Body = Callable[[Context], Awaitable[None]]


@dataclass(slots=True)
class Failing:
    """Fails once with `error`, and believes everybody after that."""

    error: Exception
    kind: str = "http-01"
    failed: bool = False

    async def check(self, challenge: Challenge, now: datetime) -> Evidence:
        if not self.failed:
            self.failed = True
            raise self.error
        return await Believing().check(challenge, now)


def run(url: str, body: Body) -> None:
    async def main() -> None:
        async with opened(url, Secrets(), MovableClock()) as context:
            await found(context)
            await body(context)

    asyncio.run(main())


async def responded(acme: InProcess) -> str:
    """The authorization of a new order, once its challenge was checked."""
    await acme.register()
    authorization: str = (await acme.order("a.example.test")).json["authorizations"][0]
    assert (await acme.respond(authorization)).json["status"] == "processing"
    await acme.checked()
    return authorization


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), TimeoutError(SECRET)], ids=type)
def test_what_nobody_foresaw_fails_the_challenge(database, error: Exception) -> None:
    async def body(context: Context) -> None:
        acme = InProcess(context, validator=Failing(error))
        authorization = (await acme.post(await responded(acme))).json
        assert authorization["status"] == "invalid"
        [challenge] = authorization["challenges"]
        assert (challenge["status"], challenge["error"]["status"]) == ("invalid", 500)
        assert challenge["error"]["type"].endswith(":serverInternal")
        assert challenge["error"]["detail"]
        assert SECRET not in str(authorization)
        assert type(error).__name__ not in str(authorization)
        assert acme.reported == [error]
        assert await acme.validations.sweep(context.clock(), anyone=True) == 0

    run(database.url, body)


def test_what_the_port_foresees_is_put_off(database) -> None:
    """Unavailable is no word about the client: the sweep checks again."""

    async def body(context: Context) -> None:
        error = Unavailable("no resolver is configured")
        acme = InProcess(context, validator=Failing(error))
        authorization = await responded(acme)
        assert acme.reported == [error]
        assert (await acme.post(authorization)).json["status"] == "pending"
        assert await acme.validations.sweep(context.clock(), anyone=True) == 1
        await acme.checked()
        assert (await acme.post(authorization)).json["status"] == "valid"

    run(database.url, body)


def test_what_nobody_foresaw_of_our_own_is_put_off(database) -> None:
    """It has nothing to do with what the client shows: reported, and left to the sweep."""
    failures = [ZeroDivisionError(SECRET)]

    async def find_caa(name: str) -> CaaSet:
        if failures:
            raise failures.pop()
        return await no_caa(name)

    async def body(context: Context) -> None:
        settings = {"check_caa": True, "caa_identities": ["ca.example"]}
        endpoint = EndpointOrder("acme", "default", "issuing", ("tls-server",), {}, settings)
        await save_endpoint(context, ADMINISTRATOR, endpoint)
        await context.snapshots.refresh()
        acme = InProcess(context, find_caa=find_caa)
        authorization = await responded(acme)
        assert [type(one) for one in acme.reported] == [ZeroDivisionError]
        assert (await acme.post(authorization)).json["status"] == "pending"
        assert await acme.validations.sweep(context.clock(), anyone=True) == 1
        await acme.checked()
        assert (await acme.post(authorization)).json["status"] == "valid"

    run(database.url, body)
