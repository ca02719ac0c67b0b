"""The tables of the audit log as they stand, to be checked: somebody may have written anything into them.

Every read is bounded in rows and in octets, goes on from where the last one ended, and turns what is not of
its column's type (SQLite takes anything) into something that no check lets pass. What must fit together is
read in one statement, which sees one state of the database while others go on writing.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core.audit import ACTOR_CHARACTERS_MAX, BODY_OCTETS_MAX, NUMBER_MAX, WRITER_MAX, EventRow
from ..core.audit_records import DISCREPANCIES_MAX, Leaf
from ..core.audit_verify import WRITERS_MAX
from ..core.checkpoint import NOTE_OCTETS_MAX
from ..core.errors import Unavailable
from ..store.databases import Database
from ..store.rows import AuditWriterRow, Row

PAGE = 1_000
LEAST, MOST = -(2**63) + 1, 2**63 - 1
NONE = -1
NUMBERS = NUMBER_MAX + 1
_NO_TIME = datetime.min.replace(tzinfo=UTC)
_NO_TEXT = "\x00"
_OCTETS_MAX = 64
_TEXT_MAX = 4 * ACTOR_CHARACTERS_MAX


def _bounded(table: str) -> str:
    """The columns of an event, long ones cut past what any event has."""
    texts = [f'substr({table}."{name}", 1, {_TEXT_MAX})' for name in ("kind", "actor", "source", "subject")]
    body = f'substr({table}."body", 1, {BODY_OCTETS_MAX + 1})'
    chain = f'substr({table}."chain", 1, {_OCTETS_MAX})'
    plain = [f'{table}."{name}"' for name in ("id", "writer", "number", "at")]
    return ", ".join((*plain, *texts, body, chain))


_EVENT = _bounded("e")
_UNPLACED = 'NOT EXISTS (SELECT 1 FROM "audit_leaf" l WHERE l."event" = e."id" AND l."position" < ?)'


# -- values --------------------------------------------------------------------------------------


def whole(value: Any) -> int:
    """A whole number; NONE for anything else."""
    return value if type(value) is int else NONE


def octets(value: Any) -> bytes:
    """Octets; none for anything else."""
    return value if isinstance(value, bytes) else b""


def text(value: Any) -> str:
    """Text; a NUL, which none of ours holds, for anything else."""
    return value if isinstance(value, str) else _NO_TEXT


def time(value: Any) -> datetime:
    """A moment; one before all others for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return _NO_TIME
        return value.replace(tzinfo=UTC) if value.tzinfo is None else _NO_TIME
    return value if isinstance(value, datetime) else _NO_TIME


def _row(values: Sequence[Any]) -> EventRow:
    """The values of `_EVENT`."""
    identifier, writer, number, at, *texts, chain = values
    kind, actor, source, subject, body = map(text, texts)
    return EventRow(
        identifier, whole(writer), whole(number), time(at), kind, actor, source, subject, body, octets(chain)
    )


async def _select_rows(database: Database, condition: str, *parameters: Any) -> list[EventRow]:
    """Rows of the table of events, `e`, with identifiers that are numbers."""
    try:
        found = await database.query(f'SELECT {_EVENT} FROM "audit_event" e WHERE {condition}', *parameters)
    except Unavailable:
        found = await _one_by_one(database, condition, *parameters)
    return [_row(values) for values in found if type(values[0]) is int]


async def _one_by_one(database: Database, condition: str, *parameters: Any) -> list[Row]:
    """Text in SQLite may be no UTF-8 and then spoils the whole page; those rows come with nothing in them.

    Raises Unavailable when it is the database that cannot be used.
    """
    found: list[Row] = []
    wanted = await database.query(f'SELECT e."id" FROM "audit_event" e WHERE {condition}', *parameters)
    for (identifier,) in wanted:
        try:
            found += await database.query(
                f'SELECT {_EVENT} FROM "audit_event" e WHERE e."id" = ?', identifier
            )
        except Unavailable:
            numbers = (identifier, identifier >> 32, identifier & NUMBER_MAX)
            found.append((*numbers, None, None, None, None, None, None, None))
    return found


# -- where the log stands ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredWriter:
    """A writer's row: its head, and how many of its events are said to be placed."""

    id: int
    events: int
    head: bytes
    sequenced: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One moment of the log: how many leaves, the newest stored checkpoint's size (NONE: there is none) and
    note, and every writer."""

    size: int
    signed: int
    note: str
    writers: tuple[StoredWriter, ...]

    @property
    def events(self) -> int:
        """How many events the writers say that there are."""
        return sum(max(0, writer.events) for writer in self.writers)


_TREE = (
    f'SELECT (SELECT max("position") FROM "audit_leaf" WHERE "position" < {MOST}) AS "leaves", '
    f'(SELECT max("size") FROM "audit_checkpoint" WHERE "size" <= {MOST}) AS "signed", '
    f'(SELECT substr("note", 1, {NOTE_OCTETS_MAX + 1}) FROM "audit_checkpoint" WHERE "size" <= {MOST} '
    'ORDER BY "size" DESC LIMIT 1) AS "note"'
)


async def read_standing(database: Database) -> Standing:
    """At most one writer more than a log may have. Raises Unavailable."""
    found = await database.query(
        'SELECT s."leaves", s."signed", s."note", w."id", w."events", substr(w."head", 1, 64), w."sequenced" '
        f'FROM ({_TREE}) s LEFT JOIN "audit_writer" w ON 1 = 1 ORDER BY w."id" LIMIT {WRITERS_MAX + 1}'
    )
    leaves, signed, note = found[0][:3]
    writers = tuple(
        StoredWriter(whole(identifier), whole(events), octets(head), whole(sequenced))
        for _, _, _, identifier, events, head, sequenced in found
        if identifier is not None
    )
    return Standing(1 + max(NONE, whole(leaves)), whole(signed), text(note), writers)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A writer with events that have no leaf. `wrong`: the last one that is said to have a leaf has none, or
    the next one has."""

    row: AuditWriterRow
    wrong: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """One moment of the log, for the sequencer: as `Standing`; the note is None where there is none, and the
    writers are some of those whose events wait."""

    size: int
    signed: int
    note: str | None
    writers: tuple[Waiting, ...]


async def read_stored(database: Database) -> Stored:
    """Raises Unavailable."""
    last = f'w."id" * {NUMBERS} + w."sequenced" % {NUMBERS}'
    next_ = f'w."id" * {NUMBERS} + w."sequenced" % {NUMBER_MAX} + 1'
    found = await database.query(
        'SELECT s."leaves", s."signed", s."note", w."id", w."name", w."started_at", w."events", '
        'substr(w."head", 1, 64), w."sequenced", '
        f'w."sequenced" > 0 AND NOT EXISTS (SELECT 1 FROM "audit_leaf" l WHERE l."event" = {last}) '
        f'OR EXISTS (SELECT 1 FROM "audit_leaf" l WHERE l."event" = {next_}) FROM ({_TREE}) s '
        f'LEFT JOIN "audit_writer" w ON w."events" <> w."sequenced" AND w."id" BETWEEN 1 AND {WRITER_MAX} '
        f'ORDER BY w."id" LIMIT {PAGE}'
    )
    leaves, signed, note = found[0][:3]
    writers = tuple(
        Waiting(
            AuditWriterRow(identifier, name, started_at, whole(events), octets(head), whole(sequenced)),
            bool(wrong),
        )
        for _, _, _, identifier, name, started_at, events, head, sequenced, wrong in found
        if identifier is not None
    )
    return Stored(
        1 + max(NONE, whole(leaves)), whole(signed), None if signed is None else text(note), writers
    )


async def oldest_waiting(database: Database) -> datetime | None:
    """When the oldest of the events was made that come next for each writer; None where none waits."""
    [[at]] = await database.query(
        'SELECT min(e."at") FROM "audit_writer" w JOIN "audit_event" e '
        f'ON e."id" = w."id" * {NUMBERS} + w."sequenced" % {NUMBER_MAX} + 1 '
        f'WHERE w."events" > w."sequenced" AND w."id" BETWEEN 1 AND {WRITER_MAX}'
    )
    return None if at is None else time(at)


# -- pages ---------------------------------------------------------------------------------------


async def read_leaves(database: Database, size: int) -> AsyncIterator[Leaf]:
    """Leaves below `size`, by position, with their hashes and rows; what is gone leaves a gap."""
    last = LEAST - 1
    while True:
        found = await database.query(
            'SELECT l."position", l."event", substr(n."hash", 1, 64) FROM "audit_leaf" l '
            'LEFT JOIN "audit_node" n ON n."level" = 0 AND n."position" = l."position" '
            f'WHERE l."position" > ? AND l."position" < ? ORDER BY l."position" LIMIT {PAGE}',
            last,
            size,
        )
        if not found:
            return
        rows = await _select_rows(
            database,
            'e."id" IN (SELECT "event" FROM "audit_leaf" WHERE "position" > ? AND "position" <= ?)',
            last,
            found[-1][0],
        )
        events = {row.id: row for row in rows}
        for position, event, digest in found:
            yield Leaf(position, octets(digest), events.get(event))
        last = found[-1][0]


async def read_checkpoints(database: Database, below: int) -> AsyncIterator[tuple[int, bytes, str]]:
    """Size, root and note of the stored checkpoints below a size, by size."""
    last = LEAST - 1
    while True:
        found = await database.query(
            f'SELECT "size", substr("root", 1, 64), substr("note", 1, {NOTE_OCTETS_MAX + 1}) '
            f'FROM "audit_checkpoint" WHERE "size" > ? AND "size" < ? ORDER BY "size" LIMIT {PAGE}',
            last,
            below,
        )
        if not found:
            return
        for size, root, note in found:
            yield size, octets(root), text(note)
        last = found[-1][0]


async def read_unplaced(database: Database, standing: Standing) -> AsyncIterator[EventRow]:
    """Rows up to the heads that no leaf below the size stands for, by identifier."""
    heads = {writer.id: writer.events for writer in standing.writers if 1 <= writer.id <= WRITER_MAX}
    end = max((writer * NUMBERS + min(events, NUMBER_MAX) for writer, events in heads.items()), default=0)
    last = 0
    while True:
        [[upper]] = await database.query(
            'SELECT max("id") FROM (SELECT "id" FROM "audit_event" WHERE "id" > ? AND "id" <= ? '
            f'ORDER BY "id" LIMIT {PAGE}) page',
            last,
            end,
        )
        if upper is None:
            return
        condition = f'e."id" > ? AND e."id" <= ? AND {_UNPLACED} ORDER BY e."id"'
        for row in await _select_rows(database, condition, last, upper, standing.size):
            if 1 <= row.id & NUMBER_MAX <= heads.get(row.id >> 32, 0):
                yield row
        writer, number = upper >> 32, upper & NUMBER_MAX
        # a writer that writes faster than we read cannot keep us
        last = upper if number < heads.get(writer, 0) else writer << 32 | NUMBER_MAX


async def read_rows_of(database: Database, writer: int, first: int, last: int) -> list[EventRow]:
    """A page of a writer's rows, from number `first` to `last` at the most."""
    low, high = (writer << 32) + first, (writer << 32) + min(last, NUMBER_MAX)
    return await _select_rows(
        database, f'e."id" >= ? AND e."id" <= ? ORDER BY e."id" LIMIT {PAGE}', low, high
    )


# -- rows where none may be ----------------------------------------------------------------------

# From behind each head to the next writer's first row, and before the first writer: a row in there belongs to
# no head. The lookup of one row is by the index, however large the table is.
_POSSIBLE = f'"id" BETWEEN 1 AND {WRITER_MAX}'
_GAPS = (
    f'WITH gaps AS (SELECT "id" * {NUMBERS} + '
    f'CASE WHEN "events" BETWEEN 0 AND {NUMBER_MAX} THEN "events" ELSE 0 END AS "after", '
    f'LEAD("id") OVER (ORDER BY "id") * {NUMBERS} AS "until" FROM "audit_writer" WHERE {_POSSIBLE} '
    f'UNION ALL SELECT {LEAST}, (SELECT min("id") * {NUMBERS} FROM "audit_writer" WHERE {_POSSIBLE})) '
    'SELECT "first", "until" FROM (SELECT (SELECT min(e."id") FROM "audit_event" e WHERE e."id" > g."after" '
    f'AND e."id" <= COALESCE(g."until", {MOST})) AS "first", COALESCE(g."until", {MOST}) AS "until" '
    f'FROM gaps g) found WHERE "first" IS NOT NULL ORDER BY "first" LIMIT {DISCREPANCIES_MAX}'
)
_OF_NO_HEAD = (
    f'NOT EXISTS (SELECT 1 FROM "audit_writer" w WHERE w."id" = e."id" / {NUMBERS} '
    f'AND e."id" % {NUMBERS} BETWEEN 1 AND w."events")'
)


async def read_astray(database: Database, size: int) -> list[EventRow]:
    """Rows past their writer's head, or of no writer, that no leaf below `size` stands for.

    Heads and rows are seen in one statement: read one after the other, every new event would look so. As many
    as a report keeps.
    """
    rows: list[EventRow] = []
    for first, until in await database.query(_GAPS):
        rows += await _select_rows(
            database,
            f'e."id" >= ? AND e."id" <= ? AND {_OF_NO_HEAD} AND {_UNPLACED} ORDER BY e."id" LIMIT {PAGE}',
            first,
            until,
            size,
        )
        if len(rows) >= DISCREPANCIES_MAX:
            break
    return rows[:DISCREPANCIES_MAX]
