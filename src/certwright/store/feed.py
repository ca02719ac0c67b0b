"""The status feed: every change of a certificate's status, in commit order, as responders follow it.

A responder that has not been able to read the feed for `STALE_SECONDS` must not speak about status.
"""

import asyncio
from collections.abc import Callable

from ..core.errors import CertwrightError
from .databases import Database
from .rows import StatusChangeRow

POLL_SECONDS = 0.2
STALE_SECONDS = 10.0
PAGE = 5_000

Listener = Callable[[list[StatusChangeRow]], None]


class StatusFeed:
    """Tells its listeners what is new since `begin`. `seq` is the place it has come to."""

    def __init__(self, database: Database, steady: Callable[[], float]) -> None:
        self.seq = 0
        self.confirmed = -STALE_SECONDS
        self._database = database
        self._steady = steady
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    @property
    def age(self) -> float:
        """Seconds since the feed was last read to its end."""
        return self._steady() - self.confirmed

    @property
    def stale(self) -> bool:
        return self.age > STALE_SECONDS

    async def begin(self) -> None:
        """Begin with what comes from now on; listeners read older changes themselves. Raises Unavailable."""
        asked = self._steady()
        rows = await self._database.query('SELECT max("seq") FROM "status_change"')
        self.seq = rows[0][0] or 0
        self.confirmed = asked

    async def poll(self) -> None:
        """Read what is new, in pages. Raises Unavailable."""
        asked = self._steady()
        while True:
            rows = await self._database.select(
                StatusChangeRow, f'"seq" > ? ORDER BY "seq" LIMIT {PAGE}', self.seq
            )
            if rows:
                self.seq = rows[-1].seq
                for listener in self._listeners:
                    listener(rows)
            if len(rows) < PAGE:
                self.confirmed = asked
                return

    async def follow(self, report: Callable[[CertwrightError], None]) -> None:
        """Follow until cancelled; what goes wrong is reported and tried again."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.poll()
            except CertwrightError as error:
                report(error)
