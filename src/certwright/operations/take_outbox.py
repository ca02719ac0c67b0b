"""The outbox: follow-ups that were committed with their cause and wait to be done.

Rows of one kind and payload are one piece of work however many they are: many revocations, one list. A row
stays until its work is done, so the table is what is still to be done.
"""

from dataclasses import dataclass
from datetime import datetime

from ..core.audit import Event, EventKind, JsonValue, shown
from ..store.databases import Database
from ..store.ledger import Change
from ..store.rows import OutboxRow, Row
from .context import Context

WORK_MAX = 500
ROWS_MAX = 1_000
TEXT_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work, named by the first of its rows."""

    row: OutboxRow
    rows: int


async def waiting_work(database: Database) -> list[Work]:
    """What waits, the longest waiting first, at most WORK_MAX pieces. Raises Unavailable."""
    groups = await database.query(
        'SELECT min("id"), count(*) FROM "outbox" GROUP BY "kind", "payload" '
        f'ORDER BY min("created_at"), min("id") LIMIT {WORK_MAX}'
    )
    found = []
    for identifier, count in groups:
        rows = await database.select(OutboxRow, '"id" = ?', identifier)
        found += [Work(row, count) for row in rows]
    return found


async def rows_of(database: Database, kind: str, payload: str, until: datetime) -> list[int]:
    """Identifiers of the rows that have asked for a piece of work until a moment, at most ROWS_MAX. Later
    ones are not among them, and ask for it again."""
    rows = await database.query(
        'SELECT "id" FROM "outbox" WHERE "kind" = ? AND "payload" = ? AND "created_at" <= ? '
        f'ORDER BY "created_at", "id" LIMIT {ROWS_MAX}',
        kind,
        payload,
        until,
    )
    return [row[0] for row in rows]


async def settle_work(context: Context, identifiers: list[int]) -> None:
    """The work these rows ask for is done. Rows that are gone already are no error. Raises Unavailable."""
    await context.ledger.commit(Change(removed=_rows(context, identifiers)))


async def give_up_work(context: Context, work: Work, error: str, begun: datetime) -> None:
    """The work, begun at that moment, has failed for good: that goes on record, and the rows that had asked
    for it by then go. Raises Unavailable."""
    kind, payload = work.row.kind, work.row.payload
    until = max(begun, work.row.created_at)
    identifiers = await rows_of(context.database, kind, payload, until)
    detail: dict[str, JsonValue] = {
        "kind": kind,
        "payload": shown(payload, TEXT_SHOWN),
        "error": shown(error, TEXT_SHOWN),
        "rows": len(identifiers),
    }
    event = Event(
        EventKind.WORKER_JOB_FAILED, context.clock(), "system:worker", "", f"work:{work.row.id}", detail
    )
    await context.ledger.commit(Change(removed=_rows(context, identifiers), events=[event]))


def _rows(context: Context, identifiers: list[int]) -> list[Row]:
    """Rows to remove; only their identifiers count."""
    now = context.clock()
    return [OutboxRow(identifier, "", "", now) for identifier in identifiers]


async def ask_for(context: Context, kind: str, payloads: list[str]) -> int:
    """Put work that the clock has found due into the outbox, unless it waits there already; how much it was.

    Raises Unavailable.
    """
    waiting = await context.database.query('SELECT DISTINCT "payload" FROM "outbox" WHERE "kind" = ?', kind)
    known = {row[0] for row in waiting}
    missing = [payload for payload in payloads if payload not in known][:ROWS_MAX]
    if missing:
        await context.ledger.commit(Change(follow_ups=[(kind, payload) for payload in missing]))
    return len(missing)
