"""List audit events a page at a time, as people and programs are shown them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..store.databases import Database
from ..store.rows import AuditEventRow

Place = tuple[datetime, int]
"""An event's time and identifier: lists are in this order."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What to list; what is None does not matter. `until` is not in it, `since` is."""

    kind: str | None = None
    actor: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_events(
    database: Database, actor: Actor, wanted: EventFilter, limit: int, before: Place | None = None
) -> list[AuditEventRow]:
    """Up to `limit` events, the newest first, from before a place. Raises Forbidden."""
    require(actor, Verb.VIEW_AUDIT, Subject())
    conditions: list[tuple[str, object]] = [
        ('"kind" = ?', wanted.kind),
        ('"actor" = ?', wanted.actor),
        ('"subject" = ?', wanted.subject),
        ('"at" >= ?', wanted.since),
        ('"at" < ?', wanted.until),
    ]
    given = [(text, value) for text, value in conditions if value is not None]
    values: list[object] = [value for _, value in given]
    texts = [text for text, _ in given]
    if before is not None:
        texts.append('("at", "id") < (?, ?)')
        values += before
    where = " AND ".join(texts) or "1 = 1"
    return await database.select(
        AuditEventRow, f'{where} ORDER BY "at" DESC, "id" DESC LIMIT {int(limit)}', *values
    )


def event_document(row: AuditEventRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "at": row.at.isoformat(),
        "kind": row.kind,
        "actor": row.actor,
        "source": row.source,
        "subject": row.subject,
        "detail": json.loads(row.body)["detail"],
    }
