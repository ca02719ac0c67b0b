"""A run over a plan: starts probes as pace, sockets and the reader of its results allow, and loses none.

All of it happens on one event loop, in short steps; only look-ups of host names are tasks.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from heapq import heappop, heappush

from ...core.egress import Address, EgressPolicy, Unreached, check_address
from ...core.errors import Forbidden, Unavailable
from ...core.targets import Item, Plan
from ...ports import Place, Progress, Sighting
from .lookups import Found, Lookups
from .pacing import Pace
from .probe import KIND, Manner, Probe

PROGRESS_SECONDS = 0.5
STARTS_AT_ONCE = 64
"""Probes that one step of the event loop begins, so that it stays free for answers."""
READY_MAX = 200
"""Results that may wait for the reader; then no probe begins."""
DELAYED_MAX = 4096
"""Probes that may wait for their network's pace; then no further item is taken."""
LOOKUPS_MAX = 64


@dataclass(slots=True, order=True)
class _Delayed:
    """A probe that may begin at a moment; its number in the plan breaks ties."""

    moment: float
    number: int
    order: int
    probe: Probe


class Sweep:
    """One run. `events` may be asked for once."""

    def __init__(
        self,
        plan: Plan,
        begin: int,
        manner: Manner,
        policy: EgressPolicy,
        lookups: Lookups,
        pace: Pace,
        concurrency: int,
    ) -> None:
        self._plan, self._next = plan, begin
        self._manner, self._policy, self._lookups, self._pace = manner, policy, lookups, pace
        self._concurrency = self._most = concurrency
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Sighting | Progress] = deque()
        self._delayed: list[_Delayed] = []
        self._active: dict[Probe, int] = {}
        self._open: dict[int, int] = {}
        """Numbers of items that are not done, in the order they were taken, and their parts that are left."""
        self._order = 0
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._wake: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._forbidden: Forbidden | None = None
        self._allowed = False

    async def events(self) -> AsyncGenerator[Sighting | Progress]:
        """Sightings as they come, and Progress. Raises Forbidden where nothing could be reached, Unavailable
        for a lack of ours."""
        try:
            self._tick()
            while True:
                while self._ready:
                    yield self._ready.popleft()
                if self._failure:
                    raise self._failure
                if self._over():
                    break
                self._soon()
                self._wake = self._loop.create_future()
                await self._wake
            if self._forbidden and not self._allowed:
                raise Forbidden(f"nothing of the scope may be reached: {self._forbidden.detail}")
            yield self._progress()
        finally:
            self._close()
            await self._lookups.close()

    def _over(self) -> bool:
        return self._next >= self._plan.total and not self._open

    def _close(self) -> None:
        for timer in (self._timer, self._ticker):
            if timer:
                timer.cancel()
        for probe in self._active:
            probe.close()
        self._active.clear()

    # -- progress --

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(PROGRESS_SECONDS, self._tick)
        self._concurrency = min(self._concurrency + 1 + self._concurrency // 8, self._most)
        if self._ready and isinstance(self._ready[-1], Progress):
            self._ready.pop()
        self._tell(self._progress())
        self._soon()

    def _progress(self) -> Progress:
        """Every number before the cursor's is done, and what was seen there is told before."""
        cursor = next(iter(self._open), self._next)
        return Progress(self._next - len(self._open), self._plan.total, self._plan.cursor(cursor))

    def _tell(self, event: Sighting | Progress) -> None:
        self._ready.append(event)
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake and not self._wake.done():
            self._wake.set_result(None)

    # -- beginning probes --

    def _soon(self) -> None:
        """Begin more as soon as the event loop has done what it has."""
        self._again(0)

    def _again(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        step = self._step
        self._timer = self._loop.call_later(seconds, step) if seconds else self._loop.call_soon(step)

    def _step(self) -> None:
        self._timer = None
        try:
            self._begin_some()
        except Exception as error:  # noqa: BLE001 - the event loop would only log it
            self.failed(error)

    def _begin_some(self) -> None:
        for _ in range(STARTS_AT_ONCE):
            if len(self._active) >= self._concurrency or len(self._ready) >= READY_MAX or self._failure:
                return
            now = self._loop.time()
            if wait := self._pace.wait(now):
                self._again(wait)
                return
            if not (self._delayed and self._delayed[0].moment <= now) and not self._take(now):
                if self._delayed:
                    self._again(self._delayed[0].moment - now)
                return
            if self._delayed and self._delayed[0].moment <= now:
                self._begin(heappop(self._delayed), now)
        self._soon()

    def _take(self, now: float) -> bool:
        """Take the next item of the plan. False where there is none, or none may be taken now."""
        if self._next >= self._plan.total or len(self._delayed) >= DELAYED_MAX:
            return False
        if self._lookups.running >= LOOKUPS_MAX or self._lookups.waiting >= DELAYED_MAX:
            return False
        number, self._next = self._next, self._next + 1
        item = self._plan.item(number)
        if item is None:
            self._end_when_over()
        elif isinstance(item.host, str):
            self._open[number] = 1
            self._lookups.find(item.host, lambda found: self._found(number, item, found))
        else:
            self._open[number] = 1
            self._delay(number, item, item.host, now)
        return True

    def _end_when_over(self) -> None:
        if self._over():
            self._wake_up()

    def _found(self, number: int, item: Item, found: Found) -> None:
        """The addresses of a host name; each is looked at."""
        if isinstance(found, Unreached):
            if item.alone or item.first:
                self._tell(self._nowhere(item, found.detail))
            self._done(number)
        elif isinstance(found, Exception):
            self.failed(found)
        else:
            kept = [one for one in found if not self._plan.exclusions.holds(one, item.port)]
            self._open[number] = len(kept) + 1
            for address in kept:
                self._delay(number, item, address, self._loop.time())
            self._done(number)
        self._soon()

    def _nowhere(self, item: Item, problem: str) -> Sighting:
        """A host that has no address."""
        host = str(item.host)
        place = Place(KIND, host, item.port if item.alone else 0, host)
        return Sighting(place, self._manner.clock(), facts={"asked": host}, problem=problem)

    def _delay(self, number: int, item: Item, address: Address, now: float) -> None:
        """Let it begin when its network's pace allows, if it may be reached at all."""
        probe = Probe(item, address, self._manner, self)
        try:
            check_address(self._policy, address)
        except Forbidden as error:
            self._forbidden = error
            if item.alone:
                self._tell(probe.not_looked_at(error.detail))
            self._done(number)
            return
        self._allowed = True
        self._wait(number, probe, self._pace.reserve(address, now))

    def _wait(self, number: int, probe: Probe, moment: float) -> None:
        self._order += 1
        heappush(self._delayed, _Delayed(moment, number, self._order, probe))

    def _begin(self, delayed: _Delayed, now: float) -> None:
        self._pace.begun(now)
        self._active[delayed.probe] = delayed.number
        delayed.probe.start()

    # -- ending probes --

    def saw(self, sighting: Sighting) -> None:
        self._tell(sighting)

    def paused(self, probe: Probe) -> None:
        number = self._active.pop(probe)
        self._wait(number, probe, self._pace.reserve(probe.address, self._loop.time()))
        self._soon()  # before what it may be waiting for

    def ended(self, probe: Probe, answered: bool, lack: str) -> None:
        number = self._active.pop(probe)
        if lack:
            self._lacking(probe, number, lack)
            return
        self._pace.ended(probe.address, answered)
        self._done(number)
        if self._timer is None:
            self._soon()

    def _lacking(self, probe: Probe, number: int, lack: str) -> None:
        """Go on with as many connections as there are, for a while; the probe asks again."""
        if not self._active:
            self.failed(Unavailable(f"no connection can be opened from here: {lack}"))
            return
        self._concurrency = len(self._active)
        probe.back()
        self._wait(number, probe, self._loop.time())
        self._soon()

    def _done(self, number: int) -> None:
        self._open[number] -= 1
        if not self._open[number]:
            del self._open[number]
            self._end_when_over()

    def failed(self, error: Exception) -> None:
        """End the run; whoever reads its events hears of the first."""
        self._failure = self._failure or error
        self._wake_up()
