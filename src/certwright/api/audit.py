"""`/audit`: events, checkpoints, and proofs for those who hold a checkpoint."""

from django.http import HttpRequest
from ninja import Path, Query, Router

from ..core.access import Actor
from ..operations.context import Context
from ..operations.list_events import EventFilter, event_document, list_events
from ..operations.prove_audit import (
    Consistency,
    Inclusion,
    prove_consistency,
    prove_inclusion,
    read_checkpoint,
)
from ..store.rows import AuditCheckpointRow, AuditEventRow
from . import audit_schemas as schemas
from .paging import read_cursor, write_cursor
from .web import Document, require_known_parameters, run

router = Router(tags=["audit"])


@router.get("/audit/events", response=schemas.EventList, operation_id="list_audit_events")
def list_all(request: HttpRequest, wanted: Query[schemas.EventQuery]) -> Document:
    """List audit events, the newest first."""
    require_known_parameters(request, schemas.EventQuery)
    sought = EventFilter(wanted.kind, wanted.actor, wanted.subject, wanted.since, wanted.until)

    async def act(context: Context, actor: Actor) -> list[AuditEventRow]:
        at, identifier = read_cursor(wanted.after, by_time=True) if wanted.after else (None, 0)
        before = (at, identifier) if at is not None else None
        return await list_events(context.database, actor, sought, wanted.limit + 1, before)

    rows = run(request, act)
    page, more = rows[: wanted.limit], len(rows) > wanted.limit
    return {
        "events": [event_document(one) for one in page],
        "next": write_cursor((page[-1].at, page[-1].id)) if more else None,
    }


@router.get(
    "/audit/events/{event}/proof", response=schemas.InclusionProof, operation_id="prove_audit_inclusion"
)
def inclusion(
    request: HttpRequest, event: Path[schemas.Identifier], wanted: Query[schemas.ProofQuery]
) -> Document:
    """Prove that an event is in the log that a checkpoint speaks of (RFC 9162 section 2.1.3)."""
    require_known_parameters(request, schemas.ProofQuery)

    async def act(context: Context, actor: Actor) -> Inclusion:
        return await prove_inclusion(context.database, actor, event, wanted.size)

    proof = run(request, act)
    return {
        "event": str(proof.event.id),
        "body": proof.event.body,
        "chain": proof.event.chain.hex(),
        "index": proof.position,
        "hashes": [one.hex() for one in proof.hashes],
        "checkpoint": _checkpoint(proof.checkpoint),
    }


@router.get("/audit/checkpoint", response=schemas.Checkpoint, operation_id="show_audit_checkpoint")
def newest_checkpoint(request: HttpRequest, wanted: Query[schemas.ProofQuery]) -> Document:
    """Show the newest signed checkpoint, or the one of a size. Keep one where administrators cannot write."""
    require_known_parameters(request, schemas.ProofQuery)

    async def act(context: Context, actor: Actor) -> AuditCheckpointRow:
        return await read_checkpoint(context.database, actor, wanted.size)

    return _checkpoint(run(request, act))


@router.get("/audit/consistency", response=schemas.ConsistencyProof, operation_id="prove_audit_consistency")
def consistency(request: HttpRequest, wanted: Query[schemas.ConsistencyQuery]) -> Document:
    """Prove that a later tree only adds to an earlier one (RFC 9162 section 2.1.4)."""
    require_known_parameters(request, schemas.ConsistencyQuery)

    async def act(context: Context, actor: Actor) -> Consistency:
        return await prove_consistency(context.database, actor, wanted.older, wanted.size)

    proof = run(request, act)
    return {
        "older": proof.older,
        "hashes": [one.hex() for one in proof.hashes],
        "checkpoint": _checkpoint(proof.checkpoint),
    }


def _checkpoint(row: AuditCheckpointRow) -> Document:
    return {"size": row.size, "at": row.at.isoformat(), "root": row.root.hex(), "note": row.note}
