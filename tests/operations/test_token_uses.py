"""When tokens were last used: to the hour, by every process, and never written over by an earlier use."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from certwright.core.access import Actor, Grant, Role
from certwright.operations.context import Context
from certwright.operations.manage_tokens import create_token, list_tokens, revoke_token
from certwright.operations.token_uses import TokenUses
from certwright.store.people_rows import TokenUseRow
from tests.operations.installed import later
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened

Body = Callable[[Context, Context, MovableClock], Awaitable[None]]


def run(database: Database, body: Body) -> None:
    """Two processes on one database, with tokens `one` and `two`, in the middle of an hour."""

    async def main() -> None:
        kept, clock = Secrets(), MovableClock()
        later(clock, minutes=30 - clock().minute)
        async with opened(database.url, kept, clock) as ours:
            await found(ours)
            for name in ("one", "two"):
                await create_token(ours, ADMINISTRATOR, name, (Grant(Role.AUDITOR),), None)
            async with opened(database.url, kept, clock) as other:
                await body(ours, other, clock)

    asyncio.run(main())


def saw(context: Context, *names: str) -> None:
    for name in names:
        context.token_uses.saw(Actor(f"token:{name}"), context.clock())


async def write(context: Context) -> int:
    return await context.token_uses.write(context.database, context.ledger)


async def used(context: Context) -> dict[str, datetime | None]:
    return {one.row.name: one.used_at for one in await list_tokens(context.database, ADMINISTRATOR)}


def hour(clock: MovableClock) -> datetime:
    return clock().replace(minute=0, second=0, microsecond=0)


def test_a_use_is_on_record_once_an_hour(database: Database) -> None:
    async def body(ours: Context, other: Context, clock: MovableClock) -> None:
        assert await used(ours) == {"one": None, "two": None}
        begun, commits = hour(clock), ours.ledger.commits
        for _ in range(100):
            saw(ours, "one")
        assert await write(ours) == 1
        assert await used(ours) == {"one": begun, "two": None}
        later(clock, minutes=20)
        saw(ours, "one")
        assert await write(ours) == 0
        assert ours.ledger.commits == commits + 1
        later(clock, minutes=40)
        saw(ours, "one", "two")
        assert await write(ours) == 2
        assert await used(ours) == dict.fromkeys(("one", "two"), hour(clock))
        assert hour(clock) > begun
        assert ours.ledger.commits == commits + 2, "both in one"
        await revoke_token(ours, ADMINISTRATOR, "one")
        assert (await used(ours))["one"] == hour(clock)

    run(database, body)


def test_several_processes_agree_on_the_latest(database: Database) -> None:
    async def body(ours: Context, other: Context, clock: MovableClock) -> None:
        saw(other, "two")
        later(clock, hours=3)
        for context in (ours, other):
            saw(context, "one")
        await asyncio.gather(write(ours), write(other))
        saw(ours, "two")
        await write(ours)
        late = TokenUses()  # one that comes later with what it has seen before
        late.saw(Actor("token:two"), clock() - 2 * (clock() - hour(clock)))
        await late.write(other.database, other.ledger)
        assert await used(ours) == dict.fromkeys(("one", "two"), hour(clock))
        assert len(await ours.database.select(TokenUseRow, "1 = 1")) == 2

    run(database, body)


def test_what_is_no_token_is_passed_over(database: Database) -> None:
    async def body(ours: Context, other: Context, clock: MovableClock) -> None:
        saw(ours, "never-made")
        assert await write(ours) == 1
        assert await used(ours) == {"one": None, "two": None}

    run(database, body)
