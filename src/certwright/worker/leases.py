"""The leases of this process: looked after by one task, asked about by all others without a wait."""

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta

from ..operations.context import Context
from ..operations.lease import give_back, read_leases, take_lease
from ..store.rows import LeaseRow


class Leases:
    """Tries to have the leases it is told to want, and keeps those it got."""

    def __init__(self, context: Context, seconds: float) -> None:
        self._context = context
        self._seconds = seconds
        self._wanted: dict[str, str] = {}
        self._held: dict[str, tuple[LeaseRow, float]] = {}

    def want(self, names: Iterable[str], holder: str) -> None:
        """From the next `renew` on, under this holder's name."""
        self._wanted |= dict.fromkeys(names, holder)

    def holds(self, name: str) -> bool:
        """By this process's own clock: what could not be renewed ends here no later than for others."""
        held = self._held.get(name)
        return held is not None and time.monotonic() < held[1]

    async def renew(self) -> None:
        """Take what is free and renew what is ours, in one commit. Raises Unavailable."""
        rows = await read_leases(self._context.database)
        await asyncio.gather(
            *(self._renew(name, holder, rows.get(name)) for name, holder in self._wanted.items())
        )

    async def _renew(self, name: str, holder: str, before: LeaseRow | None) -> None:
        ends = time.monotonic() + self._seconds
        row = await take_lease(self._context, name, holder, timedelta(seconds=self._seconds), before)
        if row is None:
            self._held.pop(name, None)
        else:
            self._held[name] = (row, ends)

    async def release(self) -> None:
        """End all of them, so that others need not wait. Raises Unavailable."""
        rows, self._wanted, self._held = [row for row, _ in self._held.values()], {}, {}
        await asyncio.gather(*(give_back(self._context, row) for row in rows))
