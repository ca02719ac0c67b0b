"""Find audit events by filters and by text, with a bound on the rows that one page looks at.

What no index finds (an actor, a kind, a text) is looked for among LOOKED_AT rows at a time, the newest first;
the answer says where it stopped, to go on from there. So a log of millions is a matter of asking again.
"""

from dataclasses import dataclass, replace

from ..core.access import Actor, Subject, Verb, require
from ..core.errors import NotFound
from ..store.databases import Database, moment_of
from ..store.rows import AuditEventRow
from .list_events import EventFilter, Place, conditions, list_events

LOOKED_AT = 20_000
TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class FoundEvents:
    """A page. `after` is the place to go on from, None at the end. `looked` says that the page ended because
    so many rows had been looked at, not because it was full."""

    rows: list[AuditEventRow]
    after: Place | None
    looked: bool


async def find_events(
    database: Database,
    actor: Actor,
    wanted: EventFilter,
    text: str,
    limit: int,
    before: Place | None = None,
) -> FoundEvents:
    """Up to `limit` events, the newest first, from before a place; `text` is in what is recorded of them,
    whatever its case in ASCII. Raises Forbidden."""
    require(actor, Verb.VIEW_AUDIT, Subject())
    if not (wanted.kind or wanted.actor or text):
        rows = await list_events(database, actor, wanted, limit + 1, before)
        return _page(rows, limit)
    edge = await _edge(database, wanted, before)
    rows = await _matching(database, wanted, text, limit + 1, before, edge)
    if len(rows) > limit or edge is None:
        return _page(rows, limit)
    return FoundEvents(rows, edge, looked=True)


async def read_event(database: Database, actor: Actor, identifier: int) -> AuditEventRow:
    """Raises Forbidden, NotFound."""
    require(actor, Verb.VIEW_AUDIT, Subject())
    rows = await database.select(AuditEventRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound(f"there is no audit event {identifier}")
    return rows[0]


def _page(rows: list[AuditEventRow], limit: int) -> FoundEvents:
    page = rows[:limit]
    return FoundEvents(page, (page[-1].at, page[-1].id) if len(rows) > limit else None, looked=False)


async def _edge(database: Database, wanted: EventFilter, before: Place | None) -> Place | None:
    """The last place that is looked at; None where the log ends before it."""
    among = conditions(replace(wanted, kind=None, actor=None), before)
    found = await database.query(
        f'SELECT "at", "id" FROM "audit_event" WHERE {among.condition} '
        f'ORDER BY "at" DESC, "id" DESC LIMIT 1 OFFSET {LOOKED_AT - 1}',
        *among.values,
    )
    return (moment_of(found[0][0]), int(found[0][1])) if found else None


async def _matching(
    database: Database,
    wanted: EventFilter,
    text: str,
    limit: int,
    before: Place | None,
    edge: Place | None,
) -> list[AuditEventRow]:
    among = conditions(wanted, before)
    condition, values = among.condition, list(among.values)
    if edge is not None:
        condition += ' AND ("at", "id") >= (?, ?)'
        values += edge
    if text:
        condition += " AND lower(\"body\") LIKE ? ESCAPE '!'"
        values.append(f"%{_escaped(text.lower())}%")
    return await database.select(
        AuditEventRow, f'{condition} ORDER BY "at" DESC, "id" DESC LIMIT {int(limit)}', *values
    )


def _escaped(text: str) -> str:
    """What LIKE would read as a pattern, read as itself; the body is JSON, where a quote is escaped."""
    for character in "!%_":
        text = text.replace(character, f"!{character}")
    return text
