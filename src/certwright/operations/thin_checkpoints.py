"""Which stored checkpoints may go. A log is checked, and proofs made, without them; the newest one stays."""

from datetime import datetime

from ..core.checkpoint import surplus
from ..store.databases import Database
from ..store.rows import AuditCheckpointRow
from .read_audit import time, whole

LOOKED_AT_MAX = 20_000
THINNED_MAX = 500


async def surplus_checkpoints(database: Database, now: datetime) -> list[AuditCheckpointRow]:
    """Rows to remove, of which only the sizes count; looked for with the first checkpoint of each minute."""
    minute = now.replace(second=0, microsecond=0)
    looked = await database.query(
        'SELECT 1 FROM "audit_checkpoint" '
        'WHERE "size" = (SELECT max("size") FROM "audit_checkpoint") AND "at" >= ?',
        minute,
    )
    if looked:
        return []
    rows = await database.query(
        f'SELECT "size", "at" FROM "audit_checkpoint" ORDER BY "size" LIMIT {LOOKED_AT_MAX}'
    )
    sizes = surplus([(whole(size), time(at)) for size, at in rows], now)
    return [AuditCheckpointRow(size, now, b"", "") for size in sizes[:THINNED_MAX]]
