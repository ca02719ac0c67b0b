"""Published lists, as bytes to serve: read from the store, kept for a moment."""

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.errors import NotFound, Unavailable
from ..store.databases import Database
from ..store.rows import CrlRow
from ..store.snapshot import Generation

LOOK_AGAIN = timedelta(seconds=1)
LISTS_MAX = 512
OCTETS_MAX = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A CRL in DER. `digest` is its SHA-256."""

    number: int
    der: bytes
    digest: bytes
    this_update: datetime
    next_update: datetime


@dataclass(slots=True)
class _Kept:
    found: PublishedList
    looked_at: datetime


Key = tuple[int, int, bool]
"""Authority generation, shard, and whether it is the delta."""


class PublishedLists:
    """The newest list of each shard. One per event loop; looks for a newer one once a second.

    While the store cannot be asked, what was read before is given out until its nextUpdate.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._octets = 0
        self._loading = asyncio.Lock()

    async def newest(self, generation: Generation, shard: int, delta: bool, now: datetime) -> PublishedList:
        """Raises NotFound, and Unavailable rather than give out a list past its nextUpdate."""
        if shard >= generation.authority.crl_shards:
            raise NotFound(f"authority {generation.path} has no CRL shard {shard}")
        key = (generation.id, shard, delta)
        kept = self._kept.get(key)
        if kept is None:
            async with self._loading:  # a long list is not read by several requests at once
                kept = self._kept.get(key) or await self._look(key, None, now)
        elif not timedelta() <= now - kept.looked_at < LOOK_AGAIN:
            kept.looked_at = now
            kept = await self._look(key, kept, now)
        if kept.found.next_update <= now:
            raise Unavailable(
                f"the list of {generation.path} shard {shard} is out of date; is the worker running?"
            )
        return kept.found

    async def _look(self, key: Key, kept: _Kept | None, now: datetime) -> _Kept:
        generation, shard, delta = key
        try:
            rows = await self._database.select(
                CrlRow,
                f'"generation_id" = ? AND "shard" = ? AND "base_number" {"> 0" if delta else "= 0"} '
                'AND "number" > ? ORDER BY "number" DESC LIMIT 1',
                generation,
                shard,
                kept.found.number if kept else 0,
            )
        except Unavailable:
            if kept is None:
                raise
            return kept
        if rows:
            return self._keep(key, _Kept(_published(rows[0]), now))
        if kept is None:
            raise NotFound(f"there is no {'delta ' if delta else ''}list for shard {shard} yet")
        return kept

    def _keep(self, key: Key, kept: _Kept) -> _Kept:
        before = self._kept.pop(key, None)
        self._octets += len(kept.found.der) - (len(before.found.der) if before else 0)
        self._kept[key] = kept
        while len(self._kept) > 1 and (len(self._kept) > LISTS_MAX or self._octets > OCTETS_MAX):
            _, oldest = self._kept.popitem(last=False)
            self._octets -= len(oldest.found.der)
        return kept


def _published(row: CrlRow) -> PublishedList:
    return PublishedList(
        row.number, row.der, hashlib.sha256(row.der).digest(), row.this_update, row.next_update
    )
