"""The contract of DiscoverySource, as tests to run against any implementation.

    class TestMySource(DiscoverySourceContract):
        @asynccontextmanager
        async def situation(self, case: Case) -> AsyncIterator[Situation]:
            async with places_that_are_like(case) as there:
                yield Situation(MySource(...), Scope((...,)), there.expected)

pytest finds the class and runs every test, once for each event loop. What a situation sets up must be real:
the source is to find it where it is.
"""

import asyncio
import gc
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar, cast

from ..core.errors import Malformed
from ..ports import DiscoverySource, Place, Progress, Scope, Sighting

Event = Sighting | Progress
PROBLEM_MAX = 300
CLOSING_ROUNDS = 40
"""Of 50 ms, in which what was cancelled must be closed: some is closed by a thread, or by the loop later."""
_FACT = re.compile(r"[a-z][a-z0-9_]*")


class Case(StrEnum):
    """GOOD: at least three places, each with a chain, and nothing is wrong. BAD: every place has something
    wrong with it, among it whatever never ends. EMPTY: nothing is there, and nobody had said so. NO_SCOPE: no
    target at all. SLOW: looking takes seconds, and what is there has no task or file of this process that
    comes or goes."""

    GOOD = "good"
    BAD = "bad"
    EMPTY = "empty"
    NO_SCOPE = "no-scope"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Situation:
    """A source, what it is to look at, and what it must find there: chains by place, empty ones for problems.

    In GOOD, `exclusion` is a line that leaves out exactly the places of `excluded`, and `unreadable` are
    targets that cannot be read. `touched` gives the places that the source has been at so far, if it can be
    told. `seconds` bounds a whole look.
    """

    source: DiscoverySource
    scope: Scope
    expected: Mapping[Place, tuple[bytes, ...]] = field(default_factory=dict)
    exclusion: str = ""
    excluded: frozenset[Place] = frozenset()
    unreadable: tuple[str, ...] = ("\x00", " ")
    touched: Callable[[], set[Place]] = set
    seconds: float = 20.0


class DiscoverySourceContract:
    """Inherit, define `situation`."""

    loops: ClassVar[tuple[Callable[[], asyncio.AbstractEventLoop], ...]] = (asyncio.new_event_loop,)

    def situation(self, case: Case) -> AbstractAsyncContextManager[Situation]:
        """Set up what the case needs, on the running event loop; it is gone at the end of the block."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "loop" in metafunc.fixturenames:
            names = [loop.__module__.partition(".")[0] for loop in self.loops]
            metafunc.parametrize("loop", self.loops, ids=names)

    # -- the tests --

    def test_every_chain_is_seen(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            seen = _sightings(await _look(situation))
            assert len(situation.expected) >= 3, "the situation must have three places"
            assert {one.place: one.chain for one in seen} == situation.expected
            for one in seen:
                _check_form(situation, one)
                assert one.problem == ""

        self._run(loop, Case.GOOD, body)

    def test_looking_changes_nothing(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            first, second = [_sightings(await _look(situation)) for _ in range(2)]
            assert {(one.place, one.chain) for one in first} == {(one.place, one.chain) for one in second}

        self._run(loop, Case.GOOD, body)

    def test_progress_goes_on_to_the_end(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            events = await _look(situation)
            progress = [event for event in events if isinstance(event, Progress)]
            assert events[-1:] == progress[-1:], "the last word must be Progress"
            assert [one.done for one in progress] == sorted(one.done for one in progress)
            assert all(one.done <= one.total or one.total == 0 for one in progress)
            assert progress[-1].total in {0, progress[-1].done}

        self._run(loop, Case.GOOD, body)

    def test_nothing_is_missed_after_any_cursor(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            events = await _look(situation)
            later: list[Sighting] = []
            for at, event in enumerate(events):
                if isinstance(event, Progress):
                    after = replace(situation.scope, after=event.cursor)
                    later = _sightings(await _look(replace(situation, scope=after)))
                    both = {one.place for one in (*_sightings(events[:at]), *later)}
                    assert both == set(situation.expected)
            assert later == [], "after the last cursor there is nothing left"

        self._run(loop, Case.GOOD, body)

    def test_what_is_excluded_is_not_touched(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            assert situation.excluded, "the situation must have an exclusion"
            scope = replace(situation.scope, exclude=(situation.exclusion,))
            seen = _sightings(await _look(replace(situation, scope=scope)))
            assert {one.place for one in seen} == set(situation.expected) - situation.excluded
            assert not situation.touched() & situation.excluded

        self._run(loop, Case.GOOD, body)

    def test_checking_touches_nothing(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            situation.source.check(situation.scope)
            assert situation.touched() == set()

        self._run(loop, Case.GOOD, body)

    def test_what_cannot_be_read_is_malformed(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            for line in situation.unreadable:
                scope = Scope((*situation.scope.targets, line))
                details = [_refusal(lambda scope=scope: situation.source.check(scope))]  # type: ignore[misc]
                try:
                    await _look(replace(situation, scope=scope))
                except Malformed as error:
                    details.append(error.detail)
                assert len(details) == 2, f"looking at {line!r} did not raise Malformed"
                assert all(detail.isprintable() for detail in details)
            assert situation.touched() == set()

        self._run(loop, Case.GOOD, body)

    def test_a_cursor_of_something_else_is_malformed(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            scope = replace(situation.scope, after="no cursor of ours")
            assert _refusal(lambda: situation.source.check(scope)).isprintable()

        self._run(loop, Case.GOOD, body)

    def test_what_is_wrong_is_told_in_one_line_and_in_time(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            seen = _sightings(await _look(situation))
            assert {one.place for one in seen} == set(situation.expected)
            for one in seen:
                _check_form(situation, one)
                assert one.problem
                assert one.chain == ()

        self._run(loop, Case.BAD, body)

    def test_where_nothing_is_nothing_is_seen(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            assert _sightings(await _look(situation)) == []

        self._run(loop, Case.EMPTY, body)
        self._run(loop, Case.NO_SCOPE, body)

    def test_closing_leaves_nothing_open(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            before, tasks = _open_files(), asyncio.all_tasks()
            async with aclosing(cast(Any, situation.source.look(situation.scope))) as events:
                async for _ in events:
                    break
            await asyncio.sleep(0.05)
            assert asyncio.all_tasks() == tasks
            assert _open_files() == before

        self._run(loop, Case.SLOW, body)

    def test_cancelling_leaves_nothing_open(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            before, tasks = _open_files(), asyncio.all_tasks()
            task = asyncio.create_task(_look(situation))
            await asyncio.sleep(0.3)
            assert not task.done(), "the situation must take longer than that"
            task.cancel()
            await asyncio.wait({task}, timeout=situation.seconds)
            assert task.cancelled()
            del task
            gc.collect()
            for _ in range(CLOSING_ROUNDS):
                await asyncio.sleep(0.05)
                if asyncio.all_tasks() == tasks and _open_files() <= before:
                    break
            assert asyncio.all_tasks() == tasks
            assert _open_files() <= before

        self._run(loop, Case.SLOW, body)

    def test_progress_is_told_every_second(self, loop: Any) -> None:
        async def body(situation: Situation) -> None:
            clock, moments = asyncio.get_running_loop().time, []
            async with aclosing(cast(Any, situation.source.look(situation.scope))) as events:
                begun = clock()
                async for event in events:
                    if isinstance(event, Progress):
                        moments.append(clock())
                    if clock() - begun > 2.5:
                        break
            gaps = [later - earlier for earlier, later in zip([begun, *moments], moments, strict=False)]
            assert gaps
            assert max(gaps) < 1.5, f"without a word for {max(gaps):.1f} s"

        self._run(loop, Case.SLOW, body)

    def _run(
        self,
        loop: Callable[[], asyncio.AbstractEventLoop],
        case: Case,
        body: Callable[[Situation], Any],
    ) -> None:
        async def whole() -> None:
            async with self.situation(case) as situation:
                await body(situation)

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(whole())


async def _look(situation: Situation) -> list[Event]:
    async def all_of(events: AsyncIterator[Event]) -> list[Event]:
        return [event async for event in events]

    try:
        return await asyncio.wait_for(all_of(situation.source.look(situation.scope)), situation.seconds)
    except TimeoutError:
        raise AssertionError(f"the look did not end within {situation.seconds:g} s") from None


def _sightings(events: list[Event]) -> list[Sighting]:
    return [event for event in events if isinstance(event, Sighting)]


def _check_form(situation: Situation, sighting: Sighting) -> None:
    """What the port says of a sighting, whatever was seen."""
    place = sighting.place
    assert place.kind == situation.source.kind
    assert len(place.kind) <= 60
    assert len(place.host) <= 253
    assert len(place.name) <= 1024
    assert sighting.at.tzinfo is not None
    assert len(sighting.problem) <= PROBLEM_MAX
    assert sighting.problem.isprintable()
    assert all(map(_FACT.fullmatch, sighting.facts))
    json.dumps(dict(sighting.facts))


def _refusal(act: Callable[[], None]) -> str:
    try:
        act()
    except Malformed as error:
        return error.detail
    raise AssertionError("Malformed was not raised")


def _open_files() -> set[str]:
    """File descriptors of this process and what they are; sockets have a number of their own."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:
            continue  # that of the listing itself
    return found
