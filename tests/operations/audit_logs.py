"""An audit log in a real database, and a hand that writes into its tables beside the product."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certwright.core.access import Actor, Grant, Role
from certwright.core.audit import Event, EventKind
from certwright.core.audit_export import encode, verify_export
from certwright.core.audit_records import Report
from certwright.core.audit_verify import DiscrepancyKind
from certwright.core.checkpoint import VerifierKey
from certwright.operations.context import Context
from certwright.operations.export_audit import export_audit
from certwright.operations.sequence_audit import sequence_audit
from certwright.operations.verify_audit import verify_audit
from certwright.store.databases import Database, open_database
from certwright.store.ledger import Change, Ledger
from tests.real import databases, pki
from tests.real.databases import Database as Made

ORIGIN = "pki.example/audit"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERIFIER = VerifierKey.of(ORIGIN, KEY.public_key())
AUDITOR = Actor("local:auditor", (Grant(Role.AUDITOR),))
ROUNDS_MAX = 100
TABLES = ("audit_writer", "audit_event", "audit_leaf", "audit_node", "audit_checkpoint")


def event(name: str) -> Event:
    return Event(EventKind.PROFILE_SAVED, datetime.now(UTC), "local:alice", "::1", name, {"thing": name})


async def sequence(context: Context, held: str | None) -> str | None:
    """As the worker does it: until there is nothing left to place; the note that is kept outside then."""
    for _ in range(ROUNDS_MAX):
        note = await sequence_audit(context, ORIGIN, KEY, held)
        if note is None:
            return held
        held = note
    raise AssertionError("the sequencer always finds something to keep")


async def verify(database: Database, *held: str | None) -> Report:
    return await verify_audit(database, AUDITOR, [VERIFIER], [note for note in held if note])


@dataclass
class Kept:
    """What lies outside the database: every note, the newest last."""

    notes: list[str] = field(default_factory=list)

    @property
    def newest(self) -> str | None:
        return self.notes[-1] if self.notes else None

    async def sequence(self, context: Context) -> None:
        note = await sequence(context, self.newest)
        if note is not None and note != self.newest:
            self.notes.append(note)


@asynccontextmanager
async def opened(made: Made) -> AsyncIterator[Context]:
    async with pki.opened(made.url, pki.Secrets(), lambda: datetime.now(UTC)) as context:
        yield context


async def written(context: Context, made: Made) -> Kept:
    """A log with four writers, mixed in its tree, checkpoints, and a tail that no checkpoint covers.

    Writers: `test` wrote the founding; `b` and `c` six events that are placed, and `b` three that are not;
    `d` three that are placed.
    """
    kept = Kept()
    b, c, d = [await Ledger.open(context.database, name, context.clock) for name in "bcd"]
    for turn in range(3):
        for ledger, name in ((b, "b"), (c, "c"), (d, "d")):
            for number in range(2 if name != "d" else 1):
                await ledger.commit(Change(events=[event(f"{name}:{turn}/{number}")]))
        await kept.sequence(context)
    for number in range(3):
        await b.commit(Change(events=[event(f"b:tail/{number}")]))
    for ledger in (b, c, d):
        await ledger.close()
    return kept


class Hand:
    """Writes into the tables as somebody with the database's password does. Every statement is a commit."""

    def __init__(self, made: Made) -> None:
        self.kind = made.kind
        self._connection: Any = (
            sqlite3.connect(made.url.removeprefix("sqlite:///"), timeout=10, isolation_level=None)
            if made.kind == "sqlite"
            else psycopg.connect(made.url, autocommit=True)
        )

    def __call__(self, sql: str, *parameters: Any) -> list[Sequence[Any]]:
        """Run a statement written with `?`; what it returns."""
        cursor = self._connection.execute(self._written(sql), parameters)
        return list(cursor.fetchall()) if cursor.description else []

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._connection.cursor().executemany(self._written(sql), rows)

    def _written(self, sql: str) -> str:
        return sql if self.kind == "sqlite" else sql.replace("?", "%s")

    def close(self) -> None:
        self._connection.close()

    def writer(self, name: str) -> int:
        """The first lane of the ledger of this name."""
        return int(self("SELECT min(id) FROM audit_writer WHERE name = ?", f"{name}/0")[0][0])

    def leaf(self, identifier: int) -> int:
        return int(self("SELECT position FROM audit_leaf WHERE event = ?", identifier)[0][0])


@dataclass(frozen=True)
class Log:
    """A log that `written` wrote, to be tampered with again and again."""

    made: Made
    hand: Hand
    notes: tuple[str, ...]
    _saved: dict[str, list[Sequence[Any]]]

    @classmethod
    def write(cls, made: Made) -> "Log":
        async def main() -> Kept:
            async with opened(made) as context:
                return await written(context, made)

        kept, hand = asyncio.run(main()), Hand(made)
        saved = {table: hand(f"SELECT * FROM {table}") for table in TABLES}
        return cls(made, hand, tuple(kept.notes), saved)

    def after(self, tamper: Callable[[Hand], Any], *, held: bool = True) -> Report:
        """What the check says after `tamper`, which is undone then; `held`: against the newest kept note.

        An export says the same of the events, wherever it is checked.
        """
        notes = self.notes[-1:] if held else ()
        try:
            tamper(self.hand)
            report, exported = asyncio.run(self._verify(notes))
        finally:
            self.restore()
        assert exported.sound == (
            {one.kind for one in report.discrepancies} <= {DiscrepancyKind.INCONSISTENT}
        )
        return report

    async def _verify(self, notes: Sequence[str]) -> tuple[Report, Report]:
        database = await open_database(self.made.url)
        try:
            lines = [encode(record) async for record in export_audit(database, [VERIFIER])]
            return await verify(database, *notes), verify_export(lines, [VERIFIER], notes)
        finally:
            await database.close()

    def restore(self) -> None:
        """As it was written."""
        for table, rows in self._saved.items():
            self.hand(f"DELETE FROM {table}")
            marks = ", ".join("?" * len(rows[0]))
            self.hand.many(f"INSERT INTO {table} VALUES ({marks})", rows)


@contextmanager
def shared_log(folder: Path) -> Iterator[Log]:
    """For a module of tests: a database for every one of so many would take minutes."""
    kind, run = os.environ.get("CERTWRIGHT_TEST_DATABASE", "sqlite"), Path(os.environ["CERTWRIGHT_TEST_RUN"])
    with databases.with_tables(kind, run, folder) as made:
        log = Log.write(made)
        try:
            yield log
        finally:
            log.hand.close()


def identifier(writer: int, number: int) -> int:
    return writer << 32 | number
