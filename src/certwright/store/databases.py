"""The two databases, behind one small face: read rows, and write one transaction at a time.

SQL is written once with `?` for parameters. SQLite runs inside the event loop (a look-up takes
microseconds, a commit one disk flush); PostgreSQL is asynchronous. Values travel as the row classes of
`rows.py` declare them.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_type_hints

import asyncpg

from ..core.errors import Conflict, IntegrityError, Malformed, Unavailable
from .rows import Row, columns_of, table_of

RowType = TypeVar("RowType", bound=Row)
READ_CONNECTIONS = 4
LOCK_WAIT_SECONDS = 5.0
LOCK_POLL_SECONDS = 0.001
CHECKPOINT_PAGES = 4000
IDLE_MILLISECONDS = 10_000
"""After so long without a word from us PostgreSQL ends a transaction, and with it the locks of a host that is
cut off or stands still."""
GUARD_LOCK = 0x63_77_67_75


class Duplicate(Conflict):
    """A row with this key exists already."""


class Clash(Unavailable):
    """The database has ended this transaction in favour of another; done again it may succeed."""


Versioned = Mapping[type[Row], Collection[int]]


class Transaction(Protocol):
    async def hold(self, exclusive: bool) -> None:
        """Until the end of this transaction what guards look at stays as it is; with `exclusive` it is ours
        to change, and nobody is between his guards and his commit. Before anything else in the
        transaction."""

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; the rows it returns."""

    async def insert(self, row_type: type[Row], rows: Sequence[Row]) -> None:
        """Insert many rows of one table. Raises Duplicate."""

    async def present(self, row_type: type[Row], column: str, values: Sequence[Any]) -> set[Any]:
        """Which of the values stand in the column."""

    async def versions(self, wanted: Versioned) -> dict[tuple[type[Row], int], int]:
        """The versions of rows known by `id`, of each that is there; one question for all tables."""


class Database(Protocol):
    url: str
    """What it was opened by, for another process of ours. It may hold a password."""
    lanes: int
    """How many transactions of one process may be in flight."""

    async def select(self, row_type: type[RowType], condition: str, *parameters: Any) -> list[RowType]:
        """Rows of a table; `condition` is all that follows WHERE."""

    async def query(self, sql: str, *parameters: Any) -> list[Row]:
        """Any read, as bare tuples."""

    def transaction(self, lane: int) -> AbstractAsyncContextManager[Transaction]:
        """One durable transaction, committed at the end of the block. Raises Unavailable, Duplicate."""

    async def gather_statistics(self, *row_types: type[Row]) -> None:
        """Before many questions about tables that may just have been filled: let the database look at them.
        Raises Unavailable."""

    async def close(self) -> None: ...


async def open_database(url: str) -> Database:
    """Open `sqlite:///path` or `postgresql://...`. Raises Unavailable when it cannot be reached."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))
    return await PostgresqlDatabase.open(url)


@lru_cache(maxsize=512)
def select_sql(row_type: type[Row], condition: str) -> str:
    columns = ", ".join(f'"{column}"' for column in columns_of(row_type))
    return f'SELECT {columns} FROM "{table_of(row_type)}" WHERE {condition}'


@lru_cache(maxsize=64)
def _versions_sql(row_types: tuple[type[Row], ...], among: str) -> str:
    return " UNION ALL ".join(
        f'SELECT {at}, "id", "version" FROM "{table_of(row_type)}" WHERE "id" {among}'
        for at, row_type in enumerate(row_types)
    )


# -- SQLite --------------------------------------------------------------------------------------


def _to_sqlite(value: Any) -> Any:
    """As Django stores it: times as naive UTC text."""
    return _text_of_time(value) if isinstance(value, datetime) else value


@lru_cache(maxsize=1024)
def _text_of_time(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def moment_of(value: Any) -> datetime:
    """A time as `query` gives it: PostgreSQL a time, SQLite text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


@lru_cache(maxsize=64)
def _converted_fields(row_type: type[Row]) -> tuple[tuple[int, bool], ...]:
    """Positions of the fields that SQLite keeps in another type, and whether it is a time."""
    hints = get_type_hints(row_type)
    found = []
    for position, column in enumerate(columns_of(row_type)):
        if hints[column] in (datetime, datetime | None):
            found.append((position, True))
        elif hints[column] is bool:
            found.append((position, False))
    return tuple(found)


def _from_sqlite(row_type: type[RowType], values: Row) -> RowType:
    fields = list(values)
    for position, is_time in _converted_fields(row_type):
        value = fields[position]
        if is_time and value is not None:
            fields[position] = moment_of(value)
        elif not is_time:
            fields[position] = bool(value)
    return row_type(*fields)


class SqliteDatabase:
    """One file in WAL mode, flushed at every commit. Other processes may hold the lock for a moment only.

    Nothing inside a transaction suspends, so the transactions of one loop never overlap.
    """

    lanes = 1

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._reader = self._connect(path)
        self._writer = self._connect(path)
        self._writer.execute("PRAGMA busy_timeout=0")

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        if not path.exists():
            raise Unavailable(f"the database {path} is missing; restore it from the backup")
        try:
            # After a crash the first to come reads the log again, and holds the file while it does.
            connection = sqlite3.connect(
                f"file:{path}?mode=rw",
                uri=True,
                isolation_level=None,
                timeout=LOCK_WAIT_SECONDS,
                check_same_thread=False,
            )
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the database {path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise IntegrityError(
                f"the database {path} is damaged: {error}; restore it from the backup"
            ) from error
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    async def select(self, row_type: type[RowType], condition: str, *parameters: Any) -> list[RowType]:
        rows = await self.query(select_sql(row_type, condition), *parameters)
        return [_from_sqlite(row_type, row) for row in rows]

    async def query(self, sql: str, *parameters: Any) -> list[Row]:
        with _sqlite_errors():
            return self._reader.execute(sql, tuple(map(_to_sqlite, parameters))).fetchall()

    @asynccontextmanager
    async def transaction(self, lane: int) -> AsyncIterator[Transaction]:
        await self._begin()
        try:
            yield SqliteTransaction(self._writer)
            with _sqlite_errors():
                self._writer.execute("COMMIT")
        finally:
            if self._writer.in_transaction:  # not so when SQLite itself has rolled back, on a full disk
                self._writer.execute("ROLLBACK")

    async def _begin(self) -> None:
        """Take the write lock, waiting without blocking the loop, and not for ever."""
        until = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if time.monotonic() > until or "locked" not in str(error):
                    raise Unavailable(f"the database is busy: {error}", retry_after=2) from error
            await asyncio.sleep(LOCK_POLL_SECONDS)

    async def gather_statistics(self, *row_types: type[Row]) -> None:
        """It chooses the index that a question names whatever it knows of the table."""

    async def close(self) -> None:
        self._reader.close()
        self._writer.close()


class SqliteTransaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def hold(self, exclusive: bool) -> None:
        """There is one transaction at a time, so nothing is to be held."""

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with _sqlite_errors():
            return self._connection.execute(sql, tuple(map(_to_sqlite, parameters))).fetchall()

    async def insert(self, row_type: type[Row], rows: Sequence[Row]) -> None:
        times = _time_fields(row_type)
        with _sqlite_errors():
            self._connection.executemany(
                _insert_sql(row_type), [_with_text_times(row, times) for row in rows] if times else rows
            )

    async def present(self, row_type: type[Row], column: str, values: Sequence[Any]) -> set[Any]:
        marks = ",".join("?" * len(values))
        sql = f'SELECT "{column}" FROM "{table_of(row_type)}" WHERE "{column}" IN ({marks})'
        return {row[0] for row in await self.execute(sql, values)}

    async def versions(self, wanted: Versioned) -> dict[tuple[type[Row], int], int]:
        sql = _versions_sql(tuple(wanted), "IN (SELECT value FROM json_each(?))")
        rows = await self.execute(sql, [json.dumps(list(keys)) for keys in wanted.values()])
        return {(list(wanted)[at], key): version for at, key, version in rows}


@lru_cache(maxsize=64)
def _time_fields(row_type: type[Row]) -> tuple[int, ...]:
    return tuple([position for position, is_time in _converted_fields(row_type) if is_time])


def _with_text_times(row: Row, times: tuple[int, ...]) -> list[Any]:
    fields = list(row)
    for position in times:
        if fields[position] is not None:
            fields[position] = _text_of_time(fields[position])
    return fields


@lru_cache(maxsize=64)
def _insert_sql(row_type: type[Row]) -> str:
    columns = columns_of(row_type)
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{table_of(row_type)}" ({names}) VALUES ({",".join("?" * len(columns))})'


class _sqlite_errors:  # noqa: N801 - reads as a word in `with`
    """Turns the driver's errors into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, sqlite3.IntegrityError):
            raise Duplicate(f"a row with this key exists already: {error}") from error
        if isinstance(error, sqlite3.OperationalError):
            raise Unavailable(f"the database cannot be used now: {error}") from error


# -- PostgreSQL ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> str:
    """`?` to `$1`, `$2`: our SQL holds no literal question mark."""
    first, *rest = sql.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


_LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection answers whose end has been told, and not yet been seen
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidTransactionStateError,  # a standby, or a transaction that was left idle for too long
)


class _postgresql_errors:  # noqa: N801 - reads as a word in `with`
    """Turns the driver's errors into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, _LOST):
            raise Unavailable(f"the database cannot be reached: {_first_line(error)}") from error
        if isinstance(error, asyncpg.TransactionRollbackError):
            text = f"the database has put another transaction first: {_first_line(error)}"
            raise Clash(text, retry_after=1) from error
        if isinstance(error, asyncpg.IntegrityConstraintViolationError):
            raise Duplicate(f"a row with this key exists already: {_first_line(error)}") from error
        if isinstance(error, asyncpg.DataError):
            raise Malformed(f"the database does not take a value: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    """What the server says, without the values that its further lines show; of a failed connection its kind,
    without where to."""
    return str(error).partition("\n")[0] if isinstance(error, asyncpg.PostgresError) else type(error).__name__


_SESSION = {
    "idle_in_transaction_session_timeout": str(IDLE_MILLISECONDS),
    # a plan is kept, and one that was made while its table was empty would walk through it when it has grown
    "enable_seqscan": "off",
    # that makes a small table which is read whole look so dear that each such question would be compiled
    # first, for a hundred times as long as it takes
    "jit": "off",
}


async def _keep_as_is(connection: Any) -> None:
    """We set nothing on a connection, so nothing needs a round trip to be set back."""


_BY_KEY = {'"id" = ?': "id", '"certificate_id" = ?': "certificate_id"}
"""Conditions that name one number, and their column."""


class _Together:
    """What is asked of one table by key while another question is under way goes into the next one: under
    load a question is answered for many, and none is answered from before it was asked.

    `fetch` gives the rows of many keys, which stand in their column `position`.
    """

    def __init__(self, fetch: Callable[[list[int]], Awaitable[list[Row]]], position: int) -> None:
        self._fetch = fetch
        self._position = position
        self._waiting: dict[int, asyncio.Future[list[Row]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, key: int) -> list[Row]:
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await asyncio.shield(waiting)

    async def _run(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                await self._answer(asked)
        finally:
            self._task = None

    async def _answer(self, asked: "dict[int, asyncio.Future[list[Row]]]") -> None:
        found: dict[int, list[Row]] = {key: [] for key in asked}
        try:
            for row in await self._fetch(list(asked)):
                found[row[self._position]].append(row)
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            for waiting in asked.values():
                waiting.set_exception(error)
                waiting.exception()  # who asked may be gone; then nobody else needs to hear of it
            return
        for key, waiting in asked.items():
            waiting.set_result(found[key])


class PostgresqlDatabase:
    """A few connections for reading, one per writing lane; broken ones are opened again on use."""

    lanes = 2

    def __init__(self, pool: "asyncpg.Pool[Any]", url: str) -> None:
        self.url = url
        self._pool = pool
        self._asked: dict[tuple[type[Row], str], _Together] = {}

    @classmethod
    async def open(cls, url: str) -> "PostgresqlDatabase":
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=READ_CONNECTIONS + cls.lanes,
                command_timeout=30,
                timeout=10,
                reset=_keep_as_is,
                server_settings=_SESSION,
            )
        except (*_LOST, asyncpg.PostgresError) as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise Unavailable(f"the database cannot be reached: {text}") from error
        return cls(pool, url)

    async def select(self, row_type: type[RowType], condition: str, *parameters: Any) -> list[RowType]:
        if condition in _BY_KEY:
            rows = await self._together(row_type, condition).find(*parameters)
        else:
            rows = await self.query(select_sql(row_type, condition), *parameters)
        return [row_type(*row) for row in rows]

    def _together(self, row_type: type[Row], condition: str) -> "_Together":
        found = self._asked.get((row_type, condition))
        if found is None:
            column = _BY_KEY[condition]
            sql = select_sql(row_type, f'"{column}" = ANY(?)')
            found = _Together(partial(self.query, sql), columns_of(row_type).index(column))
            self._asked[row_type, condition] = found
        return found

    async def query(self, sql: str, *parameters: Any) -> list[Row]:
        with _postgresql_errors():
            rows: list[Row] = await self._pool.fetch(_numbered(sql), *parameters)
        return rows

    @asynccontextmanager
    async def transaction(self, lane: int) -> AsyncIterator[Transaction]:
        with _postgresql_errors():
            async with self._pool.acquire(timeout=LOCK_WAIT_SECONDS) as connection, connection.transaction():
                yield PostgresqlTransaction(connection)

    async def gather_statistics(self, *row_types: type[Row]) -> None:
        """Its autovacuum does so by itself, a minute or more later; until then it takes few different values
        to stand in every column, and reads whole tables where an index would do."""
        sql = (
            'SELECT "relname" FROM "pg_stat_user_tables" WHERE "schemaname" = current_schema() '
            'AND "relname" = ANY(?) AND "n_mod_since_analyze" > 1000 + "n_live_tup" / 10'
        )
        for (table,) in await self.query(sql, [table_of(row_type) for row_type in row_types]):
            await self.query(f'ANALYZE (SKIP_LOCKED) "{table}"')

    async def close(self) -> None:
        await self._pool.close()


class PostgresqlTransaction:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def hold(self, exclusive: bool) -> None:
        # An advisory lock lets waiting writers in by turns; FOR SHARE on a row would let readers starve them.
        name = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
        await self._connection.fetch(f"SELECT {name}({GUARD_LOCK})")

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        rows: list[Row] = await self._connection.fetch(_numbered(sql), *parameters)
        return rows

    async def insert(self, row_type: type[Row], rows: Sequence[Row]) -> None:
        await self._connection.copy_records_to_table(
            table_of(row_type), records=rows, columns=list(columns_of(row_type))
        )

    async def present(self, row_type: type[Row], column: str, values: Sequence[Any]) -> set[Any]:
        sql = f'SELECT "{column}" FROM "{table_of(row_type)}" WHERE "{column}" = ANY(?)'
        return {row[0] for row in await self.execute(sql, (list(values),))}

    async def versions(self, wanted: Versioned) -> dict[tuple[type[Row], int], int]:
        sql = _versions_sql(tuple(wanted), "= ANY(?)")
        rows = await self.execute(sql, [list(keys) for keys in wanted.values()])
        return {(list(wanted)[at], key): version for at, key, version in rows}
