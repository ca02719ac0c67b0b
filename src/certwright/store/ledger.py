"""The one writer of facts. What many requests must leave behind is gathered and made durable in one commit.

An operation hands in a `Change`: rows to insert, rows to replace, audit events, follow-ups, and what must
still be true. `commit` returns when all of it is durable, or raises and nothing of it is. Changes that wait
while a commit is under way go together in the next one; a batch that fails is retried in halves, so that
only the request at fault gets an error.

Guards, checked inside the transaction: the configuration revision a decision stood on (else Moved), the
version of every row that is replaced or kept (else Moved), values that must be absent (else the error named
with them). What they have seen holds until the commit. They see what was there before the batch; so whoever
stands on what a change before him in the queue makes anew comes with the next batch, and is checked against
that.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from ..core import audit
from ..core.errors import CertwrightError, Conflict, Moved, Reconfigured, Unavailable
from .among import among
from .changed_rows import Mark, remove_row, replace_row, set_marks
from .databases import Clash, Database, Duplicate, Transaction
from .guarded_rows import Absent, Kept, ends_standing, moved_of, place_of
from .rows import (
    AuditEventRow,
    AuditWriterRow,
    CompromisedKeyRow,
    IssuanceIntentRow,
    OutboxRow,
    Row,
    StatusChangeRow,
    columns_of,
    table_of,
)

BATCH_MAX = 500
WORTH_A_LANE = 16
PATIENCE_SECONDS = 0.02
Clock = Callable[[], datetime]
STATUS_FEED = "status"
REVISION_STEP_MAX = 1 << 30
WRITERS = "writers"
WRITER_STEP_MAX = 1 << 12
"""Where the database was put back, the numbers of writers that are lost do not come a second time. A million
writers, the most that an audit log has, fit below 2^31 at steps of 2048 on the average."""
_GUARDED = (CompromisedKeyRow, IssuanceIntentRow)


@dataclass(slots=True)
class Change:
    """What one request leaves behind, all of it or nothing.

    `replaced` holds pairs (row as read, row as it shall be); a `version` grows by itself. `kept` are rows as
    read, on which this stands and which it leaves as they are. Rows of `status_changes` get their place in
    the feed at the commit. `revision` is the configuration revision decided upon, None where configuration
    did not matter. `configures` makes a new revision.
    """

    inserted: list[Row] = field(default_factory=list)
    replaced: list[tuple[Row, Row]] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    status_changes: list[StatusChangeRow] = field(default_factory=list)
    events: list[audit.Event] = field(default_factory=list)
    follow_ups: list[tuple[str, str]] = field(default_factory=list)
    marked: list[Mark] = field(default_factory=list)
    revision: int | None = None
    configures: bool = False

    def join(self, other: "Change") -> None:
        """Take all of another change into this one."""
        for name in _LISTS:
            getattr(self, name).extend(getattr(other, name))
        self.revision = self.revision if other.revision is None else other.revision
        self.configures |= other.configures


_LISTS = tuple(one.name for one in fields(Change) if one.default_factory is list)


@dataclass(slots=True, eq=False)
class _Waiting:
    change: Change
    done: "asyncio.Future[None]"


@dataclass(slots=True)
class _Lane:
    """One transaction at a time, one audit writer. `chain` ends where the last durable commit ended; `doubt`
    is where it ends if a commit whose answer was lost is durable after all."""

    number: int
    chain: audit.Chain
    busy: bool = False
    doubt: audit.Chain | None = None


class _Fault(Exception):
    """Some changes of a batch cannot be; the others can."""

    def __init__(self, guilty: set[_Waiting], error: CertwrightError) -> None:
        self.guilty = guilty
        self.error = error


class Ledger:
    """Open it with `Ledger.open`; one per event loop."""

    def __init__(self, database: Database, lanes: list[_Lane], clock: Clock) -> None:
        self.commits = 0
        self.recorded: Counter[str] = Counter()
        """How many events of each kind are on record by these commits."""
        self._database = database
        self._lanes = lanes
        self._clock = clock
        self._queue: list[_Waiting] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._patience: asyncio.TimerHandle | None = None
        self._next = lanes[0].chain.writer << 32

    @classmethod
    async def open(cls, database: Database, name: str, clock: Clock) -> "Ledger":
        """Registers this process's writing lanes under `name`. Raises Unavailable."""
        async with database.transaction(0) as transaction:
            lanes = [
                _Lane(number, await _register(transaction, f"{name}/{number}", clock()))
                for number in range(database.lanes)
            ]
        return cls(database, lanes, clock)

    def new_id(self) -> int:
        """An identifier no other process gives out."""
        self._next += 1
        return self._next

    async def commit(self, change: Change) -> None:
        """Make one change durable. Raises Moved, Conflict, Unavailable or what a guard names."""
        done = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(change, done))
        self._wake()
        await done

    def _wake(self) -> None:
        """Set a lane to work. While one works, a few changes had better wait for its next batch, for a commit
        costs the same for one as for many; but not for long, it may be waiting for a database that is gone.
        """
        idle = [lane for lane in self._lanes if not lane.busy]
        if not idle or not self._queue:
            return
        if len(idle) == len(self._lanes) or len(self._queue) >= WORTH_A_LANE:
            self._start(idle[0])
        elif self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        idle = [lane for lane in self._lanes if not lane.busy]
        if idle and self._queue:
            self._start(idle[0])

    def _start(self, lane: _Lane) -> None:
        lane.busy = True
        task = asyncio.get_running_loop().create_task(self._run(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: _Lane) -> None:
        try:
            await asyncio.sleep(0)  # let the rest of this turn of the loop join the batch
            while self._queue:
                end = _end_of_batch(self._queue)
                batch, self._queue = self._queue[:end], self._queue[end:]
                if self._queue:
                    self._wake()
                try:
                    await self._write(lane, batch)
                except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                    _fail_all(batch, error)
        finally:
            lane.busy = False

    async def _write(self, lane: _Lane, batch: list[_Waiting]) -> None:
        """Commit a batch; on failure leave out those at fault, or look for one in halves."""
        while batch:
            try:
                await self._attempt(lane, batch)
            except _Fault as fault:
                _fail_all(fault.guilty, fault.error)
                batch = [waiting for waiting in batch if waiting not in fault.guilty]
            except Exception as error:  # noqa: BLE001 - whatever it is, the others of the batch may go on
                alone = len(batch) == 1
                if isinstance(error, Unavailable) and (alone or not isinstance(error, Clash)):
                    return _fail_all(batch, error)
                if alone:
                    return await self._write_alone(lane, batch[0], error)
                middle = len(batch) // 2
                await self._write(lane, batch[:middle])
                batch = batch[middle:]
            else:
                break
        for waiting in batch:
            _succeed(waiting)
        return None

    async def _attempt(self, lane: _Lane, batch: list[_Waiting]) -> None:
        """One commit. When it returns the batch is durable; when it raises, nothing of it is, or nobody can
        tell, and the lane stays in doubt and writes nothing until somebody can."""
        if lane.doubt is not None:
            await self._was_durable(lane)
        if lane.doubt is not None:
            raise Unavailable("the database has not answered for a commit; try again in a moment")
        try:
            await self._transact(lane, batch)
        except Exception:
            if not await self._was_durable(lane):
                raise

    async def _was_durable(self, lane: _Lane) -> bool:
        """Whether the commit whose answer was lost is durable: the writer's head tells.

        Updating the row waits for a transaction that may still be ending. While nobody can be asked the lane
        stays in doubt.
        """
        if lane.doubt is None:
            return False
        try:
            async with self._database.transaction(lane.number) as transaction:
                rows = await transaction.execute(
                    'UPDATE "audit_writer" SET "events" = "events" WHERE "id" = ? RETURNING "head"',
                    (lane.chain.writer,),
                )
        except CertwrightError:
            return False
        durable = bool(rows) and rows[0][0] == lane.doubt.head and lane.doubt != lane.chain
        lane.chain = lane.doubt if durable else lane.chain
        lane.doubt = None
        return durable

    async def _write_alone(self, lane: _Lane, waiting: _Waiting, error: Exception) -> None:
        """After a clash of keys a guard may now name the reason, so such a change is tried once more."""
        if isinstance(error, Duplicate) and waiting.change.absent:
            try:
                await self._attempt(lane, [waiting])
            except _Fault as fault:
                _fail(waiting, fault.error)
            except Exception as again:  # noqa: BLE001 - whoever waits must hear of it
                _fail(waiting, again)
            else:
                _succeed(waiting)
            return
        _fail(waiting, error)

    async def _transact(self, lane: _Lane, batch: list[_Waiting]) -> None:
        async with self._database.transaction(lane.number) as transaction:
            await _hold(transaction, batch)
            await _check_revision(transaction, batch)
            await _check_absent(transaction, batch)
            for waiting, before, after in _touched(batch):
                if after is None:
                    await remove_row(transaction, before)
                elif not await replace_row(transaction, before, after):
                    raise _Fault({waiting}, Moved(f"the {table_of(type(before))} has changed meanwhile"))
            await _check_kept(transaction, batch)
            await set_marks(transaction, [mark for waiting in batch for mark in waiting.change.marked])
            rows = [row for waiting in batch for row in waiting.change.inserted]
            chain, events = _chained(lane.chain, batch)
            rows += await _numbered_changes(transaction, batch, chain.head)
            rows += self._outbox(batch)
            if events:
                await _advance(transaction, lane.chain, chain)
            for row_type, group in _by_table([*rows, *events]):
                await transaction.insert(row_type, group)
            lane.doubt = chain
        lane.chain, lane.doubt = chain, None
        self.commits += 1
        self.recorded.update(event.kind for event in events)

    def _outbox(self, batch: list[_Waiting]) -> list[Row]:
        return [
            OutboxRow(self.new_id(), kind, payload, self._clock())
            for waiting in batch
            for kind, payload in waiting.change.follow_ups
        ]

    async def take(self, counter: str, least: int = 1) -> int:
        """The next number of a counter, at the least this one, durable before it is given. Numbers grow; gaps
        are possible."""
        sql = (
            'INSERT INTO "counter" ("name", "value") VALUES (?, ?) ON CONFLICT ("name") DO UPDATE '
            'SET "value" = CASE WHEN "counter"."value" < excluded."value" THEN excluded."value" '
            'ELSE "counter"."value" + 1 END RETURNING "value"'
        )
        async with self._database.transaction(0) as transaction:
            rows = await transaction.execute(sql, (counter, least))
        self.commits += 1
        value: int = rows[0][0]
        return value

    async def purge(self, row_type: type[Row], column: str, before: datetime, limit: int = 500) -> int:
        """Delete up to `limit` rows whose `column` lies before a moment; how many were deleted."""
        key = columns_of(row_type)[0]
        table = table_of(row_type)
        sql = (
            f'DELETE FROM "{table}" WHERE "{key}" IN (SELECT "{key}" FROM "{table}" '
            f'WHERE "{column}" < ? LIMIT {int(limit)}) RETURNING "{key}"'
        )
        async with self._database.transaction(0) as transaction:
            return len(await transaction.execute(sql, (before,)))

    async def purge_with(self, sql: str, values: Sequence[Any], tables: Sequence[str]) -> int:
        """Delete certificates and what belongs to them; how many went. `sql` deletes at most 500 and gives
        their identifiers; in `tables` they stand as `certificate_id`."""
        async with self._database.transaction(0) as transaction:
            identifiers = [row[0] for row in await transaction.execute(sql, values)]
            if identifiers:
                condition, filled = among("certificate_id", identifiers)
                for table in tables:
                    await transaction.execute(f'DELETE FROM "{table}" WHERE {condition}', filled)
        return len(identifiers)

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _succeed(waiting: _Waiting) -> None:
    if not waiting.done.done():
        waiting.done.set_result(None)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)


def _fail_all(batch: Iterable[_Waiting], error: Exception) -> None:
    for waiting in batch:
        _fail(waiting, error)


async def _register(transaction: Transaction, name: str, now: datetime) -> audit.Chain:
    step = 1 + secrets.randbelow(WRITER_STEP_MAX)
    chain = audit.Chain.start(await _advance_counter(transaction, WRITERS, step))
    await transaction.insert(AuditWriterRow, [AuditWriterRow(chain.writer, name, now, 0, chain.head, 0)])
    return chain


def _end_of_batch(queue: list[_Waiting]) -> int:
    """How many from the front of the queue go together: up to the first who stands on what one before him
    changes, for in one batch he would be checked against what was there before, and come after it in the
    audit log."""
    configured, made = False, set[type[Row]]()
    for place, waiting in enumerate(queue[:BATCH_MAX]):
        change = waiting.change
        if configured and change.revision is not None:
            return place
        if any(_wants_none(change, row_type) for row_type in made):
            return place
        configured = configured or change.configures
        made.update(row_type for row_type in _GUARDED if _inserts(change, row_type))
    return min(len(queue), BATCH_MAX)


async def _hold(transaction: Transaction, batch: list[_Waiting]) -> None:
    """Whoever passes the guards commits before what they saw is changed, or comes after it."""
    changes = [waiting.change for waiting in batch]
    if any(one.configures or _inserts(one, CompromisedKeyRow) or _ends_standing(one) for one in changes):
        await transaction.hold(exclusive=True)
    elif any(one.revision is not None or one.kept or _wants_none(one, CompromisedKeyRow) for one in changes):
        await transaction.hold(exclusive=False)


def _inserts(change: Change, row_type: type[Row]) -> bool:
    return any(isinstance(row, row_type) for row in change.inserted)


def _wants_none(change: Change, row_type: type[Row]) -> bool:
    """Asked of compromised keys and of intents. Other guards look at values that their own change inserts,
    and a unique index keeps those apart, in one batch too; or at what is configured."""
    return any(guard.row_type is row_type for guard in change.absent)


def _ends_standing(change: Change) -> bool:
    """Of kept rows what matters: a certificate must not come after the end of what it stands on."""
    return any(ends_standing(before, after) for before, after in change.replaced)


def revision_after(revision: int) -> int:
    """Revisions grow by random steps: where the database was put back, none comes a second time, and whoever
    holds one of what is gone notices."""
    return revision + 1 + secrets.randbelow(REVISION_STEP_MAX)


async def _check_revision(transaction: Transaction, batch: list[_Waiting]) -> None:
    configures = any(waiting.change.configures for waiting in batch)
    if not configures and all(waiting.change.revision is None for waiting in batch):
        return
    if configures:
        step = revision_after(0)
        sql = 'UPDATE "installation" SET "revision" = "revision" + ? WHERE "id" = 1 RETURNING "revision" - ?'
        rows = await transaction.execute(sql, (step, step))
    else:
        rows = await transaction.execute('SELECT "revision" FROM "installation" WHERE "id" = 1')
    current = rows[0][0] if rows else 0
    overtaken = {waiting for waiting in batch if waiting.change.revision not in (None, current)}
    if overtaken:
        raise _Fault(overtaken, Reconfigured("the configuration has changed meanwhile"))


async def _check_absent(transaction: Transaction, batch: list[_Waiting]) -> None:
    wanted: dict[tuple[type[Row], str], dict[Any, tuple[_Waiting, Absent]]] = {}
    for waiting in batch:
        for guard in waiting.change.absent:
            wanted.setdefault((guard.row_type, guard.column), {})[guard.value] = waiting, guard
    for (row_type, column), values in wanted.items():
        for value in await transaction.present(row_type, column, list(values)):
            waiting, guard = values[value]
            raise _Fault({waiting}, guard.error())


async def _check_kept(transaction: Transaction, batch: list[_Waiting]) -> None:
    """Once rows are replaced, so that what ends in this very commit does not count as kept."""
    moved = await moved_of(transaction, [row for waiting in batch for row in waiting.change.kept])
    overtaken = {waiting for waiting in batch if not moved.isdisjoint(waiting.change.kept)}
    if overtaken:
        tables = ", ".join(sorted({table_of(type(row)) for row in moved}))
        raise _Fault(overtaken, Moved(f"the {tables} has changed meanwhile"))


def _touched(batch: list[_Waiting]) -> list[tuple[_Waiting, Row, Row | None]]:
    """Rows as read, and as they shall be, None for removed. In one order for all processes, so that no two of
    them wait for each other's rows."""
    found: list[tuple[_Waiting, Row, Row | None]] = []
    for waiting in batch:
        found += [(waiting, before, after) for before, after in waiting.change.replaced]
        found += [(waiting, row, None) for row in waiting.change.removed]
    return sorted(found, key=lambda touched: place_of(touched[1])) if len(found) > 1 else found


async def _advance_counter(transaction: Transaction, name: str, by: int) -> int:
    sql = (
        'INSERT INTO "counter" ("name", "value") VALUES (?, ?) '
        'ON CONFLICT ("name") DO UPDATE SET "value" = "counter"."value" + excluded."value" RETURNING "value"'
    )
    rows = await transaction.execute(sql, (name, by))
    value: int = rows[0][0]
    return value


async def _numbered_changes(transaction: Transaction, batch: list[_Waiting], chain: bytes) -> list[Row]:
    """Places in the status feed are taken under the counter's lock, so they appear in commit order."""
    changes = [row for waiting in batch for row in waiting.change.status_changes]
    if not changes:
        return []
    last = await _advance_counter(transaction, STATUS_FEED, len(changes))
    first = last - len(changes) + 1
    return [row._replace(seq=first + offset, chain=chain) for offset, row in enumerate(changes)]


def _chained(chain: audit.Chain, batch: list[_Waiting]) -> tuple[audit.Chain, list[AuditEventRow]]:
    events = (event for waiting in batch for event in waiting.change.events)
    rows, chain = chain.extend(events)
    return chain, [AuditEventRow(*row) for row in rows]


async def _advance(transaction: Transaction, before: audit.Chain, after: audit.Chain) -> None:
    """Move the writer's head; nobody else may have written in its name."""
    rows = await transaction.execute(
        'UPDATE "audit_writer" SET "events" = ?, "head" = ? WHERE "id" = ? AND "events" = ? RETURNING "id"',
        (after.number, after.head, before.writer, before.number),
    )
    if not rows:
        raise Conflict(f"audit writer {before.writer} was continued by somebody else; restart this process")


def _by_table(rows: Iterable[Row]) -> list[tuple[type[Row], list[Row]]]:
    groups: dict[type[Row], list[Row]] = {}
    for row in rows:
        groups.setdefault(type(row), []).append(row)
    return list(groups.items())
