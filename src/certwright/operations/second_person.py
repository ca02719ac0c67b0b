"""Ask whether a dangerous act may be done now: what every operation does that one person must not do
alone."""

import json
from datetime import timedelta

from ..core.access import Actor
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Conflict, Forbidden, SecondPersonNeeded
from ..core.second_person import Act, Kind, permits, require_person, subject_document
from ..store.databases import Database
from ..store.ledger import Change
from ..store.people_rows import ProposalRow, UserAccountRow
from .context import Context
from .read_proposals import proposal_of


async def permission(context: Context, actor: Actor, act: Act) -> Change:
    """What the act's own commit must take in: a confirmation is used up with the act, or not at all. It
    stands on the configuration, so that the rule that was looked at holds there still.

    Raises SecondPersonNeeded once the act is on record as a proposal, Forbidden for what is no person.
    """
    snapshot, now = context.snapshot, context.clock()
    change = Change(revision=snapshot.revision)
    if not snapshot.second_person.needs(act.kind):
        return change
    glass = snapshot.broken_glass(now)
    if glass is not None:
        detail: dict[str, JsonValue] = {"act": act.kind.value, "digest": act.digest().hex()}
        subject = f"break-glass:{glass.id}"
        change.events.append(
            Event(EventKind.BREAK_GLASS_USED, now, actor.name, actor.source, subject, detail)
        )
        return change
    await require_a_person(context.database, actor)
    row = await _begun(context, actor, act)
    change.replaced.append((row, row._replace(done_at=now)))
    change.events.append(proposal_event(EventKind.PROPOSAL_CARRIED_OUT, context, actor, row))
    return change


def refuse_beside(context: Context, kind: Kind, other: str) -> None:
    """For a way around an act that needs a second person; `other` says which to take. Raises Conflict."""
    if context.snapshot.second_person.needs(kind) and context.snapshot.broken_glass(context.clock()) is None:
        raise Conflict(f"to {kind.value} needs a second person here, and this way asks for none; {other}")


async def require_a_person(database: Database, actor: Actor) -> None:
    """Raises Forbidden for tokens of nobody, and for services."""
    require_person(actor)
    if actor.user and await database.select(UserAccountRow, '"name" = ? AND "service"', actor.user):
        text = f"this needs a second person, and {actor.user} is a service"
        raise Forbidden(f"{text}; log in, or use a token of your own account")


async def _begun(context: Context, actor: Actor, act: Act) -> ProposalRow:
    """The confirmed proposal of this act. Raises SecondPersonNeeded with the one that waits, or a new one,
    and Conflict where the proposal that is being carried out was done by then."""
    now, person = context.clock(), require_person(actor)
    open_ones = '"digest" = ? AND "person" = ? AND "done_at" IS NULL AND "withdrawn_at" IS NULL'
    order = '"expires_at" > ? ORDER BY "confirmed_at" IS NULL, "id"'
    rows = await context.database.select(ProposalRow, f"{open_ones} AND {order}", act.digest(), person, now)
    for row in rows:
        if permits(proposal_of(row), person, act.digest(), now):
            return row
    if await context.database.select(ProposalRow, '"id" = ? AND "done_at" IS NOT NULL', context.carries_out):
        raise Conflict("this proposal is done, not confirmed")
    number = rows[0].id if rows else await _propose(context, actor, act)
    raise SecondPersonNeeded(number)


async def _propose(context: Context, actor: Actor, act: Act) -> int:
    now = context.clock()
    row = ProposalRow(
        id=context.ledger.new_id(),
        kind=act.kind.value,
        arguments=act.document(),
        digest=act.digest(),
        verb=act.verb.value,
        subjects=json.dumps([subject_document(one) for one in act.subjects]),
        proposed_by=actor.name,
        person=require_person(actor),
        proposed_at=now,
        expires_at=now + timedelta(hours=context.snapshot.second_person.hours),
        confirmed_by="",
        confirmed_at=None,
        withdrawn_by="",
        withdrawn_at=None,
        done_at=None,
        version=1,
    )
    event = proposal_event(EventKind.PROPOSAL_MADE, context, actor, row)
    await context.ledger.commit(Change(inserted=[row], events=[event]))
    return row.id


def proposal_event(kind: EventKind, context: Context, actor: Actor, row: ProposalRow) -> Event:
    """Names both persons, and by its digest exactly what they spoke of."""
    detail: dict[str, JsonValue] = {
        "act": row.kind,
        "digest": row.digest.hex(),
        "proposed_by": row.proposed_by,
        "confirmed_by": row.confirmed_by,
    }
    return Event(kind, context.clock(), actor.name, actor.source, f"proposal:{row.id}", detail)
