"""What a replay reads: certificates and requests on record, a chunk at a time, as rules look at them.

Everything comes from decoded columns; no certificate is parsed. Each query is short and by itself, so nobody
waits for a reader, and what is written meanwhile is seen or not.
"""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from ..core.lifetimes import lifetime_of
from ..core.rules_facts import StoredFacts
from ..store.databases import Database, moment_of
from .apply_rules import origin_named

CHUNK, REQUESTS_CHUNK = 10_000, 1_000
LEAST = -(2**63)

Row = tuple[Any, ...]
"""Begins with id, authority, profile, team, owner."""
Judged = Iterator[tuple[Row, Any, Callable[[], StoredFacts]]]
"""Rows, with all that rules look at but names and subject, and with all that they look at."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is judged, and as of when: certificates that hold at `now`, or with `everything` also those that
    have ended or are revoked; each as if it were asked for `at` a moment. Profiles that are `exempt` are
    passed."""

    at: datetime
    now: datetime
    everything: bool
    exempt: Collection[str]

    def condition(self) -> tuple[str, list[Any]]:
        """SQL for our own certificates that are within."""
        condition = " AND ".join(['"generation_id" IS NOT NULL', *['"profile" <> ?'] * len(self.exempt)])
        if self.everything:
            return condition, [*self.exempt]
        live = f'{condition} AND "revoked_at" IS NULL AND "not_after" > ?'
        return live, [*self.exempt, self.now]


class Source(Protocol):
    async def count(self) -> int:
        """How many there are."""

    async def read(self, after: int, limit: int = CHUNK) -> list[Row]:
        """The first rows whose identifier is greater; none when there are no more."""

    async def judged(self, rows: list[Row]) -> Judged:
        """With what rules ask of them."""


class Certificates:
    _COLUMNS = (
        *("id", "authority", "profile", "team", "owner", "endpoint", "requester"),
        *("key_algorithm", "not_before", "not_after", "subject"),
    )
    _PLACES = {name: number for number, name in enumerate(_COLUMNS)} | {"algorithm": 7}

    def __init__(self, database: Database, asks: frozenset[str], scope: Scope) -> None:
        self._database, self._asks, self._scope = database, asks, scope
        self._condition, self._values = scope.condition()
        shown = ", ".join([f'"{column}"' for column in self._COLUMNS])
        self._select = f'SELECT {shown} FROM "certificate" WHERE "id" > ? AND {self._condition}'
        plain = asks & {"authority", "profile", "team", "owner", "endpoint", "requester", "algorithm"}
        self._plain = sorted([self._PLACES[name] for name in plain])

    async def count(self) -> int:
        sql = f'SELECT count(*) FROM "certificate" WHERE {self._condition}'
        [(number,)] = await self._database.query(sql, *self._values)
        return int(number)

    async def read(self, after: int, limit: int = CHUNK) -> list[Row]:
        sql = f'{self._select} ORDER BY "id" LIMIT {limit}'
        return await self._database.query(sql, after, *self._values)

    async def judged(self, rows: list[Row]) -> Judged:
        names = await self._names(rows) if "names" in self._asks else {}
        tags = await self._tags(rows) if "tags" in self._asks else {}
        return self._each(rows, names, tags)

    def _each(
        self, rows: list[Row], names: dict[int, list[tuple[str, str]]], tags: dict[int, frozenset[str]]
    ) -> Judged:
        plain, lifetimes, origins = self._plain, "lifetime" in self._asks, "origin" in self._asks
        nothing: frozenset[str] = frozenset()
        for row in rows:
            identifier = row[0]
            own = tags.get(identifier, nothing)
            lifetime = lifetime_of(moment_of(row[8]), moment_of(row[9])) if lifetimes else 0
            origin = origin_named(row[6]) if origins else ""
            alike = (*[row[place] for place in plain], lifetime, origin, own)
            yield row, alike, self._maker(row, names.get(identifier, ()), own)

    def _maker(self, row: Row, names: Any, tags: frozenset[str]) -> Callable[[], StoredFacts]:
        def make() -> StoredFacts:
            return StoredFacts(
                profile=row[2],
                authority=row[1],
                origin=origin_named(row[6]),
                requester=row[6],
                key_algorithm=row[7],
                not_before=moment_of(row[8]),
                not_after=moment_of(row[9]),
                issued_at=self._scope.at,
                endpoint=row[5],
                team=row[3],
                owner=row[4],
                names=names,
                subject=row[10],
                tags=tags,
            )

        return make

    async def _names(self, rows: list[Row]) -> dict[int, list[tuple[str, str]]]:
        found: dict[int, list[tuple[str, str]]] = {}
        columns = '"certificate_id", "kind", "value"'
        for identifier, kind, value in await self._of(rows, "certificate_name", columns, "position"):
            found.setdefault(identifier, []).append((kind, value))
        return found

    async def _tags(self, rows: list[Row]) -> dict[int, frozenset[str]]:
        found: dict[int, list[str]] = {}
        for identifier, tag in await self._of(rows, "certificate_tag", '"certificate_id", "tag"', "tag"):
            found.setdefault(identifier, []).append(tag)
        return {identifier: frozenset(some) for identifier, some in found.items()}

    async def _of(self, rows: list[Row], table: str, columns: str, order: str) -> list[Row]:
        """Rows that belong to certificates from the first to the last; between them others may lie."""
        sql = f'SELECT {columns} FROM "{table}" WHERE "certificate_id" >= ? AND "certificate_id" <= ?'
        ordered = f'{sql} ORDER BY "certificate_id", "{order}"'
        return await self._database.query(ordered, rows[0][0], rows[-1][0])


class Requests:
    """Those that have waited for approval, whatever has become of them, and those that were refused."""

    _COLUMNS = (
        *("id", "authority", "profile", "team", "owner", "endpoint", "origin", "requester"),
        *("key_algorithm", "lifetime", "subject", "names", "wanted"),
    )

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database, self._scope = database, scope

    async def count(self) -> int:
        [(number,)] = await self._database.query('SELECT count(*) FROM "certificate_request"')
        return int(number)

    async def read(self, after: int, limit: int = REQUESTS_CHUNK) -> list[Row]:
        shown = ", ".join([f'"{column}"' for column in self._COLUMNS])
        sql = f'SELECT {shown} FROM "certificate_request" WHERE "id" > ? ORDER BY "id" LIMIT {limit}'
        return await self._database.query(sql, after)

    async def judged(self, rows: list[Row]) -> Judged:
        return ((row, row[0], self._maker(row)) for row in rows)

    def _maker(self, row: Row) -> Callable[[], StoredFacts]:
        def make() -> StoredFacts:
            at = self._scope.at
            return StoredFacts(
                profile=row[2],
                authority=row[1],
                origin=row[6],
                requester=row[7],
                key_algorithm=row[8],
                not_before=at,
                not_after=at + timedelta(seconds=row[9] - 1),
                issued_at=at,
                endpoint=row[5],
                team=row[3],
                owner=row[4],
                names=[(kind, value) for kind, value in json.loads(row[11])],
                subject=row[10],
                tags=frozenset(json.loads(row[12])["tags"]),
            )

        return make
