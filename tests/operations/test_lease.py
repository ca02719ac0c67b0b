"""Leases: one holder at a time, whatever happens at the same moment."""

import asyncio
from datetime import timedelta

import pytest

from certwright.core.clocks import CLOCK_LAG
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


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=365)], ids=str)
def test_one_that_was_taken_while_a_clock_was_ahead_holds_nobody_up(
    database: Database, ahead: timedelta
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        clock.offset += ahead
        assert await take(context, "gone")
        clock.offset -= ahead
        assert await take(context, "one", await read(context))
        assert await take(context, "two", await read(context)) is None

    with_installation(database, body)


def test_one_of_a_host_whose_clock_is_a_little_ahead_holds(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        clock.offset += CLOCK_LAG
        assert await take(context, "one")
        clock.offset -= CLOCK_LAG
        assert await take(context, "two", await read(context)) is None

    with_installation(database, body)
