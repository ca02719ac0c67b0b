"""What is published, as bytes to serve: lists, authority certificates. Read from the store, kept for a moment."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.errors import NotFound, Unavailable
from ..store.databases import Database
from ..store.rows import CrlRow
from ..store.snapshot import Generation

LOOK_AGAIN = timedelta(seconds=1)
LISTS_MAX = 256


@dataclass(slots=True)
class _Kept:
    row: CrlRow
    looked_at: datetime


class PublishedLists:
    """The newest list of each shard. One per event loop; looks for a newer one once a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[tuple[int, int, bool], _Kept] = OrderedDict()

    async def newest(self, generation: Generation, shard: int, delta: bool, now: datetime) -> CrlRow:
        """Raises NotFound, and Unavailable rather than give out a list past its nextUpdate."""
        key = (generation.id, shard, delta)
        kept = self._kept.get(key)
        if kept is None or now - kept.looked_at >= LOOK_AGAIN:
            kept = await self._look(key, kept, now)
        if kept.row.next_update <= now:
            raise Unavailable(
                f"the list of {generation.path} shard {shard} is out of date; is the worker running?"
            )
        return kept.row

    async def _look(self, key: tuple[int, int, bool], kept: _Kept | None, now: datetime) -> _Kept:
        generation, shard, delta = key
        numbers = await self._database.query(
            'SELECT max("number") FROM "crl" WHERE "generation_id" = ? AND "shard" = ? AND "base_number" '
            + ("> 0" if delta else "= 0"),
            generation,
            shard,
        )
        if not numbers or numbers[0][0] is None:
            raise NotFound(f"there is no {'delta ' if delta else ''}list for shard {shard}")
        if kept is None or kept.row.number != numbers[0][0]:
            rows = await self._database.select(
                CrlRow,
                '"generation_id" = ? AND "shard" = ? AND "number" = ? ORDER BY "base_number" '
                + ("DESC" if delta else ""),
                generation,
                shard,
                numbers[0][0],
            )
            kept = _Kept(rows[0], now)
        kept.looked_at = now
        self._kept[key] = kept
        while len(self._kept) > LISTS_MAX:
            self._kept.popitem(last=False)
        return kept
