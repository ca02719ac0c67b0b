"""An audit log in a real database, and a hand that writes into its tables beside the product."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certwright.core.access import Actor, Grant, Role
from certwright.core.audit import Event, EventKind
from certwright.core.audit_records import Report
from certwright.core.checkpoint import VerifierKey
from certwright.operations.context import Context
from certwright.operations.sequence_audit import sequence_audit
from certwright.operations.verify_audit import verify_audit
from certwright.store.databases import Database
from certwright.store.ledger import Change, Ledger
from tests.real import pki
from tests.real.databases import Database as Made

ORIGIN = "pki.example/audit"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERIFIER = VerifierKey.of(ORIGIN, KEY.public_key())
AUDITOR = Actor("local:auditor", (Grant(Role.AUDITOR),))
ROUNDS_MAX = 100


def event(name: str) -> Event:
    return Event(EventKind.PROFILE_SAVED, datetime.now(UTC), "local:alice", "::1", name, {"thing": name})


async def sequence(context: Context, held: str | None) -> str | None:
    """As the worker does it: until there is nothing left to place; the note that is kept outside then."""
    for _ in range(ROUNDS_MAX):
        note = await sequence_audit(context, ORIGIN, KEY)
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

    Writer names and what they wrote: `test` the founding; `b` and `c` six placed, then `b` three that are not;
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
        self._made = made
        self.kind = made.kind

    def __call__(self, sql: str, *parameters: Any) -> list[Sequence[Any]]:
        """Run a statement written with `?`; what it returns."""
        if self._made.kind == "sqlite":
            with closing(sqlite3.connect(self._made.url.removeprefix("sqlite:///"), timeout=10)) as connection:
                found = connection.execute(sql, parameters).fetchall()
                connection.commit()
                return list(found)
        with psycopg.connect(self._made.url, autocommit=True) as connection:
            cursor = connection.execute(sql.replace("?", "%s").encode(), parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def writer(self, name: str) -> int:
        """The first lane of the ledger of this name."""
        return int(self("SELECT min(id) FROM audit_writer WHERE name = ?", f"{name}/0")[0][0])

    def leaf(self, identifier: int) -> int:
        return int(self("SELECT position FROM audit_leaf WHERE event = ?", identifier)[0][0])


def identifier(writer: int, number: int) -> int:
    return writer << 32 | number
