"""Found authorities, in steps that each are durable, so that one cut short is taken up where it stopped.

The key is made, then its generation is on record without a certificate, then the intent, then the
certificate.
A root signs itself; the others are signed by their parent, or by an outside authority through a CSR
(`accept_certificate`).
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..core import keys
from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.compared_name import compared_sha256
from ..core.distinguished_name import DistinguishedName, name_of, parse_name
from ..core.errors import Conflict, Malformed, NotFound, Unavailable
from ..core.issuer import self_issuer
from ..core.keys import KeyAlgorithm, PublicKey
from ..core.outside_authority import terms_document, terms_from_document
from ..core.plan import CertificatePlan
from ..core.policy import EVERYTHING
from ..core.profile import Profile, subject_rules
from ..core.request import AuthorityTerms, CertificateRequest, request_for
from ..core.second_person import Act, Kind
from ..ports import KeyReference, KeySpec
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.rows import AuthorityGenerationRow, AuthorityRow, CertificateRow
from ..store.snapshot import Generation, Snapshot
from .check_key import check_authority_name
from .context import Context, decide_again
from .issue import IssueOrder, certify, exempt, record
from .keyring import RECOVERY
from .rehearse import rehearse
from .second_person import permission

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
NAME_SHOWN = 1000
CRL_SHARDS_MAX = 1024
PROFILES = {
    "root": "root-authority",
    "intermediate": "intermediate-authority",
    "issuing": "issuing-authority",
}


@dataclass(frozen=True, slots=True)
class AuthorityOrder:
    """An authority to be. `parent` is empty for a root and for one that an outside authority will sign.

    `key_provider` is the name of a configured provider, or `recovery` for a key under the recovery
    passphrase.
    """

    name: str
    kind: str
    subject: DistinguishedName
    algorithm: KeyAlgorithm
    key_provider: str
    parent: str = ""
    profile: str = ""
    terms: AuthorityTerms | None = None
    crl_shards: int = 1


async def found_authority(context: Context, actor: Actor, order: AuthorityOrder) -> Generation:
    """Make the authority; its generation, in force unless an outside certificate is awaited.

    Raises Forbidden, Malformed, Refused, Conflict when the name is taken, NotFound, Unavailable,
    SecondPersonNeeded. A second person's permission is used up when the key is on record; what is cut short
    after that was permitted.
    """
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=order.name))
    if order.parent:
        require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=order.parent))
    check_order(order)
    snapshot = await context.snapshots.refresh()
    _for_authorities(snapshot, _profile_name(order))
    pending = _unfinished(snapshot, order)
    if pending is None:
        check_authority_name(snapshot, order.subject, b"")
        await decide_again(context, lambda: _register(context, actor, order))
        pending = _unfinished(await context.snapshots.refresh(), order)
        if pending is None:
            raise _withdrawn(order.name)
    if order.kind != "root" and not order.parent:
        return pending
    identifier = pending.id
    await decide_again(context, lambda: _certify(context, actor, order, identifier))
    return (await context.snapshots.refresh()).generations[identifier]


def default_subject(snapshot: Snapshot, name: str) -> DistinguishedName:
    """The subject of an authority that was given none: `team-a` of Example is CN=Example Team A CA."""
    organization = snapshot.installation.organization
    words = " ".join(word.capitalize() for word in name.split("-"))
    return name_of((("O", organization), ("CN", f"{organization} {words} CA")))


def check_order(order: AuthorityOrder) -> None:
    """What an order may say, whatever is there already. Raises Malformed."""
    if not NAME.fullmatch(order.name):
        raise Malformed(f"{order.name[:80]!r} is no authority name: 1 to 64 of a-z, 0-9 and hyphens")
    if order.kind not in PROFILES:
        raise Malformed(f"{order.kind[:40]!r} is no kind of authority; known are {', '.join(PROFILES)}")
    if order.kind == "root" and order.parent:
        raise Malformed("a root signs itself and has no parent")
    if not order.subject:
        raise Malformed("an authority needs a subject name")
    if not 1 <= order.crl_shards <= CRL_SHARDS_MAX:
        raise Malformed(f"an authority has 1 to {CRL_SHARDS_MAX} CRL shards, not {order.crl_shards}")


def _profile_name(order: AuthorityOrder) -> str:
    return order.profile or PROFILES[order.kind]


def _for_authorities(snapshot: Snapshot, name: str) -> Profile:
    """Raises NotFound, Malformed."""
    profile = snapshot.profile(name)
    if not profile.is_authority:
        known = "root-authority, intermediate-authority or issuing-authority"
        raise Malformed(f"profile {name} is not for authorities; use {known}")
    return profile


def _unfinished(snapshot: Snapshot, order: AuthorityOrder) -> Generation | None:
    """What an order like this has left unfinished. Raises Conflict when the name is another authority's."""
    generations = snapshot.of_authority(order.name)
    if not generations:
        return None
    [*_, first] = generations
    if first.certificate is not None:
        raise _taken(order.name)
    row, authority = first.row, first.authority
    wanted = (
        str(order.subject),
        order.algorithm,
        order.key_provider,
        _profile_name(order),
        _ordered(order),
        order.kind,
        order.crl_shards,
    )
    begun = (
        row.subject,
        row.key_algorithm,
        row.key_provider,
        row.profile,
        row.ordered,
        authority.kind,
        authority.crl_shards,
    )
    if begun != wanted:
        text = f"authority {order.name} awaits its certificate, and was ordered otherwise"
        raise Conflict(f"{text}; repeat that order, withdraw it, or choose another name")
    check_not_retired(first)
    return first


def _ordered(order: AuthorityOrder) -> str:
    """What of an order has no column of its own; the same text for the same order."""
    return json.dumps({"parent": order.parent, "terms": terms_document(order.terms)}, sort_keys=True)


def ordered_terms(row: AuthorityGenerationRow) -> AuthorityTerms | None:
    """The terms of the order that a generation was made for."""
    document: dict[str, Any] = json.loads(row.ordered)
    return terms_from_document(document["terms"])


def not_taken(authority: AuthorityRow, generation: AuthorityGenerationRow) -> list[Absent]:
    """The guards that no authority of this name, subject or key is there, as of the commit of another.

    Two with one key would each publish complete lists of the same issuer, and contradict one another.
    """
    key = Conflict("the key is that of an authority here already; use that one, or another key")
    text = f"{shown(generation.subject, NAME_SHOWN)} is the name of an authority here already"
    return [
        Absent(AuthorityRow, "name", authority.name, _taken(authority.name)),
        Absent(AuthorityGenerationRow, "spki_sha256", generation.spki_sha256, key),
        Absent(AuthorityRow, "subject_sha256", authority.subject_sha256, Conflict(text)),
    ]


def _taken(name: str) -> Conflict:
    return Conflict(f"there is an authority {name} already; choose another name")


def _withdrawn(name: str) -> Conflict:
    return Conflict(f"authority {name} is withdrawn; repeat the order to found it anew")


async def _register(context: Context, actor: Actor, order: AuthorityOrder) -> None:
    """Make the key, and put authority and generation on record without a certificate."""
    if order.name in context.snapshot.authorities:  # meanwhile, where this is decided again
        raise _taken(order.name)
    permitted = await permission(context, actor, _act(order))
    now = context.clock()
    spec = KeySpec(order.algorithm, f"authority/{order.name}/1")
    reference, public_key = await context.keyring.create(order.key_provider, spec)
    authority, generation = new_rows(context, order, reference, keys.spki(public_key), now)
    detail: dict[str, JsonValue] = {
        "algorithm": order.algorithm,
        "provider": order.key_provider,
        "spki_sha256": generation.spki_sha256.hex(),
    }
    subject = f"authority:{order.name}/1"
    change = Change(
        inserted=[authority, generation],
        absent=not_taken(authority, generation),
        events=[Event(EventKind.KEY_CREATED, now, actor.name, actor.source, subject, detail)],
        configures=True,
    )
    change.join(permitted)
    async with destroyed_on_failure(context, order.key_provider, reference):
        _check_certifiable(context, order, public_key, now)
        await context.ledger.commit(change)


def _act(order: AuthorityOrder) -> Act:
    arguments = {
        "name": order.name,
        "kind": order.kind,
        "subject": str(order.subject),
        "algorithm": order.algorithm.value,
        "key_provider": order.key_provider,
        "parent": order.parent,
        "profile": _profile_name(order),
        "terms": terms_document(order.terms),
        "crl_shards": order.crl_shards,
    }
    subjects = (Subject(authority=order.name), Subject(authority=order.parent or order.name))
    return Act(Kind.FOUND_AUTHORITY, Verb.MANAGE_AUTHORITIES, tuple(dict.fromkeys(subjects)), arguments)


@asynccontextmanager
async def destroyed_on_failure(
    context: Context, provider: str, reference: KeyReference
) -> AsyncIterator[None]:
    """Around the commit of a new key's record: a key that nobody knows of goes."""
    try:
        yield
    except Unavailable:
        raise  # it may be durable all the same, and then the key is needed
    except Exception:
        await context.keyring.destroy(provider, reference)
        raise


def _check_certifiable(context: Context, order: AuthorityOrder, public_key: PublicKey, now: datetime) -> None:
    """What its signer would refuse, or name otherwise, is refused before there is anything on record.

    Raises Refused, Malformed.
    """
    issuer, issuer_key = self_issuer(order.subject, public_key), public_key
    if order.parent:
        signer = context.snapshot.issuing(order.parent)
        assert signer.public_key is not None
        issuer, issuer_key = signer.as_issuer, signer.public_key
    profile, request = context.snapshot.profile(_profile_name(order)), _request(order, public_key)
    if order.kind != "root" and not order.parent:
        profile, request = _named_by_others(profile, request)
    rehearse(context, request, profile, issuer, issuer_key, now)


def outside_plan(context: Context, generation: Generation, public_key: PublicKey) -> CertificatePlan:
    """What we would certify ourselves for an authority that an outside one shall sign. Raises Refused."""
    row = generation.row
    subject = parse_name(row.subject)
    request = replace(request_for(public_key, subject), terms=ordered_terms(row))
    profile, request = _named_by_others(context.snapshot.profile(row.profile), request)
    return rehearse(context, request, profile, self_issuer(subject, public_key), public_key, context.clock())


def _named_by_others(profile: Profile, request: CertificateRequest) -> tuple[Profile, CertificateRequest]:
    """With any subject: what an outside authority takes, our profile does not know."""
    subject = request.subject
    exact = replace(subject, exact=subject.encode())
    return replace(profile, subject=subject_rules(subject)), replace(request, subject=exact)


def _request(order: AuthorityOrder, public_key: PublicKey) -> CertificateRequest:
    return replace(request_for(public_key, order.subject), terms=order.terms)


def new_rows(
    context: Context, order: AuthorityOrder, reference: KeyReference, spki: bytes, now: datetime
) -> tuple[AuthorityRow, AuthorityGenerationRow]:
    """The rows of an authority and its first generation, without certificate."""
    authority = AuthorityRow(
        id=context.ledger.new_id(),
        name=order.name,
        kind=order.kind,
        subject_sha256=compared_sha256(order.subject),
        crl_shards=order.crl_shards,
        created_at=now,
        retired_at=None,
        version=1,
    )
    generation = AuthorityGenerationRow(
        id=context.ledger.new_id(),
        authority_id=authority.id,
        number=1,
        key_provider=order.key_provider,
        key_algorithm=order.algorithm,
        key_reference=reference.reference,
        spki_sha256=hashlib.sha256(spki).digest(),
        subject=str(order.subject),
        profile=_profile_name(order),
        ordered=_ordered(order),
        csr=None,
        certificate=None,
        chain=b"",
        not_after=None,
        created_at=now,
        retired_at=None,
        version=1,
    )
    return authority, generation


async def _certify(context: Context, actor: Actor, order: AuthorityOrder, identifier: int) -> None:
    """Have the certificate signed by the parent, or by the key itself, and put it in force."""
    now = context.clock()
    public_key = await context.keyring.public_key(_awaiting(context.snapshot, order, identifier).row)
    pending = _awaiting(context.snapshot, order, identifier)  # while a module was asked, it may have moved
    request = _request(order, public_key)
    profile = context.snapshot.profile(pending.row.profile)
    if order.parent:
        signer = context.snapshot.issuing(order.parent)
        certified = await certify(context, signer, profile, EVERYTHING, request, actor, now, exempt)
        chain = signer.der + b"".join(signer.chain)
    else:
        signer, issuer = pending, self_issuer(order.subject, public_key)
        certified = await certify(context, signer, profile, EVERYTHING, request, actor, now, exempt, issuer)
        chain = b""
    change = record(context, certified, signer, IssueOrder(actor, request), now)
    row = change.inserted[0]
    assert isinstance(row, CertificateRow)
    after = pending.row._replace(certificate=certified.der, chain=chain, not_after=row.not_after)
    detail: dict[str, JsonValue] = {
        "fingerprint": row.fingerprint.hex(),
        "subject": shown(row.subject, NAME_SHOWN),
        "parent": order.parent,
        "not_after": row.not_after.isoformat(),
    }
    event = Event(
        EventKind.AUTHORITY_FOUNDED, now, actor.name, actor.source, f"authority:{pending.path}", detail
    )
    change.replaced.append((pending.row, after))
    change.events.append(event)
    change.configures = True
    await context.ledger.commit(change)


def _awaiting(snapshot: Snapshot, order: AuthorityOrder, identifier: int) -> Generation:
    """The generation to be certified. Raises Conflict where it gets no certificate, or no other one."""
    pending = snapshot.generations.get(identifier)
    if pending is None:
        raise _withdrawn(order.name)
    if pending.certificate is not None:
        raise _taken(order.name)
    check_not_retired(pending)
    return pending


async def sign_subordinate(
    context: Context, actor: Actor, parent: str, request: CertificateRequest, profile: str
) -> tuple[CertificateRow, bytes]:
    """Certify an outside subordinate authority from its CSR; row and DER. Raises as `issue` does."""
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=parent))
    return await decide_again(context, lambda: _sign_subordinate(context, actor, parent, request, profile))


async def _sign_subordinate(
    context: Context, actor: Actor, parent: str, request: CertificateRequest, profile: str
) -> tuple[CertificateRow, bytes]:
    now = context.clock()
    signer = context.snapshot.issuing(parent)
    chosen = _for_authorities(context.snapshot, profile)
    permitted = await permission(context, actor, _outside_act(parent, request, profile, now))
    certified = await certify(context, signer, chosen, EVERYTHING, request, actor, now, exempt)
    change = record(context, certified, signer, IssueOrder(actor, request), now)
    change.join(permitted)
    row = change.inserted[0]
    assert isinstance(row, CertificateRow)
    detail: dict[str, JsonValue] = {
        "fingerprint": row.fingerprint.hex(),
        "subject": shown(row.subject, NAME_SHOWN),
    }
    change.events.append(
        Event(
            EventKind.AUTHORITY_SUBORDINATE_SIGNED,
            now,
            actor.name,
            actor.source,
            f"authority:{signer.path}",
            detail,
        )
    )
    await context.ledger.commit(change)
    return row, certified.der


def _outside_act(parent: str, request: CertificateRequest, profile: str, now: datetime) -> Act:
    days = None if request.not_after is None else round((request.not_after - now) / timedelta(days=1))
    arguments = {
        "parent": parent,
        "profile": profile,
        "subject": str(request.subject),
        "algorithm": keys.algorithm_of(request.public_key).value,
        "csr_spki_sha256": hashlib.sha256(keys.spki(request.public_key)).hexdigest(),
        "terms": terms_document(request.terms),
        "days": days,
    }
    return Act(Kind.FOUND_AUTHORITY, Verb.MANAGE_AUTHORITIES, (Subject(authority=parent),), arguments)


async def retire_authority(context: Context, actor: Actor, name: str) -> AuthorityRow:
    """Issue no more under this authority; its status data goes on. Raises Forbidden, NotFound, Conflict,
    SecondPersonNeeded."""
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=name))
    return await decide_again(context, lambda: _retire(context, actor, name))


async def _retire(context: Context, actor: Actor, name: str) -> AuthorityRow:
    authority = context.snapshot.authority(name)
    if authority.retired_at:
        raise Conflict(f"authority {name} is retired since {authority.retired_at:%Y-%m-%d} already")
    act = Act(Kind.RETIRE_AUTHORITY, Verb.MANAGE_AUTHORITIES, (Subject(authority=name),), {"name": name})
    permitted = await permission(context, actor, act)
    return await commit_retirement(context, actor, authority, also=permitted)


async def commit_retirement(
    context: Context,
    actor: Actor,
    authority: AuthorityRow,
    guards: Sequence[Absent] = (),
    also: Change | None = None,
) -> AuthorityRow:
    """It stands on the configuration: who has not seen what the authority is now does not retire it. Raises
    Reconfigured, and what guards name."""
    now = context.clock()
    after = authority._replace(retired_at=now)
    subject = f"authority:{authority.name}"
    change = Change(
        replaced=[(authority, after)],
        absent=list(guards),
        events=[Event(EventKind.AUTHORITY_RETIRED, now, actor.name, actor.source, subject, {})],
        revision=context.snapshot.revision,
        configures=True,
    )
    if also is not None:
        change.join(also)
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return after


def check_not_retired(generation: Generation) -> None:
    """An authority that was retired while it awaited its certificate gets none. Raises Conflict."""
    authority = generation.authority
    if authority.retired_at:
        text = f"authority {authority.name} is retired since {authority.retired_at:%Y-%m-%d}"
        remedy = "withdraw it to order it anew, or order another name and subject"
        raise Conflict(f"{text} and gets no certificate; {remedy}")


def offline(generation: Generation) -> bool:
    """Is its key under the recovery passphrase, so that no process can use it by itself?"""
    return generation.row.key_provider == RECOVERY


def pending_generation(snapshot: Snapshot, name: str) -> Generation:
    """The generation that waits for its certificate. Raises NotFound."""
    for generation in snapshot.of_authority(name):
        if generation.certificate is None:
            return generation
    raise NotFound(f"authority {name} awaits no certificate")
