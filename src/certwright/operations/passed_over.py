"""Certificates that were issued and are not installed: where their names are asked, older ones are presented.

Nothing is concluded from silence. A place has to have been asked by one of the names, a day or more after the
certificate was issued, and to present one that began before it and is for the same name. So what is used
where nobody looks opens nothing, unless another server of the same name was looked at.
"""

from collections.abc import Sequence

from ..core.health import INSTALLED
from ..store.among import among, chunks
from ..store.databases import Database, moment_of
from ..store.rows import CertificateRow


async def passed_over(database: Database, unseen: Sequence[CertificateRow]) -> dict[int, str]:
    """Of certificates that are nowhere now, by identifier, a place that presents an older one instead. Raises
    Unavailable."""
    never = await _never_seen(database, unseen)
    found: dict[int, str] = {}
    for some in chunks([row.id for row in never]):
        condition, values = among("certificate_id", some)
        rows = {row.id: row for row in never}
        for identifier, host, port, name, seen_at, begins in await database.query(
            _ASKED.format(condition=condition), *values
        ):
            row = rows[identifier]
            looked = moment_of(seen_at) >= row.issued_at + INSTALLED
            if looked and moment_of(begins) < row.not_before:
                place = f"{host}:{port} {name}".rstrip()
                found[identifier] = min(place, found.get(identifier, place))
    return found


_ASKED = (
    'SELECT m."certificate_id", s."host", s."port", s."name", s."last_seen_at", c."not_before" '
    'FROM (SELECT "certificate_id", "value" FROM "certificate_name" '
    """WHERE {condition} AND "kind" IN ('dns', 'ip')) m """
    'JOIN "certificate_name" n ON n."value" = m."value" AND n."certificate_id" <> m."certificate_id" '
    'JOIN "sighting" s ON s."certificate_id" = n."certificate_id" '
    'JOIN "certificate" c ON c."id" = n."certificate_id" '
    """WHERE s."kind" = 'tls' AND s."ended_at" IS NULL AND (s."name" = m."value" OR s."host" = m."value")"""
)
"""What presents a certificate with the same name where it is asked by it."""


async def _never_seen(database: Database, unseen: Sequence[CertificateRow]) -> list[CertificateRow]:
    """Without those that were served once, and are no more."""
    served: set[int] = set()
    for some in chunks([row.id for row in unseen]):
        condition, values = among("certificate_id", some)
        sql = f"""SELECT DISTINCT "certificate_id" FROM "sighting" WHERE {condition} AND "kind" = 'tls'"""
        served.update(row[0] for row in await database.query(sql, *values))
    return [row for row in unseen if row.id not in served]
