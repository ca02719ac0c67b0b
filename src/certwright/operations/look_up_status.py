"""The status of single certificates, read from the store and kept for a while.

What many requests ask for at the same time is looked up together, one query at a time: a flood of questions
about serials that nobody issued takes one connection and a bounded queue, not all there are. That a serial is
unknown is never kept, since issuance is not in the status feed.
"""

import asyncio
from collections import OrderedDict

from ..core import ocsp
from ..core.errors import Unavailable
from ..core.ocsp import CertStatus
from ..store.databases import Database
from ..store.feed import StatusFeed
from ..store.rows import CertificateRow
from .revoke import facts_of

KEPT_MAX = 50_000
WAITING_MAX = 2_000
TOGETHER = (1, 16, 256)
"""How many serials one query asks for: few forms of query, so that the database need not plan each anew."""

Key = tuple[int, bytes]
"""Authority generation, and content octets of the serial."""


class StatusLookups:
    """One per event loop."""

    def __init__(self, database: Database, feed: StatusFeed) -> None:
        self._database = database
        self._feed = feed
        self._kept: OrderedDict[Key, CertStatus] = OrderedDict()
        self._waiting: dict[Key, asyncio.Future[CertStatus]] = {}
        self._task: asyncio.Task[None] | None = None

    def forget(self, generation: int, serial: bytes) -> None:
        """The feed tells of a change."""
        self._kept.pop((generation, serial), None)

    def begin_again(self) -> None:
        """The database was put back: nothing that is kept need be so any more."""
        self._kept.clear()

    async def find(self, generation: int, serial: bytes) -> CertStatus:
        """`ocsp.UNKNOWN` for what was never issued. Raises Unavailable."""
        key = (generation, serial)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= WAITING_MAX:
                raise Unavailable("more certificates are being looked up than the store can answer for", 1)
            waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._task is None:
                self._task = asyncio.create_task(self._look_up_all())
        return await asyncio.shield(waiting)

    async def _look_up_all(self) -> None:
        await asyncio.sleep(0)  # let the rest of this turn of the loop join
        try:
            while self._waiting:
                generation = next(iter(self._waiting))[0]
                serials = [key[1] for key in self._waiting if key[0] == generation][: TOGETHER[-1]]
                asked = {serial: self._waiting.pop((generation, serial)) for serial in serials}
                await self._look_up(generation, asked)
        finally:
            self._task = None

    async def _look_up(self, generation: int, asked: dict[bytes, "asyncio.Future[CertStatus]"]) -> None:
        place = self._feed.place
        try:
            rows = await self._select(generation, list(asked))
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            for waiting in asked.values():
                _fail(waiting, error)
            return
        found = {row.serial: _status_of(row) for row in rows}
        if place is self._feed.place:
            self._keep(generation, found)
        for serial, waiting in asked.items():
            if not waiting.done():
                waiting.set_result(found.get(serial, ocsp.UNKNOWN))

    async def _select(self, generation: int, serials: list[bytes]) -> list[CertificateRow]:
        size = next(size for size in TOGETHER if size >= len(serials))
        filled = serials + serials[-1:] * (size - len(serials))
        marks = ",".join("?" * size)
        return await self._database.select(
            CertificateRow, f'"generation_id" = ? AND "serial" IN ({marks})', generation, *filled
        )

    def _keep(self, generation: int, found: dict[bytes, CertStatus]) -> None:
        for serial, status in found.items():
            self._kept[generation, serial] = status
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)


def _status_of(row: CertificateRow) -> CertStatus:
    facts = facts_of(row)
    return ocsp.revoked(facts) if facts else ocsp.GOOD


def _fail(waiting: "asyncio.Future[CertStatus]", error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)
        waiting.exception()  # who asked may be gone; then nobody else needs to hear of it
