"""The status feed: every change of a certificate's status, in commit order, as responders follow it.

A responder that has not been able to read the feed for `STALE_SECONDS` must not speak about status.

A database may be put back: restored from a backup, or replaced by a replica that lagged. Then places in the
feed are given a second time. A place is therefore known by its number and by what its commit has left in the
audit chain, and whoever finds that a place he knows is not there any more begins anew.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import CertwrightError
from .databases import Database
from .rows import StatusChangeRow

POLL_SECONDS = 0.2
STALE_SECONDS = 10.0
PAGE = 5_000
CHAIN_OCTETS = 32

Listener = Callable[[list[StatusChangeRow]], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the feed of one history of the database; `seq` 0 is before the first change, in any."""

    seq: int
    chain: bytes


START = Place(0, bytes(CHAIN_OCTETS))


async def newest_place(database: Database) -> Place:
    """Where the feed ends. Raises Unavailable."""
    rows = await database.query('SELECT "seq", "chain" FROM "status_change" ORDER BY "seq" DESC LIMIT 1')
    return Place(*rows[0]) if rows else START


async def has_place(database: Database, place: Place) -> bool:
    """Is the database of the history that this place was read from? Raises Unavailable."""
    rows = await database.query('SELECT "chain" FROM "status_change" WHERE "seq" = ?', place.seq)
    return place == START or [row[0] for row in rows] == [place.chain]


class StatusFeed:
    """Tells its listeners what is new since `begin`. `place` is where it has come to, another object after
    each move; `begun` counts its beginnings."""

    def __init__(self, database: Database, steady: Callable[[], float]) -> None:
        self.place = START
        self.begun = 0
        self.confirmed = -STALE_SECONDS
        self._database = database
        self._steady = steady
        self._listeners: list[tuple[Listener, Callable[[], None]]] = []

    def listen(self, learn: Listener, begin_again: Callable[[], None]) -> None:
        """`begin_again`: what was learnt is of a history that the database does not have any more."""
        self._listeners.append((learn, begin_again))

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
        self.place = await newest_place(self._database)
        self.begun += 1
        for _, begin_again in self._listeners:
            begin_again()
        self.confirmed = asked

    async def poll(self) -> None:
        """Read what is new, in pages, with the place known; begin again where that is gone. Raises
        Unavailable."""
        while True:
            asked, known = self._steady(), self.place
            rows = await self._database.select(
                StatusChangeRow, f'"seq" >= ? ORDER BY "seq" LIMIT {PAGE}', known.seq
            )
            if self.place is not known:
                continue  # somebody else has read on meanwhile
            if known is not START and (not rows or Place(rows[0].seq, rows[0].chain) != known):
                return await self.begin()
            self._tell(rows if known is START else rows[1:])
            if len(rows) < PAGE:
                self.confirmed = asked
                return None

    def _tell(self, rows: list[StatusChangeRow]) -> None:
        if rows:
            self.place = Place(rows[-1].seq, rows[-1].chain)
            for learn, _ in self._listeners:
                learn(rows)

    async def follow(self, report: Callable[[CertwrightError], None]) -> None:
        """Follow until cancelled; what goes wrong is reported and tried again."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.poll()
            except CertwrightError as error:
                report(error)
