"""Issue a certificate: the one way on which every certificate of our authorities comes into being.

Load the facts, decide (policy, weak keys, the organisation's rules, plan, lint, seal), sign, record in one
commit, release. With a local key the signature lives in this process's memory until its record is durable.
Where it cannot be taken back, a key in a module or an authority's certificate, the intent is durable before
it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.access import (
    Actor,
    Subject,
    Verb,
    require_for_certificate,
    require_to_name,
    speaks_for_issuer,
)
from ..core.approval import Granted, RefusedByRules
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.crl import shard_of
from ..core.errors import CertwrightError, Reason, Reconfigured, Refused
from ..core.issuer import Issuer
from ..core.keys import SIGNATURES
from ..core.names import Identifier, reversed_name
from ..core.plan import SERIAL_OCTETS, CertificatePlan, make_plan, make_serial
from ..core.policy import EVERYTHING, Approved, EndpointPolicy, evaluate
from ..core.profile import Profile
from ..core.request import CertificateRequest
from ..core.rules_facts import IssuanceFacts
from ..core.second_person import Kind
from ..core.standing import Standing
from ..core.template import fast_tbs
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.rows import (
    CertificateBodyRow,
    CertificateNameRow,
    CertificateRow,
    CertificateTagRow,
    CompromisedKeyRow,
    IssuanceIntentRow,
    Row,
)
from ..store.snapshot import Endpoint, Generation
from .apply_rules import apply_rules, facts_of
from .check_key import check_approved
from .context import Context, decide_again
from .inherit import inherit
from .second_person import refuse_beside
from .vetting_reached import OnRecord, on_record_for, reached_by, require_validation

NAMES_SHOWN, NAME_SHOWN, SUBJECT_SHOWN = 16, 200, 800
REASONS_SHOWN, REASON_SHOWN = 8, 300
"""How much of a request an event tells: how many, and octets of each; all of it fits an event's bounds."""


@dataclass(frozen=True, slots=True)
class IssueOrder:
    """What to issue, for whom. `authority` and `profile` may be empty where an endpoint says them.

    `replaces` is the identifier of the certificate this one renews. `also` is committed with the certificate;
    where it has a revision, more than is judged here was judged under that, and Reconfigured is the caller's.
    `team` and `owner` answer for it; `responsible` says who does where they are empty. `verb` is what the
    actor must be permitted to do. `tells_refusal` is false where the caller itself puts a refusal on record.
    `granted` is what people have approved of it.
    """

    actor: Actor
    request: CertificateRequest
    authority: str = ""
    profile: str = ""
    endpoint: Endpoint | None = None
    replaces: int | None = None
    also: Change | None = None
    identifier: int | None = None
    verb: Verb = Verb.ISSUE
    tells_refusal: bool = True
    team: str = ""
    owner: str = ""
    tags: frozenset[str] = frozenset()
    granted: Granted | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that is on record. `served` is what a server sends after it: DER, issuer first, without
    the self-signed one that relying parties have."""

    row: CertificateRow
    der: bytes
    served: tuple[bytes, ...]


async def issue(context: Context, order: IssueOrder) -> Issued:
    """Issue, or raise: Refused with every reason, ApprovalNeeded where the rules hold it until people have
    approved (`request_certificate` lets it wait), Forbidden, NotFound, Conflict, Unavailable.

    After an error no certificate exists that is not on record; asking again is safe. A refusal is put on
    record too; it reaches the caller all the same when that cannot be done, with the failure as its cause.
    """
    try:
        if order.also is not None and order.also.revision is not None:
            return await _issue(context, order)
        return await decide_again(context, lambda: _issue(context, order))
    except Refused as refused:
        if order.tells_refusal:
            await tell_refusal(context, order, refused)
        raise


async def tell_refusal(
    context: Context, order: IssueOrder, refused: Refused, rows: Sequence[Row] = ()
) -> None:
    """Put it on record, with rows that tell more of it. Raises the refusal where that fails."""
    change = Change(inserted=[*rows], events=[_refusal(order, refused, context.clock())])
    try:
        await context.ledger.commit(change)
    except CertwrightError as failure:
        raise refused from failure


async def _issue(context: Context, order: IssueOrder) -> Issued:
    now = context.clock()
    generation, profile, policy = resolve(context, order)
    order = responsible(order)
    subject = subject_of_issuance(generation, profile, order)
    require_for_certificate(order.actor, order.verb, subject, speaks_for_issuer(profile))
    if profile.is_authority:
        refuse_beside(context, Kind.FOUND_AUTHORITY, "use `certwright authority sign-csr`")
    revision = context.snapshot.revision
    vetted = await on_record_for(context, profile, order.team, order.actor.user)
    if context.snapshot.revision != revision:
        raise Reconfigured("the configuration has changed meanwhile; try again")
    certified = await certify(
        context,
        generation,
        profile,
        policy,
        order.request,
        order.actor,
        now,
        lambda approved: rule(context, generation, order, approved, vetted, now),
    )
    change = record(context, certified, generation, order, now)
    if order.replaces is not None:
        await inherit(context, change, order.replaces)
    change.kept += vetted.stood_on(context, certified.plan.names, now)
    if order.also is not None:
        change.join(order.also)
    await context.ledger.commit(change)
    row = change.inserted[0]
    assert isinstance(row, CertificateRow)
    return Issued(row, certified.der, generation.served_chain)


def resolve(context: Context, order: IssueOrder) -> tuple[Generation, Profile, EndpointPolicy]:
    """Which authority, under which profile and policy. Raises NotFound, Refused."""
    snapshot = context.snapshot
    if order.endpoint is None:
        return snapshot.issuing(order.authority), snapshot.profile(order.profile), EVERYTHING
    endpoint = snapshot.endpoint(order.endpoint.row.protocol, order.endpoint.row.name)
    name = order.profile or endpoint.profiles[0]
    if name not in endpoint.profiles:
        offered = ", ".join(endpoint.profiles)
        text = f"endpoint {endpoint.path} does not offer profile {name[:60]!r}; it offers {offered}"
        raise Refused((Reason("policy.profile.not-offered", text),))
    return snapshot.issuing(endpoint.authority), snapshot.profile(name), endpoint.policy


def responsible(order: IssueOrder) -> IssueOrder:
    """The order with who answers for the certificate: whom it names, else the endpoint's, else the account
    that asks, and its team if it has only one. Raises Forbidden where the actor may not name them."""
    if order.verb is Verb.ISSUE:
        require_to_name(order.actor, order.team, order.owner)
    endpoint, actor = order.endpoint and order.endpoint.row, order.actor
    team = order.team or (endpoint.team if endpoint else "")
    owner = order.owner or (endpoint.owner if endpoint else "")
    if order.verb is Verb.ISSUE and not (team or owner):
        owner, team = actor.user, actor.teams[0] if len(actor.teams) == 1 else ""
    return replace(order, team=team, owner=owner)


def subject_of_issuance(generation: Generation, profile: Profile, order: IssueOrder) -> Subject:
    """What scopes say of the certificate to be."""
    endpoint = order.endpoint.path if order.endpoint else ""
    return Subject(generation.authority.name, profile.name, endpoint, order.team, order.owner, order.tags)


def rule(
    context: Context,
    generation: Generation,
    order: IssueOrder,
    approved: Approved,
    vetted: OnRecord,
    now: datetime,
) -> None:
    """The organisation's word on an order that names who answers for it. `vetted` is what
    `on_record_for` gives. Raises RefusedByRules, ApprovalNeeded."""
    snapshot = context.snapshot
    reached = reached_by(context, approved, order.actor, vetted, now)
    endpoint = order.endpoint.path if order.endpoint else ""
    owned = (order.team, order.owner, order.tags)

    def facts() -> IssuanceFacts:
        return facts_of(approved, generation.authority.name, endpoint, order.actor, owned, reached, now)

    try:
        require_validation(approved.profile, order.actor, reached)
        if snapshot.policy is not None or order.granted is not None:
            apply_rules(snapshot, facts(), order.granted)
    except Refused as refused:
        policy = snapshot.policy.number if snapshot.policy else 0
        raise RefusedByRules(facts(), refused.reasons, policy) from None


# -- decide and sign -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Certified:
    """A signed certificate that nobody has seen yet. `revision` is that of the configuration under which it
    was decided; while a module signed, it may have moved."""

    plan: CertificatePlan
    der: bytes
    shard: int
    revision: int


Rules = Callable[[Approved], None]
"""Raises Refused or ApprovalNeeded for what must not just be issued."""


def exempt(approved: Approved) -> None:
    """The rules do not speak of certificates of authorities and of the OCSP signers that we make for them.

    An authority is founded or signed by who manages its issuer, deliberately and one by one. An OCSP signer
    is renewed when nobody is there, and without one every relying party is in the dark.
    """


async def certify(
    context: Context,
    generation: Generation,
    profile: Profile,
    policy: EndpointPolicy,
    request: CertificateRequest,
    actor: Actor,
    now: datetime,
    rules: Rules,
    issuer: Issuer | None = None,
) -> Certified:
    """Decide, seal and sign. What comes back must be recorded before anyone sees it.

    `rules` is asked once profile, endpoint and issuer permit it. `issuer` is given where the authority's own
    certificate does not exist yet. The generation and the profile are those of the present snapshot. Raises
    Reconfigured, with nothing intended or signed, when the configuration has moved.
    """
    revision = context.snapshot.revision
    approved = evaluate(request, profile, issuer or generation.as_issuer, now, policy)
    check_approved(context, approved)
    rules(approved)
    serial = make_serial(context.random(SERIAL_OCTETS))
    shard = shard_of(serial, generation.authority.crl_shards)
    plan = make_plan(approved, serial, shard)
    tbs = fast_tbs(plan)
    await context.keyring.ready(generation.row)
    sealed = context.keyring.seal_certificate(generation.row, plan, tbs)
    if profile.is_authority or not context.keyring.local(generation.row.key_provider):
        change = _intent(context, generation, plan, tbs, actor, now)
        change.revision = revision
        await context.ledger.commit(change)
    return Certified(plan, await context.keyring.certificate(generation.row, sealed), shard, revision)


def _intent(
    context: Context, generation: Generation, plan: CertificatePlan, tbs: bytes, actor: Actor, now: datetime
) -> Change:
    """The intent to be made durable: serial, digest of the octets to be signed, who, why."""
    profile = plan.shape.profile.name
    serial = plan.serial.to_bytes(SERIAL_OCTETS, "big")
    digest = hashlib.sha256(tbs).digest()
    intent = IssuanceIntentRow(
        context.ledger.new_id(), generation.id, serial, digest, profile, actor.name, now
    )
    detail: dict[str, JsonValue] = {"serial": serial.hex(), "tbs_sha256": digest.hex(), "profile": profile}
    event = Event(
        EventKind.CERTIFICATE_INTENDED, now, actor.name, actor.source, f"authority:{generation.path}", detail
    )
    return Change(inserted=[intent], events=[event], absent=[not_compromised(plan.spki)])


_COMPROMISED = Reason("key.compromised", "the key is known as compromised; make a new one", "RFC 5280 5.3.1")


def not_compromised(spki: bytes) -> Absent:
    """The guard that no certificate is recorded for a key known as compromised, as of its very commit."""
    return Absent(CompromisedKeyRow, "spki_sha256", hashlib.sha256(spki).digest(), _COMPROMISED)


# -- record --------------------------------------------------------------------------------------


def record(
    context: Context, certified: Certified, generation: Generation, order: IssueOrder, now: datetime
) -> Change:
    """The rows and the event of a new certificate; its own row comes first."""
    plan, profile = certified.plan, certified.plan.shape.profile
    identifier = order.identifier or context.ledger.new_id()
    guard = not_compromised(plan.spki)
    row = CertificateRow(
        id=identifier,
        fingerprint=hashlib.sha256(certified.der).digest(),
        generation_id=generation.id,
        authority=generation.authority.name,
        issuer=generation.row.subject,
        serial=plan.serial.to_bytes(SERIAL_OCTETS, "big"),
        subject=str(plan.subject),
        not_before=plan.not_before,
        not_after=plan.not_after,
        key_algorithm=plan.shape.key_algorithm,
        signature_algorithm=SIGNATURES[plan.shape.issuer.algorithm].name,
        is_authority=profile.is_authority,
        spki_sha256=guard.value,
        profile=profile.name,
        profile_number=profile.version,
        endpoint=order.endpoint.path if order.endpoint else "",
        requester=order.actor.name,
        team=order.team,
        owner=order.owner,
        environment="",
        standing=Standing.ISSUED,
        issuer_certificate=None,
        issued_at=now,
        replaces=order.replaces,
        crl_shard=certified.shard,
        revoked_at=None,
        revocation_reason=None,
        invalidity_date=None,
        version=1,
    )
    inserted: list[Row] = [row, CertificateBodyRow(identifier, certified.der)]
    for position, name in enumerate(plan.names):
        inserted.append(CertificateNameRow(identifier, position, name.kind, name.value, reversed_name(name)))
    inserted += [CertificateTagRow(identifier, tag) for tag in sorted(order.tags)]
    return Change(
        inserted=inserted,
        events=[_event(row, generation, plan, order)],
        absent=[guard],
        revision=certified.revision,
    )


def _event(row: CertificateRow, generation: Generation, plan: CertificatePlan, order: IssueOrder) -> Event:
    detail: dict[str, JsonValue] = {
        "serial": row.serial.hex(),
        "authority": generation.path,
        "profile": f"{row.profile}/{row.profile_number}",
        "subject": shown(row.subject, SUBJECT_SHOWN),
        "names": _names(plan.names),
        "names_count": len(plan.names),
        "not_after": row.not_after.isoformat(),
    }
    if row.endpoint:
        detail["endpoint"] = row.endpoint
    if row.team:
        detail["team"] = row.team
    if row.owner:
        detail["owner"] = row.owner
    if row.replaces is not None:
        detail["replaces"] = str(row.replaces)
    if order.granted is not None:
        detail["request"] = str(order.granted.request)
    return Event(
        EventKind.CERTIFICATE_ISSUED,
        row.issued_at,
        order.actor.name,
        order.actor.source,
        f"certificate:{row.fingerprint.hex()}",
        detail,
    )


def _refusal(order: IssueOrder, refused: Refused, now: datetime) -> Event:
    """Who was refused what and why. The request may say anything, so little of it is told."""
    request, endpoint = order.request, order.endpoint
    reasons = [
        {"code": shown(reason.code, REASON_SHOWN // 3), "message": shown(reason.message, REASON_SHOWN)}
        for reason in refused.reasons[:REASONS_SHOWN]
    ]
    detail: dict[str, JsonValue] = {
        "reasons": reasons,
        "reasons_count": len(refused.reasons),
        "profile": shown(order.profile, NAME_SHOWN),
        "subject": shown(str(request.subject), SUBJECT_SHOWN),
        "names": _names(request.identifiers),
        "names_count": len(request.identifiers),
        "spki_sha256": hashlib.sha256(request.spki).hexdigest(),
    }
    place = f"endpoint:{endpoint.path}" if endpoint else f"authority:{order.authority}"
    return Event(
        EventKind.CERTIFICATE_REFUSED,
        now,
        order.actor.name,
        order.actor.source,
        shown(place, NAME_SHOWN),
        detail,
    )


def _names(names: tuple[Identifier, ...]) -> list[JsonValue]:
    return [shown(str(name), NAME_SHOWN) for name in names[:NAMES_SHOWN]]
