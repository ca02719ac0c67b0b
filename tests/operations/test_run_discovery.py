"""Runs: what a source tells is on record as it comes, and a run that was cut short is gone on with."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Conflict, Forbidden, Malformed, Unavailable
from certwright.operations.context import Context
from certwright.operations.discovery_runs import (
    DiscoveryOrder,
    RunStatus,
    ask_discovery,
    cancel_run,
    find_run,
    run_status,
)
from certwright.operations.note_findings import check_health
from certwright.operations.run_discovery import AT_ONCE, next_run, run_discovery, run_waiting
from certwright.ports import DiscoverySource, Place, Progress, Scope, Sighting
from certwright.store.discovery_rows import FindingRow, SightingRow
from certwright.store.rows import AuditEventRow
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, opened
from tests.real.toy_chains import BEGIN, ToyAuthority

ROOT = ToyAuthority("Corp Root")
LEAVES = [ROOT.sign(f"n{number}", None, f"n{number}.example.test") for number in range(6)]
ORDER = DiscoveryOrder("toy", ("everything",), scope=5)
Body = Callable[[Context, MovableClock, "Toy"], Awaitable[None]]


class Toy:
    """A source that shows what it was given: it is the other side of our port, and a real one has tests of
    its own."""

    kind = "toy"

    def __init__(self) -> None:
        self.shown: list[Sighting | Progress] = []
        self.begun_after: list[str] = []
        self.begun_since: list[str] = []
        self.fails: Exception | None = None
        self.closed = 0

    def check(self, scope: Scope) -> None:
        if scope.targets == ("nonsense",):
            raise Malformed("nonsense is no target")

    async def look(self, scope: Scope) -> AsyncGenerator[Sighting | Progress, None]:
        self.begun_after.append(scope.after)
        self.begun_since.append(scope.since)
        try:
            for item in self.shown:
                yield item
            if self.fails is not None:
                raise self.fails
        finally:
            self.closed += 1


def run(database: Database, body: Body) -> None:
    async def main() -> None:
        clock, toy = MovableClock(), Toy()

        def open_source(name: str, settings: Mapping[str, Any]) -> DiscoverySource:
            assert name == "toy"
            return toy

        async with opened(database.url, Secrets(), clock) as context:
            await body(replace(context, open_source=open_source), clock, toy)

    asyncio.run(main())


def seen(number: int) -> Sighting:
    return Sighting(Place("tls", f"192.0.2.{number}", 443), BEGIN, (LEAVES[number], ROOT.certificate))


async def events(context: Context) -> list[tuple[str, dict[str, Any]]]:
    rows = await context.database.select(AuditEventRow, '1 = 1 ORDER BY "number"')
    bodies = [json.loads(row.body) for row in rows]
    return [(one["kind"], one["detail"]) for one in bodies if one["kind"].startswith("discovery.")]


def test_a_run_is_taken_in_and_told(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        problem = Sighting(Place("tls", "192.0.2.9", 443), BEGIN, problem="it says nothing")
        toy.shown = [seen(0), seen(1), problem, Progress(3, 3, "3")]
        row = await ask_discovery(context, ADMINISTRATOR, ORDER)
        assert run_status(row, clock()) is RunStatus.WAITING
        row = await run_discovery(context, row)
        assert run_status(row, clock()) is RunStatus.DONE
        assert (row.seen, row.new, row.appeared, row.gone, row.problems) == (2, 3, 2, 0, 1)
        assert await find_run(context.database, ADMINISTRATOR, row.id) == row
        (asked, what), (ended, numbers) = await events(context)
        assert (asked, ended) == ("discovery.asked", "discovery.ended")
        assert what == {"source": "toy", "targets": ["everything"], "targets_count": 1, "scope": "5"}
        assert (numbers["seen"], numbers["problems"]) == (2, 1)

    run(database, body)


def test_the_next_run_of_a_scope_says_what_is_gone(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        toy.shown = [seen(0), seen(1), seen(2)]
        await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, ORDER))
        other = replace(ORDER, scope=6)
        toy.shown = [seen(3)]
        await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, other))
        toy.shown = [seen(1)]
        row = await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, ORDER))
        assert row.gone == 2
        there = await context.database.select(SightingRow, '"ended_at" IS NULL ORDER BY "host"')
        assert [one.host for one in there] == ["192.0.2.1", "192.0.2.3"]

    run(database, body)


def test_a_run_begins_at_the_mark_of_the_one_before(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        async def again(order: DiscoveryOrder, *shown: Sighting | Progress) -> int:
            toy.shown = list(shown)
            row = await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, order))
            return row.gone

        await again(ORDER, seen(0), seen(1), Progress(2, 2, "2", mark="one"))
        assert await again(ORDER, seen(2), Progress(1, 1, "1", mark="two", whole=False)) == 0
        toy.fails = Unavailable("no way out from here")
        await again(ORDER, Progress(1, 1, "1", mark="failed"))
        toy.fails = None
        await again(ORDER, Progress(1, 1, "1", whole=False))
        await again(replace(ORDER, exclude=("something",)), Progress(1, 1, "1", mark="other", whole=False))
        await again(replace(ORDER, scope=0), Progress(1, 1, "1", mark="nobody's"))
        assert await again(ORDER, seen(2), Progress(1, 1, "1")) == 2, "this one has seen everything"
        assert toy.begun_since == ["", "one", "two", "two", "", "", "two"]

    run(database, body)


def test_one_that_fails_says_why_and_ends_nothing_of_what_was_there(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        toy.shown = [seen(0), seen(1)]
        await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, ORDER))
        toy.shown, toy.fails = [seen(0)], Unavailable("no way out from here")
        row = await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, ORDER))
        assert run_status(row, clock()) is RunStatus.FAILED
        assert (row.problem, row.seen, row.gone) == ("no way out from here", 1, 0)
        assert toy.closed == 2

    run(database, body)


def test_a_run_whose_worker_died_is_gone_on_with_from_its_cursor(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        row = await ask_discovery(context, ADMINISTRATOR, replace(ORDER, zone="dmz"))
        toy.shown = [seen(0), Progress(1, 2, "first")]

        async def dies(*_: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await run_discovery(context, row, dies)
        assert await next_run(context, "dmz") is None, "somebody may be at it still"
        clock.offset += timedelta(minutes=2)
        assert await next_run(context, "") is None
        left = await next_run(context, "dmz")
        assert left is not None
        assert run_status(left, clock()) is RunStatus.STALLED
        toy.shown = [seen(1)]
        row = await run_discovery(context, left)
        assert toy.begun_after == ["", left.after]
        assert (row.seen, run_status(row, clock())) == (left.seen + 1, RunStatus.DONE)

    run(database, body)


def test_what_was_not_to_be_seen_before_a_crash_is_not_gone_after_it(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        toy.shown = [seen(0), seen(1)]
        await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, ORDER))
        toy.shown = [seen(0), Progress(1, 2, "first", whole=False)]

        async def dies(*_: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, ORDER), dies)
        clock.offset += timedelta(minutes=2)
        left = await next_run(context, "")
        assert left is not None
        toy.shown = [Progress(2, 2, "last")]
        row = await run_discovery(context, left)
        assert (row.gone, row.whole, run_status(row, clock())) == (0, False, RunStatus.DONE)

    run(database, body)


def test_a_long_run_holds_up_no_others(database: Database) -> None:
    """As many as may be at once are under way, one of which does not end before all others have."""

    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        others_done, left = asyncio.Event(), 2 * AT_ONCE
        most = under_way = 0

        class Slow(Toy):
            async def look(self, scope: Scope) -> AsyncGenerator[Sighting | Progress, None]:
                nonlocal most, under_way, left
                under_way += 1
                most = max(most, under_way)
                if scope.targets == ("long",):
                    await others_done.wait()
                else:
                    await asyncio.sleep(0.01)
                    left -= 1
                    if not left:
                        others_done.set()
                under_way -= 1
                yield seen(0)

        context = replace(context, open_source=lambda name, settings: Slow())
        alone = replace(ORDER, scope=0)
        await ask_discovery(context, ADMINISTRATOR, replace(alone, targets=("long",)))
        for _ in range(left):
            await ask_discovery(context, ADMINISTRATOR, alone)
        await asyncio.wait_for(run_waiting(context, ""), 60)
        assert most == AT_ONCE
        assert await next_run(context, "") is None

    run(database, body)


def test_a_worker_that_stops_stops_its_runs(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        begun = asyncio.Event()

        class Endless(Toy):
            async def look(self, scope: Scope) -> AsyncGenerator[Sighting | Progress, None]:
                try:
                    begun.set()
                    await asyncio.sleep(3600)
                    yield seen(0)
                finally:
                    toy.closed += 1

        context = replace(context, open_source=lambda name, settings: Endless())
        row = await ask_discovery(context, ADMINISTRATOR, ORDER)
        working = asyncio.create_task(run_waiting(context, ""))
        await asyncio.wait_for(begun.wait(), 30)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert toy.closed == 1
        clock.offset += timedelta(minutes=2)
        assert (
            run_status(await find_run(context.database, ADMINISTRATOR, row.id), clock()) is RunStatus.STALLED
        )

    run(database, body)


def test_a_cancelled_run_stops(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        row = await ask_discovery(context, ADMINISTRATOR, ORDER)
        toy.shown = [seen(0)] * 600

        async def cancel(*_: object) -> None:
            await cancel_run(context, ADMINISTRATOR, row.id)

        await run_discovery(context, row, cancel)
        ended = await find_run(context.database, ADMINISTRATOR, row.id)
        assert run_status(ended, clock()) is RunStatus.CANCELLED
        assert toy.closed == 1
        assert [kind for kind, _ in await events(context)] == ["discovery.asked", "discovery.ended"]
        with pytest.raises(Conflict):
            await cancel_run(context, ADMINISTRATOR, row.id)

    run(database, body)


def test_who_may_ask(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        for role in (Role.AUDITOR, Role.REQUESTER, Role.RA_OFFICER):
            with pytest.raises(Forbidden):
                await ask_discovery(context, Actor("user:x", (Grant(role),)), ORDER)
        with pytest.raises(Forbidden):
            await ask_discovery(context, Actor("user:x", (Grant(Role.OPERATOR, "team:a"),)), ORDER)
        await ask_discovery(context, Actor("user:x", (Grant(Role.OPERATOR),)), ORDER)

    run(database, body)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (replace(ORDER, targets=()), "nothing to look at"),
        (replace(ORDER, targets=("nonsense",)), "no target"),
        (replace(ORDER, targets=("a\nb",)), "printable"),
        (replace(ORDER, targets=("x",) * 1_001), "at once"),
        (replace(ORDER, zone="z" * 61), "zone"),
        (replace(ORDER, settings={"x": "y" * 300_000}), "longer"),
    ],
)
def test_what_cannot_be_looked_at_is_said_at_once(
    database: Database, order: DiscoveryOrder, told: str
) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        with pytest.raises(Malformed, match=told):
            await ask_discovery(context, ADMINISTRATOR, order)

    run(database, body)


def test_findings_open_with_their_fact_and_close_with_it(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, toy: Toy) -> None:
        async def open_codes() -> set[str]:
            rows = await context.database.select(FindingRow, '"closed_at" IS NULL')
            return {row.code for row in rows}

        toy.shown = [Sighting(Place("tls", "192.0.2.1", 443, "x.example.test"), BEGIN, (LEAVES[0],))]
        await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, ORDER))
        assert await open_codes() == {
            *("served.chain-incomplete", "served.name-mismatch", "certificate.untrusted")
        }
        assert await check_health(context) == (0, 0), "nothing is opened twice"
        toy.shown = [Sighting(Place("tls", "192.0.2.1", 443, "n1.example.test"), BEGIN, (LEAVES[1],))]
        await run_discovery(context, await ask_discovery(context, ADMINISTRATOR, ORDER))
        assert await open_codes() == {"served.chain-incomplete", "certificate.untrusted"}

    run(database, body)
