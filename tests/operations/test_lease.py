"""Leases: one holder at a time, whatever happens at the same moment."""

import asyncio
from datetime import timedelta

from certwright.operations.context import Context
from certwright.operations.lease import give_back, read_leases, take_lease
from certwright.store.rows import LeaseRow
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import MovableClock

HOLD = timedelta(seconds=10)


async def take(context: Context, holder: str, before: LeaseRow | None = None) -> LeaseRow | None:
    return await take_lease(context, "a", holder, HOLD, before)


async def read(context: Context) -> LeaseRow:
    return (await read_leases(context.database))["a"]


def test_one_of_many_gets_it(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for turn in range(3):
            before = (await read_leases(context.database)).get("a")
            tries = await asyncio.gather(*(take(context, f"{turn}-{n}", before) for n in range(8)))
            assert len([one for one in tries if one]) == 1
            later(clock, seconds=11)

    with_installation(database, body)


def test_it_is_renewed_by_its_holder_and_taken_when_it_has_run_out(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        first = await take(context, "one")
        assert first is not None
        assert await take(context, "two", await read(context)) is None
        later(clock, seconds=9)
        renewed = await take(context, "one", first)
        later(clock, seconds=9)
        assert await take(context, "two", await read(context)) is None
        later(clock, seconds=2)
        assert await take(context, "two", await read(context))
        assert renewed is not None
        assert await take(context, "one", renewed) is None

    with_installation(database, body)


def test_what_is_given_back_is_free_at_once_and_no_others_is(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        first = await take(context, "one")
        assert first is not None
        await give_back(context, first)
        second = await take(context, "two", await read(context))
        assert second is not None
        await give_back(context, first)
        assert await read(context) == second

    with_installation(database, body)
