"""List audit events a page at a time, as people and programs are shown them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

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
    among = conditions(wanted, before)
    return await database.select(
        AuditEventRow,
        f'{among.condition} ORDER BY "at" DESC, "id" DESC LIMIT {int(limit)}',
        *among.values,
    )


class Conditions(NamedTuple):
    """What stands after WHERE, and its values."""

    condition: str
    values: tuple[object, ...]


def conditions(wanted: EventFilter, before: Place | None) -> Conditions:
    """Of the filter, and of what lies before a place in the list."""
    given: list[tuple[str, object]] = [
        ('"kind" = ?', wanted.kind),
        ('"actor" = ?', wanted.actor),
        ('"subject" = ?', wanted.subject),
        ('"at" >= ?', wanted.since),
        ('"at" < ?', wanted.until),
    ]
    named = [(text, value) for text, value in given if value is not None]
    texts, values = [text for text, _ in named], [value for _, value in named]
    if before is not None:
        texts.append('("at", "id") < (?, ?)')
        values += before
    return Conditions(" AND ".join(texts) or "1 = 1", tuple(values))


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
