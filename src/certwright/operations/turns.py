"""Work of many parties in one event loop, done so that no party holds up the others.

Of each party so much is under way at once, and of all together; the parties' next pieces are taken in turn.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial

Work = Callable[[], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How many pieces are under way at once, and how many wait: of all parties, and of each."""

    at_once: int
    at_once_each: int
    waiting: int
    waiting_each: int


@dataclass(slots=True)
class Turns:
    """A piece of work is known by its key until it is done."""

    limits: TurnLimits
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _under_way: Counter[str] = field(default_factory=Counter)
    _queues: dict[str, deque[tuple[int, Work]]] = field(default_factory=dict)
    _waiting: set[int] = field(default_factory=set)
    _next: dict[str, None] = field(default_factory=dict)
    """The parties whose turn will come: those with work that waits and may begin, in order."""

    def has_room(self, party: str) -> bool:
        """Would one more piece of this party be taken? What others have waiting does not matter."""
        return len(self._queues.get(party, ())) < self.limits.waiting_each

    def take(self, party: str, key: int, work: Work) -> bool:
        """Do it when the party's turn comes. False: there is no room; what is known already has its room.

        When too much waits in all, the newest piece of the longest queue is given up for it.
        """
        if key in self._tasks or key in self._waiting:
            return True
        if not self.has_room(party):
            return False
        self._queues.setdefault(party, deque()).append((key, work))
        self._waiting.add(key)
        self._line_up(party)
        self._begin()
        if len(self._waiting) > self.limits.waiting:
            self._shorten()
        return key in self._tasks or key in self._waiting

    def _shorten(self) -> None:
        """Of queues equally long, the last that came."""
        party = max(reversed(self._queues), key=lambda one: len(self._queues[one]))
        key, _ = self._queues[party].pop()
        self._waiting.discard(key)
        if not self._queues[party]:
            del self._queues[party]
            self._next.pop(party, None)

    def _line_up(self, party: str) -> None:
        if party in self._queues and self._under_way[party] < self.limits.at_once_each:
            self._next.setdefault(party)

    def _begin(self) -> None:
        while self._next and len(self._tasks) < self.limits.at_once:
            party = next(iter(self._next))
            del self._next[party]
            queue = self._queues[party]
            key, work = queue.popleft()
            if not queue:
                del self._queues[party]
            self._waiting.discard(key)
            self._under_way[party] += 1
            task = asyncio.get_running_loop().create_task(work())
            self._tasks[key] = task
            task.add_done_callback(partial(self._done, party, key))
            self._line_up(party)

    def _done(self, party: str, key: int, _: asyncio.Task[None]) -> None:
        del self._tasks[key]
        self._under_way[party] -= 1
        if not self._under_way[party]:
            del self._under_way[party]
        self._line_up(party)
        self._begin()

    async def close(self) -> None:
        """Give up what waits and what is under way."""
        self._queues.clear()
        self._waiting.clear()
        self._next.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
