"""Put a check of an organization on record, or revoke one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.access import Actor
from ..core.audit import EventKind, JsonValue, shown
from ..core.errors import Conflict, Malformed, NotFound
from ..core.names import IdentifierKind, parse_identifier
from ..core.rules_facts import Validation
from ..core.vetting import KINDS, CheckKind, confirmed_now, level_of
from ..store.databases import Database
from ..store.ledger import Change
from ..store.people_rows import UserAccountRow
from ..store.vetting import Organization, done_of
from ..store.vetting_rows import VettingCheckRow
from .context import Context
from .organizations import organization_event, organization_to_vet

NOTE_MAX, NOTE_SHOWN = 2000, 1000
CHECKS_MAX = 1000
DOCUMENTS_MAX = 20
_ADDRESS = ("street", "locality", "country")
NEEDS: dict[CheckKind, tuple[str, ...]] = {
    CheckKind.REGISTER: ("register_number", "jurisdiction_country"),
    CheckKind.LEGAL_STATUS: ("register_number", "jurisdiction_country"),
    CheckKind.ADDRESS: _ADDRESS,
    CheckKind.PHYSICAL_EXISTENCE: _ADDRESS,
    CheckKind.CALL_BACK: ("phone",),
}
"""Fields that the record must have before a check can confirm them."""


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """A check that was done. `note` says what was done and seen, and of a call-back who was spoken to.
    `since` is when what it rests on was obtained, None for now. `documents` are identifiers of evidence."""

    kind: CheckKind
    note: str
    documents: tuple[int, ...] = ()
    since: datetime | None = None
    domain: str = ""


async def record_check(
    context: Context, actor: Actor, organization: int, order: CheckOrder
) -> VettingCheckRow:
    """Put it on record; it counts until it is too old, revoked, or the record changes.

    Raises NotFound, Forbidden, Malformed, Moved, Conflict for a due diligence that would not complete
    extended validation.
    """
    found = await organization_to_vet(context, actor, organization)
    now = context.clock()
    since = order.since or now
    _check(context, found, order, since, now)
    row = VettingCheckRow(
        id=context.ledger.new_id(),
        organization_id=found.row.id,
        kind=order.kind,
        at=now,
        since=since,
        actor=actor.name,
        person=await person_behind(context.database, actor),
        note=order.note,
        domain=_domain(order),
        confirmed=json.dumps(confirmed_now(order.kind, found.vetted.fields)),
        documents=json.dumps([str(one) for one in dict.fromkeys(order.documents)]),
        revoked_at=None,
        revoked_by="",
        revoked_why="",
        version=1,
    )
    if order.kind is CheckKind.DUE_DILIGENCE:
        _require_second(context, found, row, now)
    detail: dict[str, JsonValue] = {
        "check": str(row.id),
        "kind": row.kind,
        "since": since.isoformat(),
        "documents": json.loads(row.documents),
        "note": shown(order.note, NOTE_SHOWN),
    }
    if row.domain:
        detail["domain"] = row.domain
    event = organization_event(EventKind.VETTING_CHECKED, context, actor, found.row, detail)
    change = Change(inserted=[row], replaced=[(found.row, found.row)], events=[event])
    await context.ledger.commit(change)
    return row


async def person_behind(database: Database, actor: Actor) -> str:
    """Who acts, for four eyes: a person's account, whatever token of theirs it is, else the actor. Services
    are programs, of which one person may have many."""
    if not actor.user or await database.select(UserAccountRow, '"name" = ? AND "service"', actor.user):
        return actor.name
    return f"user:{actor.user}"


def _check(context: Context, found: Organization, order: CheckOrder, since: datetime, now: datetime) -> None:
    title = KINDS[order.kind].title.lower()
    check_note(order.note)
    if len(found.checks) >= CHECKS_MAX:
        raise Conflict(f"the organization has {CHECKS_MAX} checks already; make a new record of it")
    if not since <= now < since + context.vetting.ages.limit(order.kind, now):
        raise Malformed(f"what a {title} rests on is neither of the future nor older than its age limit")
    missing = [name for name in NEEDS.get(order.kind, ()) if not getattr(found.row, name)]
    if missing:
        names = ", ".join(missing).replace("_", " ")
        raise Malformed(f"the record has no {names} that a {title} could confirm; write it down first")
    _check_documents(found, order, title)


def _check_documents(found: Organization, order: CheckOrder, title: str) -> None:
    if KINDS[order.kind].documents and not order.documents:
        raise Malformed(f"a {title} takes a document that shows it; upload one first")
    if len(order.documents) > DOCUMENTS_MAX:
        raise Malformed(f"a check names at most {DOCUMENTS_MAX} documents")
    known = {one.id for one in found.documents}
    for one in order.documents:
        if one not in known:
            raise NotFound(f"the organization has no document {one}")


def check_note(note: str) -> None:
    """Raises Malformed."""
    plain = note.replace("\n", "").replace("\r", "")
    if not note.strip() or len(note) > NOTE_MAX or not plain.isprintable():
        raise Malformed(f"say in 1 to {NOTE_MAX} printable characters what was done and seen")


def _domain(order: CheckOrder) -> str:
    if order.kind is not CheckKind.DOMAIN:
        if order.domain:
            raise Malformed("only the check of a domain has a domain")
        return ""
    name = parse_identifier(IdentifierKind.DNS, order.domain)
    if name.value.startswith("*.") or "." not in name.value:
        raise Malformed(f"{name.value} is no domain of an organization; write it like example.com")
    return name.value


def _require_second(context: Context, found: Organization, row: VettingCheckRow, now: datetime) -> None:
    uploaders = {one.id: one.person for one in found.documents}
    checks = (*found.vetted.checks, done_of(row, uploaders))
    level = level_of(replace(found.vetted, checks=checks), context.vetting.ages, now)
    if level.reached is not Validation.EXTENDED:
        raise Conflict(f"extended validation would not be complete: {level.for_extended[0]}")


async def revoke_check(
    context: Context, actor: Actor, organization: int, check: int, why: str
) -> VettingCheckRow:
    """It counts no more, at once and for good. Raises NotFound, Forbidden, Malformed, Moved, Conflict when it
    was revoked before."""
    found = await organization_to_vet(context, actor, organization)
    row = _named(found.checks, check)
    check_note(why)
    if row.revoked_at is not None:
        raise Conflict(f"the check is revoked since {row.revoked_at:%Y-%m-%d %H:%M} UTC already")
    after = row._replace(revoked_at=context.clock(), revoked_by=actor.name, revoked_why=why)
    detail: dict[str, JsonValue] = {"check": str(row.id), "kind": row.kind, "why": shown(why, NOTE_SHOWN)}
    event = organization_event(EventKind.VETTING_REVOKED, context, actor, found.row, detail)
    await context.ledger.commit(Change(replaced=[(found.row, found.row), (row, after)], events=[event]))
    return after


def _named(checks: Sequence[VettingCheckRow], identifier: int) -> VettingCheckRow:
    for row in checks:
        if row.id == identifier:
            return row
    raise NotFound(f"the organization has no check {identifier}")
