"""Compare certificates that lie somewhere with what is on record: one under a key of ours must be there."""

import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ..core.access import Actor, Subject, Verb, require
from ..core.keys import PublicKey
from ..core.unreadable import UNREADABLE
from ..store.databases import Database
from ..store.rows import IssuanceIntentRow
from ..store.snapshot import Generation, Snapshot

INTENTS_MAX = 1_000
NOT_JUDGED = (*UNREADABLE, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate that lies somewhere. `place` says where, for people."""

    place: str
    der: bytes


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something that should not be, in one line of `text`.

    `kind` is unrecorded, different, or unreadable for what cannot be judged.
    """

    kind: str
    subject: str
    text: str


async def check_found(
    database: Database, snapshot: Snapshot, actor: Actor, found: Iterable[FoundCertificate]
) -> AsyncIterator[Contradiction]:
    """Which of them are signed by a key of ours and not on record. Others' certificates do not matter.

    Raises Forbidden.
    """
    require(actor, Verb.VIEW_AUDIT, Subject())
    for generation in snapshot.generations.values():
        if _public_key(generation) is None:
            text = "it has neither a certificate nor a CSR to be read: what its key has signed cannot be told"
            yield Contradiction("unreadable", f"authority:{generation.path}", text)
    for one in found:
        try:
            certificate = x509.load_der_x509_certificate(one.der)
            signer = signer_of(snapshot, certificate)
        except NOT_JUDGED as error:
            yield Contradiction("unreadable", one.place, f"cannot be read as a certificate: {error}")
            continue
        if signer is None or await _known(database, snapshot, one.der):
            continue
        text = (
            f"serial {certificate.serial_number:032x}, subject {certificate.subject.rfc4514_string()!r}"
            f" is signed by authority {signer.path}, and there is no record of it"
        )
        yield Contradiction("unrecorded", one.place, text)


def signer_of(snapshot: Snapshot, certificate: x509.Certificate) -> Generation | None:
    """The generation whose key has signed this, whatever names the certificate bears, and whether the
    authority has a certificate itself or still awaits it. Raises one of NOT_JUDGED."""
    for generation in snapshot.generations.values():
        if signed_by(generation, certificate):
            return generation
    return None


def signed_by(generation: Generation, certificate: x509.Certificate) -> bool:
    """By the certificate's own choice of hash and padding: a key brought along may have signed otherwise."""
    key = _public_key(generation)
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    scheme, digest = certificate.signature_algorithm_parameters, certificate.signature_hash_algorithm
    try:
        if key is None:
            return False
        if isinstance(key, rsa.RSAPublicKey):
            if not isinstance(scheme, (padding.PKCS1v15, padding.PSS)) or digest is None:
                return False
            key.verify(signature, signed, scheme, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if not isinstance(scheme, ec.ECDSA):
                return False
            key.verify(signature, signed, scheme)
        else:
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _public_key(generation: Generation) -> PublicKey | None:
    """That of its certificate, or of the CSR that awaits one, if that can be read."""
    if generation.public_key is not None or generation.row.csr is None:
        return generation.public_key
    try:
        return x509.load_der_x509_csr(generation.row.csr).public_key()  # type: ignore[return-value]
    except NOT_JUDGED:
        return None


async def _known(database: Database, snapshot: Snapshot, der: bytes) -> bool:
    """On record, or the certificate of an authority that was brought along with its key."""
    if any(generation.row.certificate == der for generation in snapshot.generations.values()):
        return True
    digest = hashlib.sha256(der).digest()
    return bool(await database.query('SELECT 1 FROM "certificate" WHERE "fingerprint" = ?', digest))


async def unresolved_intents(database: Database, actor: Actor) -> tuple[int, list[IssuanceIntentRow]]:
    """Signatures that were intended and of which no certificate is on record: how many, and the first
    INTENTS_MAX of them. Raises Forbidden.

    A crash or a lost key module in between leaves them; the signature may exist in the module's own log.
    """
    require(actor, Verb.VIEW_AUDIT, Subject())
    unresolved = (
        'NOT EXISTS (SELECT 1 FROM "certificate" c WHERE c."generation_id" = '
        '"issuance_intent"."generation_id" AND c."serial" = "issuance_intent"."serial")'
    )
    count = await database.query(f'SELECT count(*) FROM "issuance_intent" WHERE {unresolved}')
    first = await database.select(IssuanceIntentRow, f'{unresolved} ORDER BY "id" LIMIT {INTENTS_MAX}')
    return count[0][0], first
