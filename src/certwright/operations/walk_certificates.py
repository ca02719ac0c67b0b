"""Read every certificate on record once, a page at a time."""

from collections.abc import AsyncIterator, Callable

from ..store.databases import Database
from ..store.rows import CertificateBodyRow, CertificateRow

PAGE = 500
LEAST, GREATEST = -(2**63), 2**63 - 1
"""What the column holds. We give no identifier below 0; whoever writes behind our back may."""
Progress = Callable[[int, int], None]
Page = list[tuple[CertificateRow, bytes | None]]


async def walk_certificates(database: Database, condition: str, progress: Progress) -> AsyncIterator[Page]:
    """Rows under a condition of SQL, each with its DER, None where that is missing; by identifier.

    `progress` is told how many of how many have been dealt with. Raises Unavailable.
    """
    total: int = (await database.query(f'SELECT count(*) FROM "certificate" WHERE {condition}'))[0][0]
    first, done = LEAST, 0
    while True:
        where = f'"id" >= ? AND {condition} ORDER BY "id" LIMIT {PAGE}'
        rows = await database.select(CertificateRow, where, first)
        if not rows:
            return
        marks = ",".join("?" * len(rows))
        bodies = await database.select(
            CertificateBodyRow, f'"certificate_id" IN ({marks})', *[row.id for row in rows]
        )
        ders = {body.certificate_id: body.der for body in bodies}
        yield [(row, ders.get(row.id)) for row in rows]
        done += len(rows)
        progress(done, total)
        if rows[-1].id == GREATEST:
            return
        first = rows[-1].id + 1
