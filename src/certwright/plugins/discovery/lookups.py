"""Look-ups of host names during a sweep: a name with many ports is looked up once, a few at the same time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from ...core.egress import Address
from ..resolver import Resolver

NAMES_MAX = 4096
"""Names whose addresses are remembered."""

Found = tuple[Address, ...] | Exception
"""The addresses of a name, or why they were not found (Unreached, or a lack of ours)."""


class Lookups:
    """Tells each caller once. `running` look-ups are going on, for which `waiting` callers wait."""

    def __init__(self, resolver: Resolver, addresses_max: int) -> None:
        self._resolver = resolver
        self._addresses_max = addresses_max
        self._known: OrderedDict[str, Found] = OrderedDict()
        self.waiting = 0
        self._waiting: dict[str, list[Callable[[Found], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        return len(self._tasks)

    def find(self, host: str, told: Callable[[Found], None]) -> None:
        """It may be told before this returns."""
        if host in self._known:
            told(self._known[host])
            return
        self.waiting += 1
        self._waiting.setdefault(host, []).append(told)
        if len(self._waiting[host]) == 1:
            task = asyncio.get_running_loop().create_task(self._look_up(host))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look_up(self, host: str) -> None:
        found: Found
        try:
            found = (await self._resolver.addresses(host))[: self._addresses_max]
        except Exception as error:  # noqa: BLE001 - whoever waits for the addresses must hear of it
            found = error
        self._known[host] = found
        if len(self._known) > NAMES_MAX:
            self._known.popitem(last=False)
        for told in self._waiting.pop(host):
            self.waiting -= 1
            told(found)

    async def close(self) -> None:
        """Nothing is told any more."""
        self._waiting.clear()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
