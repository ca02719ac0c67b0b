"""An authority under an outside one: give out a CSR, take the certificate back; or bring key and
certificate.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ..core import keys
from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, shown
from ..core.distinguished_name import name_from_x509, parse_name
from ..core.errors import Conflict, Malformed, Reason, Refused
from ..core.issuer import issuer_of
from ..core.keys import PrivateKey
from ..ports import KeyImporter
from ..store.ledger import Change
from ..store.snapshot import Generation
from .context import Context
from .found_authority import AuthorityOrder, new_rows, not_taken, pending_generation

CHAIN_MAX = 10
NAME_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Accepted:
    """An authority certificate and its issuers up to a self-signed one, as given, in DER."""

    certificate: bytes
    chain: tuple[bytes, ...]


async def authority_csr(context: Context, actor: Actor, name: str) -> bytes:
    """The CSR (DER) of an authority that awaits an outside certificate. Raises Forbidden, NotFound."""
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=name))
    generation = pending_generation(context.snapshot, name)
    if generation.row.csr:
        return generation.row.csr
    csr = await context.keyring.csr(generation.row, parse_name(generation.row.subject))
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

    Raises Forbidden, NotFound, and Refused naming what does not fit: key, name, dates, cA, or the chain.
    """
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=name))
    generation = pending_generation(context.snapshot, name)
    now = context.clock()
    leaf = check_chain(given, now)
    public_key = await context.keyring.public_key(generation.row)
    _check_fits(leaf, keys.spki(public_key), generation.row.subject)
    after = generation.row._replace(
        certificate=given.certificate, chain=b"".join(given.chain), not_after=leaf.not_valid_after_utc
    )
    event = Event(
        EventKind.AUTHORITY_CERTIFICATE_ACCEPTED,
        now,
        actor.name,
        actor.source,
        f"authority:{generation.path}",
        {"issuer": shown(leaf.issuer.rfc4514_string(), NAME_SHOWN), "serial": f"{leaf.serial_number:x}"},
    )
    await context.ledger.commit(Change(replaced=[(generation.row, after)], events=[event], configures=True))
    return (await context.snapshots.refresh()).generations[generation.id]


async def import_authority(
    context: Context, actor: Actor, order: AuthorityOrder, key: PrivateKey, given: Accepted
) -> Generation:
    """Take over an authority with its key, into a provider that can import. Raises as
    `accept_certificate`.
    """
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=order.name))
    now = context.clock()
    if order.name in context.snapshot.authorities:
        raise Conflict(f"there is an authority {order.name} already; choose another name")
    leaf = check_chain(given, now)
    _check_fits(leaf, keys.spki(key.public_key()), str(name_from_x509(leaf.subject)))
    provider = context.keyring.provider(order.key_provider)
    if not isinstance(provider, KeyImporter):
        raise Refused((Reason("key.import", f"key provider {order.key_provider} cannot import keys"),))
    reference = provider.adopt(key, f"authority/{order.name}/1")
    authority, generation = new_rows(context, order, reference, keys.spki(key.public_key()), now)
    generation = generation._replace(
        certificate=given.certificate, chain=b"".join(given.chain), not_after=leaf.not_valid_after_utc
    )
    event = Event(
        EventKind.AUTHORITY_IMPORTED,
        now,
        actor.name,
        actor.source,
        f"authority:{order.name}/1",
        {"subject": shown(generation.subject, NAME_SHOWN), "serial": f"{leaf.serial_number:x}"},
    )
    change = Change(
        inserted=[authority, generation], absent=[not_taken(order.name)], events=[event], configures=True
    )
    await context.ledger.commit(change)
    return (await context.snapshots.refresh()).generations[generation.id]


def check_chain(given: Accepted, now: datetime) -> x509.Certificate:
    """The authority certificate, read, if it is one and each certificate is signed by the next (RFC 5280
    6.1).

    Raises Malformed, Refused.
    """
    if len(given.chain) > CHAIN_MAX:
        raise Malformed(f"the chain has {len(given.chain)} certificates; {CHAIN_MAX} are the most")
    try:
        parsed = [x509.load_der_x509_certificate(der) for der in (given.certificate, *given.chain)]
    except ValueError as error:
        raise Malformed(f"a certificate of the chain cannot be read: {error}") from error
    for der in (given.certificate, *given.chain):
        issuer_of(der)
    reasons = []
    for child, parent in zip(parsed, parsed[1:] or parsed[:1], strict=False):
        try:
            child.verify_directly_issued_by(parent)
        except (ValueError, TypeError, InvalidSignature):
            text = f"{child.subject.rfc4514_string()} is not signed by {parent.subject.rfc4514_string()}"
            reasons.append(Reason("authority.chain", f"{text}; give the chain from issuer to root"))
    reasons += [
        Reason("authority.dates", f"{one.subject.rfc4514_string()} is not valid now")
        for one in parsed
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc
    ]
    if reasons:
        raise Refused(tuple(reasons))
    return parsed[0]


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
