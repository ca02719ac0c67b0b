"""Certificates of others that ended long ago leave the inventory, where nobody has taken them on and they are
nowhere any more.

What we have issued or somebody has adopted stays for ever, and so do authorities: by them others are judged.
What is still at a place stays too, since it is served although it has ended.
"""

from datetime import timedelta

from ..core.standing import Standing
from .context import Context

FOUND_KEPT = timedelta(days=365)
"""How long they stay after their end, where no setting says otherwise."""
CHUNK = 200
_FORGOTTEN = f"""
DELETE FROM "certificate" WHERE "standing" IN (?, ?) AND "id" IN (
  SELECT "id" FROM "certificate" c WHERE "standing" IN (?, ?) AND NOT "is_authority" AND "not_after" < ?
  AND NOT EXISTS (SELECT 1 FROM "sighting" s WHERE s."certificate_id" = c."id" AND s."ended_at" IS NULL)
  ORDER BY "id" LIMIT {CHUNK}
) RETURNING "id"
"""
_WITH_THEM = (
    *("certificate_body", "certificate_name", "certificate_tag", "certificate_field"),
    *("finding", "outside_answer", "sighting"),
)


async def forget_certificates(context: Context, kept: timedelta = FOUND_KEPT) -> int:
    """Take away all whose time has come, a chunk after the other; how many went. Raises Unavailable."""
    before, gone = context.clock() - kept, 0
    while True:
        forgotten = await context.ledger.purge_with(_FORGOTTEN, (*_OPEN, *_OPEN, before), _WITH_THEM)
        gone += forgotten
        if forgotten < CHUNK:
            return gone


_OPEN = (Standing.FOUND.value, Standing.IGNORED.value)
