"""Does every event come under a signed checkpoint soon? For readiness."""

from datetime import datetime, timedelta

from ..core.audit import EventKind
from ..core.errors import Unavailable
from ..store.databases import Database
from .read_audit import oldest_waiting
from .sequence_audit import SYSTEM
from .verify_audit import LOG

UNSIGNED = timedelta(seconds=60)
SEQUENCER = "audit"
"""The lease under which a worker sequences."""


async def require_signed(database: Database, now: datetime) -> None:
    """Raises Unavailable when a worker has refused to sign and has not signed since, or when one lives and an
    event has been waiting for a minute all the same. Whether a worker lives is asked elsewhere."""
    since = await oldest_waiting(database)
    if since is None:
        return
    if await _refused(database):
        raise Unavailable("the worker refuses to sign the audit log; run 'certwright audit verify'")
    lives = await database.query(
        'SELECT 1 FROM "lease" WHERE "name" = ? AND "expires_at" > ?', SEQUENCER, now
    )
    if lives and now - since > UNSIGNED:
        text = f"audit events since {since:%Y-%m-%d %H:%M:%S} UTC are not signed"
        raise Unavailable(f"{text}; see the worker's log, and run 'certwright audit verify'")


async def _refused(database: Database) -> bool:
    """Whether the newest checkpoint is older than the worker's last word about what does not fit together."""
    told = await database.query(
        'SELECT 1 FROM "audit_event" e WHERE e."subject" = ? AND e."kind" = ? AND e."actor" = ? '
        'AND NOT EXISTS (SELECT 1 FROM "audit_checkpoint" c '
        'WHERE c."size" = (SELECT max("size") FROM "audit_checkpoint") '
        'AND c."at" > e."at") LIMIT 1',
        LOG,
        EventKind.AUDIT_DISCREPANCY_FOUND.value,
        SYSTEM.name,
    )
    return bool(told)
