"""Certificates that were issued and are not installed: where their names are asked, older ones are presented.

Nothing is concluded from silence. A place has to have been asked by one of the names, a day or more after the
certificate was issued, and to present one that began before it and is for the same name. So what is used
where nobody looks opens nothing, unless another server of the same name was looked at.

Each question is of one table and by its index, so that it is quick whatever a database thinks of the tables.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from ..core.health import INSTALLED
from ..store.among import among, chunks
from ..store.databases import Database, moment_of
from ..store.rows import CertificateRow

MOST = 10_000
"""How many certificates of the same names, and places of these, are looked at in one question; of others
nothing is said."""


class _Place(NamedTuple):
    """A place that presents something now, and when last somebody looked."""

    host: str
    port: int
    name: str
    seen_at: datetime

    def __str__(self) -> str:
        return f"{self.host}:{self.port} {self.name}".rstrip()


async def passed_over(database: Database, unseen: Sequence[CertificateRow]) -> dict[int, str]:
    """Of certificates that are nowhere now, by identifier, a place that presents an older one instead. Raises
    Unavailable."""
    names = await _names(database, [row.id for row in unseen])
    others = await _of_same_names(database, sorted({name for some in names.values() for name in some}))
    looked_at = {row.id for row in unseen}.union(*others.values())
    places, served = await _places(database, sorted(looked_at))
    begins = await _begins(database, sorted(places))
    found: dict[int, str] = {}
    for row in unseen:
        instead = [
            str(place)
            for name in names.get(row.id, ())
            for other in others.get(name, ())
            for place in places.get(other, ())
            if name in (place.name, place.host)
            and place.seen_at >= row.issued_at + INSTALLED
            and begins[other] < row.not_before
        ]
        if instead and row.id not in served:
            found[row.id] = min(instead)
    return found


async def _names(database: Database, identifiers: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for some in chunks(identifiers):
        condition, values = among("certificate_id", some)
        sql = f'SELECT "certificate_id", "kind", "value" FROM "certificate_name" WHERE {condition}'
        for identifier, kind, value in await database.query(sql, *values):
            if kind in ("dns", "ip"):
                found.setdefault(identifier, []).append(value)
    return found


async def _of_same_names(database: Database, names: Sequence[str]) -> dict[str, list[int]]:
    """Certificates by name."""
    found: dict[str, list[int]] = {}
    for some in chunks(names):
        condition, values = among("value", some)
        sql = f'SELECT "value", "certificate_id" FROM "certificate_name" WHERE {condition} LIMIT {MOST}'
        for value, identifier in await database.query(sql, *values):
            found.setdefault(value, []).append(identifier)
    return found


async def _places(
    database: Database, certificates: Sequence[int]
) -> tuple[dict[int, list[_Place]], set[int]]:
    """Where certificates are presented now, and which of them were presented anywhere at any time."""
    found: dict[int, list[_Place]] = {}
    served: set[int] = set()
    for some in chunks(certificates):
        condition, values = among("certificate_id", some)
        sql = (
            'SELECT "certificate_id", "kind", "host", "port", "name", "last_seen_at", "ended_at" IS NULL '
            f'FROM "sighting" WHERE {condition} LIMIT {MOST}'
        )
        for identifier, kind, host, port, name, seen_at, there in await database.query(sql, *values):
            if kind == "tls":
                served.add(identifier)
            if kind == "tls" and there:
                place = _Place(host, port, name, moment_of(seen_at))
                found.setdefault(identifier, []).append(place)
    return found, served


async def _begins(database: Database, certificates: Sequence[int]) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for some in chunks(certificates):
        condition, values = among("id", some)
        sql = f'SELECT "id", "not_before" FROM "certificate" WHERE {condition}'
        found |= {row[0]: moment_of(row[1]) for row in await database.query(sql, *values)}
    return found
