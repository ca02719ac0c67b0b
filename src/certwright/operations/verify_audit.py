"""Check the audit log in the database against the log's key and a checkpoint that were kept outside it."""

import asyncio
from collections.abc import Sequence

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.audit_records import Header, Leaf, LogVerifier, Report
from ..core.checkpoint import VerifierKey
from ..store.databases import Database
from ..store.ledger import Change
from .check_audit_store import check_store
from .context import Context
from .export_audit import Progress, records_of
from .read_audit import read_standing

REPORT_EVERY = 500
FIRST_OCTETS_MAX = 1_000
LOG = "audit:log"


async def verify_audit(
    database: Database,
    actor: Actor,
    keys: Sequence[VerifierKey],
    held: Sequence[str],
    progress: Progress = lambda done, total: None,
) -> Report:
    """What the check found. `keys` are the log's public keys, `held` signed notes, both from outside.

    `progress` is told how many of how many events have been read. Raises Forbidden, Unavailable, Malformed
    for a held checkpoint that cannot be read, TooLarge for more writers or checkpoints than a log can have.
    """
    require(actor, Verb.VIEW_AUDIT, Subject())
    standing = await read_standing(database)
    total = standing.events
    records = records_of(database, keys, standing)
    header = await anext(records)
    assert isinstance(header, Header)
    verifier, placed = LogVerifier(header, keys, held), dict[int, int]()
    async for record in records:
        verifier.feed(record)
        if isinstance(record, Leaf) and record.row is not None:
            placed[record.row.writer] = record.row.number
        if verifier.events % REPORT_EVERY == 0:
            progress(verifier.events, total)
            await asyncio.sleep(0)  # others on this loop get their turn
    progress(verifier.events, total)
    async for discrepancy in check_store(database, standing, placed if not verifier.found else None):
        verifier.add(discrepancy)
    return verifier.finish()


async def record_discrepancies(context: Context, actor: Actor, found: int, first: str) -> None:
    """Put on record that a check has failed; `first` says what it found first."""
    detail: dict[str, JsonValue] = {"found": found, "first": shown(first, FIRST_OCTETS_MAX)}
    event = Event(EventKind.AUDIT_DISCREPANCY_FOUND, context.clock(), actor.name, actor.source, LOG, detail)
    await context.ledger.commit(Change(events=[event]))


async def record_export(context: Context, actor: Actor) -> None:
    """Put on record that somebody takes a copy of the log. Raises Forbidden."""
    require(actor, Verb.VIEW_AUDIT, Subject())
    event = Event(EventKind.AUDIT_EXPORTED, context.clock(), actor.name, actor.source, LOG, {})
    await context.ledger.commit(Change(events=[event]))
