"""Find certificates by a query a page at a time, in bounded time however many there are and whatever is
asked.

What has an index is tried first: where it finds no more than FEW, everything else is asked of those alone.
Otherwise rows are looked at in the order of the list, LOOK of them at the most; where the page is not full by
then, the answer says how far it came, and the next page goes on from there. So no field needs an index of its
own, which every certificate that is issued would pay for.

A search asks its questions one after another and is sent the answers, so that it runs beside the ORM in a
thread and on the loop alike.
"""

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.access import Actor, Verb, reach
from ..core.custom_fields import require_defined
from ..core.errors import Malformed
from ..core.query import All, Query, Term, bounds, own_fields
from ..core.query_fields import Choice, Presence
from .list_certificates import scope_condition
from .query_sql import SOON, QuerySql, Sql, all_of, defined_fields, held, tagged

PAGE = 50
FEW = 1_000
LOOK = 4_000
NEWEST, EXPIRES, EXPIRES_LAST = "newest", "expires", "-expires"
ORDERS = {
    NEWEST: '"id" DESC',
    EXPIRES: '"not_after", "id"',
    EXPIRES_LAST: '"not_after" DESC, "id" DESC',
}
Rows = list[tuple[Any, ...]]
Steps = Generator[Sql, Rows, "Found"]


@dataclass(frozen=True, slots=True)
class Search:
    """What to find, for whom, on which database (`sqlite`, otherwise PostgreSQL). `after` is the identifier
    of the row to go on from. Without an `order` those that end first come first where it is asked when they
    end, otherwise the newest."""

    query: Query
    actor: Actor
    sqlite: bool
    now: datetime
    order: str = ""
    after: int | None = None
    limit: int = PAGE

    @property
    def sorted_by(self) -> str:
        return self.order or (EXPIRES if _ends(self.query, self.now) else NEWEST)


@dataclass(frozen=True, slots=True)
class Found:
    """Identifiers in order. `after` goes on; None at the end. `matches` is how many there are in all, where
    that is known; `looked` how many rows were looked at where the page is not full."""

    identifiers: list[int]
    after: int | None
    matches: int | None = None
    looked: int | None = None


def answered(steps: Steps, ask: Callable[[str, tuple[object, ...]], Rows]) -> Found:
    """Run a search to its end. Raises Malformed."""
    answer: Rows | None = None
    try:
        while True:
            question = next(steps) if answer is None else steps.send(answer)
            answer = ask(question.text, question.values)
    except StopIteration as end:
        found: Found = end.value
        return found


def search(wanted: Search) -> Steps:
    """Certificates that the actor may see. Raises Malformed where it cannot go on from `after`, and for a
    field of the organization's own that was never defined."""
    if own := own_fields(wanted.query):
        defined = yield defined_fields(own)
        require_defined(own, [row[0] for row in defined])
    writer = QuerySql(wanted.sqlite, wanted.now)
    walk = _Walk(wanted)
    yield from walk.begin()
    scope = Sql(*_tuple(scope_condition(wanted.actor, Verb.VIEW)))
    condition = all_of(writer.condition(wanted.query), scope)
    parts = [*writer.parts(wanted.query), *_scope_ways(wanted.actor)]
    for ways in parts:
        few = yield from _few(ways)
        if few is not None:
            return (yield from _among(walk, condition, few))
    return (yield from _walked(walk, condition))


def _tuple(condition: tuple[str, list[object]]) -> tuple[str, tuple[object, ...]]:
    return condition[0], tuple(condition[1])


def _scope_ways(actor: Actor) -> list[list[Sql]]:
    """What somebody may see who may not see everything, if indices say it."""
    scopes = reach(actor, Verb.VIEW)
    if scopes is None or not all(kind in ("owner", "team", "tag") for kind, _ in scopes):
        return []
    return [[tagged(name) if kind == "tag" else held(kind, name) for kind, name in scopes]]


def _few(ways: list[Sql]) -> Generator[Sql, Rows, set[int] | None]:
    """Identifiers, if they are few."""
    found: set[int] = set()
    for way in ways:
        rows = yield Sql(f"{way.text} LIMIT {FEW + 1}", way.values)
        found.update(row[0] for row in rows)
        if len(rows) > FEW or len(found) > FEW:
            return None
    return found


@dataclass(slots=True)
class _Walk:
    """Rows in order, from after a place."""

    wanted: Search
    end: object = None
    """When the row ends that the walk goes on from."""

    def begin(self) -> Generator[Sql, Rows, None]:
        if self.wanted.after is not None and self.wanted.sorted_by != NEWEST:
            self.end = yield from self.end_of(self.wanted.after)

    def end_of(self, identifier: int) -> Generator[Sql, Rows, object]:
        rows = yield Sql('SELECT "not_after" FROM "certificate" WHERE "id" = ?', (identifier,))
        if not rows:
            raise Malformed("the list cannot go on from there; begin it anew")
        return rows[0][0]

    @property
    def bounds(self) -> Sql:
        """Between which ends, and beyond the place."""
        wanted = self.wanted
        found = [Sql(f'"not_after" {way} ?', (moment,)) for way, moment in _ends(wanted.query, wanted.now)]
        return all_of(*found, *([self.beyond(wanted.after, self.end)] if wanted.after is not None else []))

    def beyond(self, identifier: int, end: object) -> Sql:
        return self._compared(">" if self.wanted.sorted_by == EXPIRES else "<", identifier, end)

    def up_to(self, identifier: int, end: object) -> Sql:
        return self._compared("<=" if self.wanted.sorted_by == EXPIRES else ">=", identifier, end)

    def _compared(self, operator: str, identifier: int, end: object) -> Sql:
        if self.wanted.sorted_by == NEWEST:
            return Sql(f'"id" {operator} ?', (identifier,))
        return Sql(f'("not_after", "id") {operator} (?, ?)', (end, identifier))

    def question(self, columns: str, *conditions: Sql) -> Sql:
        where = all_of(self.bounds, *conditions)
        order = ORDERS[self.wanted.sorted_by]
        return Sql(f'SELECT {columns} FROM "certificate" WHERE {where.text} ORDER BY {order}', where.values)


def _among(walk: _Walk, condition: Sql, few: set[int]) -> Steps:
    limit = walk.wanted.limit
    these = all_of(_one_of(few, walk.wanted.sqlite), condition)
    question = walk.question('"id"', these)
    rows = yield Sql(f"{question.text} LIMIT {limit + 1}", question.values)
    matches = len(rows)
    if len(rows) > limit or walk.wanted.after is not None:
        ends = [Sql(f'"not_after" {way} ?', (at,)) for way, at in _ends(walk.wanted.query, walk.wanted.now)]
        counted = all_of(these, *ends)
        [(matches,)] = yield Sql(f'SELECT count(*) FROM "certificate" WHERE {counted.text}', counted.values)
    return _page(rows, limit, matches=matches)


def _one_of(identifiers: set[int], sqlite: bool) -> Sql:
    if sqlite:
        return Sql('"id" IN (SELECT value FROM json_each(?))', (json.dumps(sorted(identifiers)),))
    return Sql('"id" = ANY(?)', (sorted(identifiers),))


def _walked(walk: _Walk, condition: Sql) -> Steps:
    """Look at LOOK rows at the most."""
    limit = walk.wanted.limit
    ahead = walk.question('"id", "not_after"')
    last = yield Sql(f"{ahead.text} LIMIT 1 OFFSET {LOOK}", ahead.values)
    window = [walk.up_to(*last[0])] if last else []
    question = walk.question('"id"', *window, condition)
    rows = yield Sql(f"{question.text} LIMIT {limit + 1}", question.values)
    if last and len(rows) <= limit:
        return Found([row[0] for row in rows], last[0][0], looked=LOOK)
    return _page(rows, limit)


def _page(rows: Rows, limit: int, matches: int | None = None) -> Found:
    identifiers = [row[0] for row in rows[:limit]]
    return Found(identifiers, identifiers[-1] if len(rows) > limit else None, matches)


def _ends(query: Query, now: datetime) -> list[tuple[str, datetime]]:
    """Between which ends all must be that the query can find."""
    found: list[tuple[str, datetime]] = []
    for part in query.parts if isinstance(query, All) else (query,):
        if not isinstance(part, Term):
            continue
        if part.name == "expires" and not isinstance(part.value, Presence):
            found += bounds(part, now)
        elif part.name == "status" and part.value == Choice("expired"):
            found.append(("<=", now))
        elif part.name == "status" and part.value == Choice("expiring"):
            found += [(">", now), ("<", now + SOON)]
    return found
