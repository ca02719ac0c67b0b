"""An authority under an outside one: give out a CSR, take the certificate back; or bring key and
certificate.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from ..core import keys
from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, shown
from ..core.chain import check_chain
from ..core.distinguished_name import name_from_x509, parse_name
from ..core.errors import Conflict, Malformed, Reason, Refused
from ..core.keys import PrivateKey
from ..core.last_list import number_of_last_list
from ..core.outside_authority import check_ordered, extension_request
from ..core.second_person import Act, Kind
from ..ports import KeyImporter
from ..store.ledger import Change
from ..store.rows import AuthorityGenerationRow, CounterRow
from ..store.snapshot import Generation, revoked_of
from .check_key import check_authority_name, check_public_key
from .context import Context, decide_again
from .found_authority import (
    AuthorityOrder,
    check_not_retired,
    check_order,
    destroyed_on_failure,
    new_rows,
    not_taken,
    ordered_terms,
    outside_plan,
    pending_generation,
)
from .issue import not_compromised
from .second_person import permission

CHAIN_MAX = 10
NAME_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Accepted:
    """An authority certificate and its issuers up to a self-signed one, as given, in DER."""

    certificate: bytes
    chain: tuple[bytes, ...]


async def authority_csr(context: Context, actor: Actor, name: str) -> bytes:
    """The CSR (DER) of an authority that awaits an outside certificate; it asks for what was ordered.

    Raises Forbidden, NotFound, and Refused where its profile permits that no more.
    """
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=name))
    generation = pending_generation(context.snapshot, name)
    if generation.row.csr:
        return generation.row.csr
    plan = outside_plan(context, generation, await context.keyring.public_key(generation.row))
    csr = await context.keyring.csr(
        generation.row, parse_name(generation.row.subject), extension_request(plan)
    )
    now = context.clock()
    event = Event(
        EventKind.AUTHORITY_CSR_CREATED, now, actor.name, actor.source, f"authority:{generation.path}", {}
    )
    change = Change(
        replaced=[(generation.row, generation.row._replace(csr=csr))], events=[event], configures=True
    )
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return csr


async def accept_certificate(context: Context, actor: Actor, name: str, given: Accepted) -> Generation:
    """Put the certificate that an outside authority has signed in force.

    Raises Forbidden, NotFound, Conflict when it is retired, and Refused naming what does not fit: key, name,
    dates, cA, the chain, terms wider than those ordered, or what of it is revoked on our record.
    """
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=name))
    identifier = await decide_again(context, lambda: _accept(context, actor, name, given))
    return (await context.snapshots.refresh()).generations[identifier]


async def _accept(context: Context, actor: Actor, name: str, given: Accepted) -> int:
    """The generation that has the certificate now, by its identifier."""
    snapshot, now = context.snapshot, context.clock()
    generation = pending_generation(snapshot, name)
    check_not_retired(generation)
    leaf = _check_chain(given, now)
    public_key = await context.keyring.public_key(generation.row)
    spki = keys.spki(public_key)
    _check_fits(leaf, spki, generation.row.subject)
    check_ordered(ordered_terms(generation.row), snapshot.profile(generation.row.profile), given.certificate)
    await _check_not_revoked(context, given)
    after = _with_certificate(generation.row, given, leaf)
    event = Event(
        EventKind.AUTHORITY_CERTIFICATE_ACCEPTED,
        now,
        actor.name,
        actor.source,
        f"authority:{generation.path}",
        {"issuer": shown(leaf.issuer.rfc4514_string(), NAME_SHOWN), "serial": f"{leaf.serial_number:x}"},
    )
    change = Change(
        replaced=[(generation.row, after)],
        absent=[not_compromised(spki)],
        events=[event],
        revision=snapshot.revision,
        configures=True,
    )
    await context.ledger.commit(change)
    return generation.id


async def import_authority(
    context: Context,
    actor: Actor,
    order: AuthorityOrder,
    key: PrivateKey,
    given: Accepted,
    last_list: bytes | None = None,
) -> Generation:
    """Take over an authority with its key, into a provider that can import.

    `last_list` is the last CRL it has signed, PEM or DER; None where it has revoked nothing. Raises Conflict
    when its name or key is an authority's here, SecondPersonNeeded, and as `accept_certificate`.
    """
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=order.name))
    check_order(order)
    now = context.clock()
    if order.name in context.snapshot.authorities:
        raise Conflict(f"there is an authority {order.name} already; choose another name")
    leaf = _check_chain(given, now)
    number = 0 if last_list is None else number_of_last_list(last_list, leaf)
    _check_key(context, key, leaf, str(order.subject))
    provider = context.keyring.provider(order.key_provider)
    if not isinstance(provider, KeyImporter):
        raise Refused((Reason("key.import", f"key provider {order.key_provider} cannot import keys"),))
    reference = provider.adopt(key, f"authority/{order.name}/1")
    async with destroyed_on_failure(context, order.key_provider, reference):
        spki = keys.spki(key.public_key())
        authority, generation = new_rows(context, order, reference, spki, now)
        generation = _with_certificate(generation, given, leaf)
        event = Event(
            EventKind.AUTHORITY_IMPORTED,
            now,
            actor.name,
            actor.source,
            f"authority:{order.name}/1",
            {
                "subject": shown(generation.subject, NAME_SHOWN),
                "serial": f"{leaf.serial_number:x}",
                "crl_number": number,
            },
        )
        change = Change(
            inserted=[authority, generation, *_counters(generation.id, order.crl_shards, number)],
            absent=[*not_taken(authority, generation), not_compromised(spki)],
            events=[event],
            configures=True,
        )
        act = _import_act(order, spki, given, last_list)
        await decide_again(context, lambda: _bring(context, actor, given, change, act))
    return (await context.snapshots.refresh()).generations[generation.id]


def _with_certificate(
    row: AuthorityGenerationRow, given: Accepted, leaf: x509.Certificate
) -> AuthorityGenerationRow:
    return row._replace(
        certificate=given.certificate, chain=b"".join(given.chain), not_after=leaf.not_valid_after_utc
    )


def _import_act(order: AuthorityOrder, spki: bytes, given: Accepted, last_list: bytes | None) -> Act:
    arguments = {
        "name": order.name,
        "kind": order.kind,
        "subject": str(order.subject),
        "algorithm": order.algorithm.value,
        "key_provider": order.key_provider,
        "crl_shards": order.crl_shards,
        "spki_sha256": hashlib.sha256(spki).hexdigest(),
        "certificate_sha256": hashlib.sha256(given.certificate).hexdigest(),
        "chain_sha256": [hashlib.sha256(der).hexdigest() for der in given.chain],
        "last_list_sha256": hashlib.sha256(last_list).hexdigest() if last_list else "",
    }
    return Act(Kind.IMPORT_AUTHORITY, Verb.MANAGE_AUTHORITIES, (Subject(authority=order.name),), arguments)


async def _bring(context: Context, actor: Actor, given: Accepted, change: Change, act: Act) -> None:
    """Each time it is decided again, a second person's permission is looked for again."""
    await _check_not_revoked(context, given)
    whole = await permission(context, actor, act)
    whole.join(change)
    await context.ledger.commit(whole)


async def _check_not_revoked(context: Context, given: Accepted) -> None:
    """None of them is revoked or on hold on our record; of others, outside authorities know. That they stay
    so guards the commit, since each such revocation makes a new configuration. Raises Refused."""
    path = {hashlib.sha256(der).digest(): der for der in (given.certificate, *given.chain)}
    revoked = await revoked_of(context.database, list(path))
    reasons = [
        Reason(
            "authority.revoked",
            f"the certificate of {_shown_name(der)} is revoked or on hold; have it signed anew",
        )
        for digest, der in path.items()
        if digest in revoked
    ]
    if reasons:
        raise Refused(tuple(reasons))


def _shown_name(der: bytes) -> str:
    return shown(x509.load_der_x509_certificate(der).subject.rfc4514_string(), NAME_SHOWN)


def _check_key(context: Context, key: PrivateKey, leaf: x509.Certificate, ordered: str) -> None:
    """The key is the certificate's and not a weak one, and its name is the ordered one, and not that of an
    authority of ours.

    That it is not known as compromised guards the commit. Raises Refused.
    """
    public_key, subject = key.public_key(), name_from_x509(leaf.subject)
    spki = keys.spki(public_key)
    _check_fits(leaf, spki, ordered)
    check_public_key(context, public_key, spki)
    check_authority_name(context.snapshot, subject, spki)


def _counters(generation: int, shards: int, number: int) -> list[CounterRow]:
    """Every list to come has a larger number than the authority's last (RFC 5280 5.2.3)."""
    return [CounterRow(f"crl/{generation}/{shard}", number) for shard in range(shards) if number]


def _check_chain(given: Accepted, now: datetime) -> x509.Certificate:
    if len(given.chain) > CHAIN_MAX:
        raise Malformed(f"the chain has {len(given.chain)} certificates; {CHAIN_MAX} are the most")
    return check_chain(given.certificate, given.chain, now)


def _check_fits(certificate: x509.Certificate, spki: bytes, subject: str) -> None:
    reasons = []
    public_key = certificate.public_key()
    if keys.spki(public_key) != spki:  # type: ignore[arg-type]
        reasons.append(Reason("authority.key", "the certificate is for another key"))
    found = str(name_from_x509(certificate.subject))
    if found != subject:
        reasons.append(Reason("authority.subject", f"the certificate names {found}, not {subject}"))
    if reasons:
        raise Refused(tuple(reasons))
