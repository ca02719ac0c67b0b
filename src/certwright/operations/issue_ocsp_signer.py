"""Give an authority a delegated OCSP signer (RFC 6960 section 4.2.2.2), and a new one in good time."""

from dataclasses import replace
from datetime import datetime, timedelta

from ..core.access import Actor, Grant, Role
from ..core.audit import Event, EventKind
from ..core.distinguished_name import COMMON_NAME, DistinguishedName, upper_bound
from ..core.keys import KeyAlgorithm, PublicKey
from ..core.policy import EVERYTHING, evaluate
from ..core.profile import Profile
from ..core.request import CertificateRequest, request_for
from ..ports import KeyReference, KeySpec
from ..store.ledger import Change
from ..store.rows import CertificateRow, OcspSignerRow
from ..store.snapshot import Generation
from .context import Context
from .found_authority import destroyed_on_failure, offline
from .issue import IssueOrder, certify, exempt, record
from .renew_lists import can_hold_longer
from .signer_name import named_profile, signer_name

PROFILE = "ocsp-signer"
OFFLINE_LIFETIME = timedelta(days=365)
OFFLINE_MARGIN = timedelta(days=45)
"""How long before the end a person with the recovery passphrase is called, once a year."""
SYSTEM = Actor("system:ocsp", (Grant(Role.ADMINISTRATOR),))


def needs_signer(context: Context, generation: Generation, now: datetime) -> bool:
    """None yet that has begun and is not revoked, or past two thirds of its life; where the authority is
    offline, shortly before its end. No other where it lasts as long as its authority."""
    row = context.snapshot.signer(generation.id, now)
    if row is None:
        return True
    margin = OFFLINE_MARGIN if offline(generation) else (row.not_after - row.not_before) / 3
    return now >= row.not_after - margin and can_hold_longer(generation, row.not_after)


async def issue_ocsp_signer(context: Context, generation: Generation) -> OcspSignerRow:
    """A new key with its certificate, both on record. Raises Conflict when the authority's key is locked
    away, Refused, Reconfigured, Unavailable; then there is no key either, unless it may be on record.

    The signer's key is of the authority's kind, so that whoever can verify one can verify the other. It is
    kept by the provider that keeps the authority's, or in software where that one is offline.
    """
    now = context.clock()
    _require_profile(context, generation, now)
    algorithm = KeyAlgorithm(generation.row.key_algorithm)
    keeper = "software" if offline(generation) else generation.row.key_provider
    label = f"ocsp/{generation.path}/{now:%Y%m%d%H%M%S}"
    reference, public_key = await context.keyring.create(keeper, KeySpec(algorithm, label))
    async with destroyed_on_failure(context, keeper, reference):
        signer = await _put_on_record(context, generation, keeper, reference, public_key, now)
    await context.snapshots.refresh()
    return signer


def _require_profile(context: Context, generation: Generation, now: datetime) -> None:
    """Raises Refused, before a key is made, where policy would refuse one. It is asked about the authority's
    own, which is of the same kind."""
    assert generation.public_key is not None
    request = _request(generation, generation.public_key, now)
    evaluate(request, _profile(context, generation), generation.as_issuer, now)


def _request(generation: Generation, public_key: PublicKey, now: datetime) -> CertificateRequest:
    request = request_for(public_key, _name(generation))
    if not offline(generation):
        return request
    return replace(request, not_after=min(now + OFFLINE_LIFETIME, generation.as_issuer.not_after))


async def _put_on_record(
    context: Context,
    generation: Generation,
    keeper: str,
    reference: KeyReference,
    public_key: PublicKey,
    now: datetime,
) -> OcspSignerRow:
    """Have the key certified, and both durable."""
    request = _request(generation, public_key, now)
    profile = _profile(context, generation)
    certified = await certify(context, generation, profile, EVERYTHING, request, SYSTEM, now, exempt)
    change = record(context, certified, generation, IssueOrder(SYSTEM, request), now)
    row = change.inserted[0]
    assert isinstance(row, CertificateRow)
    signer = OcspSignerRow(
        id=context.ledger.new_id(),
        generation_id=generation.id,
        key_provider=keeper,
        key_algorithm=generation.row.key_algorithm,
        key_reference=reference.reference,
        certificate=certified.der,
        not_before=row.not_before,
        not_after=row.not_after,
    )
    subject = f"authority:{generation.path}"
    detail = {"fingerprint": row.fingerprint.hex(), "not_after": row.not_after.isoformat()}
    event = Event(EventKind.OCSP_SIGNER_ISSUED, now, SYSTEM.name, "", subject, detail)
    change.join(Change(inserted=[signer], events=[event], configures=True))
    await context.ledger.commit(change)
    return signer


def _profile(context: Context, generation: Generation) -> Profile:
    return named_profile(context.snapshot.profile(PROFILE), generation, _common_name(generation))


def _name(generation: Generation) -> DistinguishedName:
    return signer_name(generation, _common_name(generation))


def _common_name(generation: Generation) -> str:
    number = f" {generation.row.number}"
    most = upper_bound(COMMON_NAME) - len("OCSP ") - len(number)
    return f"OCSP {generation.authority.name[:most]}{number}"
