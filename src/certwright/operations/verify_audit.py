"""Check the audit log in the database against the log's key and a checkpoint that were kept outside it."""

from collections.abc import Callable, Sequence

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.audit_records import Header, LogVerifier, Report
from ..core.checkpoint import VerifierKey
from ..store.databases import Database
from ..store.ledger import Change
from .context import Context
from .export_audit import export_audit

Progress = Callable[[int, int], None]
REPORT_EVERY = 500


async def verify_audit(
    database: Database,
    actor: Actor,
    keys: Sequence[VerifierKey],
    held: Sequence[str],
    progress: Progress = lambda done, total: None,
) -> Report:
    """What the check found. `keys` are the log's public keys, `held` signed notes, both from outside.

    `progress` is told how many of how many events have been read. Raises Forbidden, Unavailable, Malformed
    for a held checkpoint that cannot be read.
    """
    require(actor, Verb.VIEW_AUDIT, Subject())
    total = (await database.query('SELECT sum("events") FROM "audit_writer"'))[0][0] or 0
    records = export_audit(database, keys)
    header = await anext(records)
    assert isinstance(header, Header)
    verifier = LogVerifier(header, keys, held)
    async for record in records:
        verifier.feed(record)
        if verifier.events % REPORT_EVERY == 0:
            progress(verifier.events, int(total))
    progress(verifier.events, int(total))
    return verifier.finish()


async def record_discrepancies(context: Context, actor: Actor, found: int, first: str) -> None:
    """Put on record that a check has failed; `first` says what it found first."""
    detail: dict[str, JsonValue] = {"found": found, "first": first[:500]}
    event = Event(
        EventKind.AUDIT_DISCREPANCY_FOUND, context.clock(), actor.name, actor.source, "audit:log", detail
    )
    await context.ledger.commit(Change(events=[event]))


async def record_export(context: Context, actor: Actor) -> None:
    """Put on record that somebody takes a copy of the log. Raises Forbidden."""
    require(actor, Verb.VIEW_AUDIT, Subject())
    event = Event(EventKind.AUDIT_EXPORTED, context.clock(), actor.name, actor.source, "audit:log", {})
    await context.ledger.commit(Change(events=[event]))
