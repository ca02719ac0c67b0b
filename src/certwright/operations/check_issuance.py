"""Compare certificates with their records: those found elsewhere, and those we store.

A certificate under one of our keys must be on record; a record must say what its certificate says.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ..core import keys
from ..core.access import Actor, Subject, Verb, require
from ..core.distinguished_name import name_from_x509
from ..core.errors import CertwrightError
from ..core.general_names import decode_general_name
from ..core.unreadable import UNREADABLE
from ..store.databases import Database
from ..store.rows import CertificateNameRow, CertificateRow, IssuanceIntentRow
from ..store.snapshot import Generation, Snapshot
from .walk_certificates import Progress, walk_certificates

INTENTS_MAX = 1_000
_UNREADABLE = (*UNREADABLE, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate that lies somewhere. `place` says where, for people."""

    place: str
    der: bytes


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something that should not be, in one line of `text`.

    `kind` is unrecorded, different, or unreadable for what only looks like a certificate.
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
    for one in found:
        try:
            certificate = x509.load_der_x509_certificate(one.der)
            signer = _signer(snapshot, certificate)
        except _UNREADABLE as error:
            yield Contradiction("unreadable", one.place, f"cannot be read as a certificate: {error}")
            continue
        if signer is None or await _known(database, snapshot, one.der):
            continue
        text = (
            f"serial {certificate.serial_number:032x}, subject {certificate.subject.rfc4514_string()!r}"
            f" is signed by authority {signer.path}, and there is no record of it"
        )
        yield Contradiction("unrecorded", one.place, text)


def _signer(snapshot: Snapshot, certificate: x509.Certificate) -> Generation | None:
    """The generation whose key has signed this, whatever names the certificate bears."""
    for generation in snapshot.generations.values():
        if generation.certificate is None or generation.issuer is None:
            continue
        if _signed_by(generation, certificate):
            return generation
    return None


def _signed_by(generation: Generation, certificate: x509.Certificate) -> bool:
    """By the certificate's own choice of hash and padding: a key brought along may have signed otherwise."""
    key = generation.public_key
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    scheme, digest = certificate.signature_algorithm_parameters, certificate.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if not isinstance(scheme, (padding.PKCS1v15, padding.PSS)) or digest is None:
                return False
            key.verify(signature, signed, scheme, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if not isinstance(scheme, ec.ECDSA):
                return False
            key.verify(signature, signed, scheme)
        else:
            assert key is not None
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


async def _known(database: Database, snapshot: Snapshot, der: bytes) -> bool:
    """On record, or the certificate of an authority that was brought along with its key."""
    if any(generation.row.certificate == der for generation in snapshot.generations.values()):
        return True
    digest = hashlib.sha256(der).digest()
    return bool(await database.query('SELECT 1 FROM "certificate" WHERE "fingerprint" = ?', digest))


# -- records -------------------------------------------------------------------------------------


async def check_records(
    database: Database, snapshot: Snapshot, actor: Actor, progress: Progress = lambda done, total: None
) -> AsyncIterator[Contradiction]:
    """Which records say something else than their certificate. Raises Forbidden.

    `progress` is told how many of how many records have been read.
    """
    require(actor, Verb.VIEW_AUDIT, Subject())
    async for page in walk_certificates(database, "1 = 1", progress):
        names = await _names(database, [row for row, _ in page])
        for row, der in page:
            subject = f"certificate:{row.fingerprint.hex()}"
            try:
                wrong = _differences(row, der, names.get(row.id, []), snapshot)
            except (*_UNREADABLE, CertwrightError) as error:
                yield Contradiction("different", subject, f"the stored certificate cannot be read: {error}")
                continue
            if wrong:
                text = f"the record and the certificate disagree: {', '.join(wrong)}"
                yield Contradiction("different", subject, text)


async def _names(database: Database, rows: list[CertificateRow]) -> dict[int, list[tuple[str, str]]]:
    marks = ",".join("?" * len(rows))
    names: dict[int, list[tuple[str, str]]] = {}
    for row in await database.select(
        CertificateNameRow,
        f'"certificate_id" IN ({marks}) ORDER BY "certificate_id", "position"',
        *[row.id for row in rows],
    ):
        names.setdefault(row.certificate_id, []).append((row.kind, row.value))
    return names


def _differences(
    row: CertificateRow, der: bytes | None, names: list[tuple[str, str]], snapshot: Snapshot
) -> list[str]:
    """What does not agree, by the names of the columns."""
    if der is None:
        return ["the certificate itself is missing"]
    if hashlib.sha256(der).digest() != row.fingerprint:
        return ["fingerprint"]
    certificate = x509.load_der_x509_certificate(der)
    public_key: Any = certificate.public_key()
    pairs = {
        "serial": (int.from_bytes(row.serial, "big"), certificate.serial_number),
        "issuer": (row.issuer, str(name_from_x509(certificate.issuer))),
        "subject": (row.subject, str(name_from_x509(certificate.subject))),
        "not_before": (row.not_before, certificate.not_valid_before_utc),
        "not_after": (row.not_after, certificate.not_valid_after_utc),
        "key_algorithm": (row.key_algorithm, keys.algorithm_of(public_key)),
        "spki_sha256": (row.spki_sha256, hashlib.sha256(keys.spki(public_key)).digest()),
        "names": (names, _alternative_names(certificate)),
    }
    wrong = [name for name, (stored, signed) in pairs.items() if stored != signed]
    return wrong + _wrong_issuer(row, certificate, snapshot)


def _alternative_names(certificate: x509.Certificate) -> list[tuple[str, str]]:
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    identifiers = [decode_general_name(name) for name in value]
    return [(identifier.kind.value, identifier.value) for identifier in identifiers]


def _wrong_issuer(row: CertificateRow, certificate: x509.Certificate, snapshot: Snapshot) -> list[str]:
    """A certificate of ours stands under the key of the generation that its record names."""
    if row.generation_id is None:
        return []
    generation = snapshot.generations.get(row.generation_id)
    if generation is None or generation.authority.name != row.authority:
        return ["authority"]
    signed = generation.certificate is not None and _signed_by(generation, certificate)
    return [] if signed else ["signature"]


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
