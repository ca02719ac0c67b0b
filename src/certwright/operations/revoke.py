"""Revoke a certificate, put it on hold, or release it (RFC 5280 section 5.3.1).

The row, the change in the status feed and the audit event are one commit; responders see it in the feed,
the worker signs new lists.
"""

import json
from datetime import datetime

from ..core.access import Actor, Subject, Verb, require_for_certificate
from ..core.audit import Event, EventKind
from ..core.errors import Conflict, Moved
from ..core.revocation import Reason, RevocationFacts, release, revoke
from ..core.second_person import Act, Kind
from ..store.databases import Duplicate
from ..store.ledger import Change
from ..store.rows import CertificateRow, CompromisedKeyRow, StatusChangeRow
from .certificates_in_use import authority_of, speaks_for_us
from .context import Context
from .find_certificate import find_certificate, read_subject
from .second_person import permission

PUBLISH_CRL = "crl.publish"
ATTEMPTS = 3


async def revoke_certificate(
    context: Context,
    actor: Actor,
    reference: str,
    reason: Reason,
    now: datetime,
    invalidity_date: datetime | None = None,
    also: Change | None = None,
) -> CertificateRow:
    """Revoke by fingerprint or serial; the certificate's row after it.

    With an authority's certificate the authority is retired. Raises Forbidden, NotFound, Malformed,
    Conflict when it is revoked already in a way that stays, and for an authority's SecondPersonNeeded.
    """
    for _ in range(ATTEMPTS):
        row = await find_certificate(context.database, actor, reference)
        await _require(context, actor, row)
        try:
            return await revoke_row(context, actor, row, RevocationFacts(now, reason, invalidity_date), also)
        except (Moved, Duplicate):
            await context.snapshots.refresh()
    raise _contended()


async def revoke_row(
    context: Context, actor: Actor, row: CertificateRow, wanted: RevocationFacts, also: Change | None = None
) -> CertificateRow:
    """Revoke a certificate whose right to be revoked has been established. Raises as above, and Moved."""
    generation = _ours(row)
    facts = revoke(facts_of(row), wanted, row.issued_at)
    after = row._replace(
        revoked_at=facts.revoked_at,
        revocation_reason=int(facts.reason),
        invalidity_date=facts.invalidity_date,
    )
    change = Change(
        replaced=[(row, after)],
        status_changes=[_status_change(row, generation, True, facts, wanted.revoked_at)],
        follow_ups=[(PUBLISH_CRL, _shard_of(row))],
    )
    if facts.reason is Reason.KEY_COMPROMISE:
        await _remember_key(context, row, wanted.revoked_at, change)
    held = facts.reason is Reason.CERTIFICATE_HOLD
    kind = EventKind.CERTIFICATE_HELD if held else EventKind.CERTIFICATE_REVOKED
    change.events.append(_event(kind, actor, row, wanted.revoked_at, {"reason": facts.reason.label}))
    change.join(await _out_of_service(context, row, facts, actor))
    if also is not None:
        change.join(also)
    await context.ledger.commit(change)
    return after


async def release_certificate(
    context: Context, actor: Actor, reference: str, now: datetime
) -> CertificateRow:
    """Lift a hold. Raises Forbidden, NotFound, and Conflict when there is no hold."""
    for _ in range(ATTEMPTS):
        row = await find_certificate(context.database, actor, reference)
        await _require(context, actor, row)
        try:
            return await _release_row(context, actor, row, now)
        except Moved:
            await context.snapshots.refresh()
    raise _contended()


def _contended() -> Conflict:
    return Conflict("the certificate is being changed by others at the same time; try again")


async def _release_row(context: Context, actor: Actor, row: CertificateRow, now: datetime) -> CertificateRow:
    generation = _ours(row)
    facts = facts_of(row)
    release(facts)
    assert facts is not None
    after = row._replace(revoked_at=None, revocation_reason=None, invalidity_date=None)
    change = Change(
        replaced=[(row, after)],
        status_changes=[_status_change(row, generation, False, facts, now)],
        follow_ups=[(PUBLISH_CRL, _shard_of(row))],
        events=[_event(EventKind.CERTIFICATE_RELEASED, actor, row, now, {})],
    )
    change.join(_told(context, row))
    await context.ledger.commit(change)
    return after


async def _require(context: Context, actor: Actor, row: CertificateRow) -> None:
    subject = await read_subject(context.database, actor, row)
    require_for_certificate(actor, Verb.REVOKE, subject, speaks_for_us(context, row))


async def _out_of_service(
    context: Context, row: CertificateRow, facts: RevocationFacts, actor: Actor
) -> Change:
    """What goes with the revocation of a certificate that speaks for us: its authority issues no more, and
    every process is told. Raises Conflict for a hold, SecondPersonNeeded."""
    generation = authority_of(context, row)
    if generation is None or generation.row.retired_at:
        return _told(context, row)
    if facts.reason is Reason.CERTIFICATE_HOLD:
        raise Conflict(f"authority {generation.path} cannot be put on hold; retire it, or revoke it for good")
    after = generation.row._replace(retired_at=facts.revoked_at)
    event = Event(
        EventKind.AUTHORITY_RETIRED,
        facts.revoked_at,
        actor.name,
        actor.source,
        f"authority:{generation.path}",
        {"reason": facts.reason.label},
    )
    change = _told(context, row)
    change.join(Change(replaced=[(generation.row, after)], events=[event]))
    name, reason = generation.authority.name, facts.reason.label
    arguments = {"name": name, "certificate": row.fingerprint.hex(), "reason": reason}
    act = Act(Kind.RETIRE_AUTHORITY, Verb.MANAGE_AUTHORITIES, (Subject(authority=name),), arguments)
    change.join(await permission(context, actor, act))
    return change


def _told(context: Context, row: CertificateRow) -> Change:
    """Every process is told of a certificate that speaks for us, and that it is one was seen in the newest
    configuration."""
    if not speaks_for_us(context, row):
        return Change()
    return Change(revision=context.snapshot.revision, configures=True)


def facts_of(row: CertificateRow) -> RevocationFacts | None:
    """The revocation a row speaks of."""
    if row.revoked_at is None:
        return None
    return RevocationFacts(row.revoked_at, Reason(row.revocation_reason or 0), row.invalidity_date)


def _ours(row: CertificateRow) -> int:
    if row.generation_id is None:
        raise Conflict("this certificate is of an outside authority; revoke it there")
    return row.generation_id


def _status_change(
    row: CertificateRow, generation: int, revoked: bool, facts: RevocationFacts, at: datetime
) -> StatusChangeRow:
    return StatusChangeRow(
        seq=0,
        certificate_id=row.id,
        generation_id=generation,
        serial=row.serial,
        crl_shard=row.crl_shard,
        revoked=revoked,
        reason=int(facts.reason),
        invalidity_date=facts.invalidity_date,
        at=facts.revoked_at if revoked else at,
    )


async def _remember_key(context: Context, row: CertificateRow, now: datetime, change: Change) -> None:
    known = await context.database.select(CompromisedKeyRow, '"spki_sha256" = ?', row.spki_sha256)
    if not known:
        change.inserted.append(
            CompromisedKeyRow(row.spki_sha256, f"certificate:{row.fingerprint.hex()}", now)
        )


def _shard_of(row: CertificateRow) -> str:
    return json.dumps({"generation": row.generation_id, "shard": row.crl_shard})


def _event(kind: EventKind, actor: Actor, row: CertificateRow, at: datetime, detail: dict[str, str]) -> Event:
    more = {"serial": row.serial.hex(), "authority": row.authority, **detail}
    return Event(kind, at, actor.name, actor.source, f"certificate:{row.fingerprint.hex()}", more)
