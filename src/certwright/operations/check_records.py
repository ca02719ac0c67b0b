"""Compare the records of certificates with the certificates themselves, and with the status feed."""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from typing import Any

from cryptography import x509

from ..core import keys
from ..core.access import Actor, Subject, Verb, require
from ..core.crl import shard_of
from ..core.decoded import Decoded, decode
from ..core.distinguished_name import name_from_x509
from ..core.errors import CertwrightError
from ..core.general_names import decode_general_name
from ..core.names import reversed_name
from ..core.standing import Standing
from ..store.databases import Database
from ..store.rows import CertificateNameRow, CertificateRow, StatusChangeRow, columns_of
from ..store.snapshot import Snapshot
from .check_issuance import NOT_JUDGED, Contradiction, signed_by, signer_of
from .walk_certificates import Progress, walk_certificates

_LIST_URL = re.compile(r".*/crl/(?P<path>[^/]+/[0-9]+)/(?P<shard>[0-9]+)\.crl")
Name = tuple[str, str, str]


async def check_records(
    database: Database, snapshot: Snapshot, actor: Actor, progress: Progress = lambda done, total: None
) -> AsyncIterator[Contradiction]:
    """Which records say something else than their certificate, or than the status feed. Raises Forbidden.

    `progress` is told how many of how many records have been read.
    """
    require(actor, Verb.VIEW_AUDIT, Subject())
    profiles = {tuple(row) for row in await database.query('SELECT "name", "number" FROM "profile"')}
    async for page in walk_certificates(database, "1 = 1", progress):
        rows = [row for row, _ in page]
        others = _Others(
            snapshot, profiles, await _names(database, rows), await _newest_changes(database, rows)
        )
        for row, der in page:
            subject = f"certificate:{row.fingerprint.hex()}"
            try:
                wrong = _differences(row, der, others)
            except (*NOT_JUDGED, CertwrightError) as error:
                yield Contradiction("different", subject, f"the stored certificate cannot be read: {error}")
                continue
            if wrong:
                text = f"the record and the certificate disagree: {', '.join(wrong)}"
                yield Contradiction("different", subject, text)


@dataclass(frozen=True, slots=True)
class _Others:
    """What else is on record: names and newest changes of status by the certificate's identifier."""

    snapshot: Snapshot
    profiles: set[tuple[Any, ...]]
    names: dict[int, list[Name]]
    changes: dict[int, StatusChangeRow]


async def _names(database: Database, rows: list[CertificateRow]) -> dict[int, list[Name]]:
    names: dict[int, list[Name]] = {}
    for row in await database.select(
        CertificateNameRow,
        f'"certificate_id" IN ({_marks(rows)}) ORDER BY "certificate_id", "position"',
        *[row.id for row in rows],
    ):
        names.setdefault(row.certificate_id, []).append((row.kind, row.value, row.reversed_value))
    return names


async def _newest_changes(database: Database, rows: list[CertificateRow]) -> dict[int, StatusChangeRow]:
    newest = (
        f'SELECT max("seq") FROM "status_change" WHERE "certificate_id" IN ({_marks(rows)}) '
        'GROUP BY "certificate_id"'
    )
    changes = await database.select(StatusChangeRow, f'"seq" IN ({newest})', *[row.id for row in rows])
    return {change.certificate_id: change for change in changes}


def _marks(rows: list[CertificateRow]) -> str:
    return ",".join("?" * len(rows))


def _differences(row: CertificateRow, der: bytes | None, others: _Others) -> list[str]:
    """What does not agree, by the names of the columns."""
    if der is None:
        return ["the certificate itself is missing"]
    if hashlib.sha256(der).digest() != row.fingerprint:
        return ["fingerprint"]
    if row.standing != Standing.ISSUED:
        return _differences_of_others(row, der, others)
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
        "names": (others.names.get(row.id, []), _alternative_names(certificate)),
    }
    wrong = [name for name, (stored, signed) in pairs.items() if stored != signed]
    return wrong + _wrong_issuance(row, certificate, others) + _wrong_status(row, others.changes.get(row.id))


def _differences_of_others(row: CertificateRow, der: bytes, others: _Others) -> list[str]:
    """Of a certificate that was found: it is as it was read, and none of ours."""
    decoded = decode(der)
    columns = {one.name for one in fields(Decoded)} & set(columns_of(CertificateRow))
    wrong = sorted(name for name in columns if getattr(row, name) != getattr(decoded, name))
    if others.names.get(row.id, []) != [(one.kind, one.value, reversed_name(one)) for one in decoded.names]:
        wrong.append("names")
    if row.generation_id is not None or signer_of(others.snapshot, x509.load_der_x509_certificate(der)):
        wrong.append("standing")
    return wrong + _wrong_status(row, others.changes.get(row.id))


def _alternative_names(certificate: x509.Certificate) -> list[Name]:
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    identifiers = [decode_general_name(name) for name in value]
    return [(one.kind.value, one.value, reversed_name(one)) for one in identifiers]


def _wrong_issuance(row: CertificateRow, certificate: x509.Certificate, others: _Others) -> list[str]:
    """A certificate of ours stands under the key of the generation that its record names, in the list that
    its serial number says (RFC 5280 section 4.2.1.13), and was issued for a profile that there is."""
    if row.generation_id is None:
        ours = bool(row.authority) or signer_of(others.snapshot, certificate) is not None
        return ["authority"] if ours else []
    generation = others.snapshot.generations.get(row.generation_id)
    if generation is None or generation.authority.name != row.authority:
        return ["authority"]
    shard = shard_of(certificate.serial_number, generation.authority.crl_shards)
    named = _lists_named(certificate)
    checks = {
        "signature": signed_by(generation, certificate),
        "crl_shard": row.crl_shard == shard and named <= {(generation.path, shard)},
        "profile": (row.profile, row.profile_number) in others.profiles,
    }
    return [name for name, holds in checks.items() if not holds]


def _lists_named(certificate: x509.Certificate) -> set[tuple[str, int]]:
    """Generation and shard of the lists that the certificate points at, wherever we are reached."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return set()
    names = [name.value for point in points for name in point.full_name or ()]
    found = [_LIST_URL.fullmatch(name) for name in names if isinstance(name, str)]
    return {(match["path"], int(match["shard"])) if match else ("", -1) for match in found}


def _wrong_status(row: CertificateRow, newest: StatusChangeRow | None) -> list[str]:
    """The record says of the status what the newest change in the feed says; without one, nothing."""
    if newest is None or not newest.revoked:
        told: tuple[Any, ...] = (None, None, None)
    else:
        told = newest.at, newest.reason, newest.invalidity_date
    pairs = {
        "revoked_at": (row.revoked_at, told[0]),
        "revocation_reason": (row.revocation_reason, told[1]),
        "invalidity_date": (row.invalidity_date, told[2]),
    }
    wrong = [name for name, (stored, fed) in pairs.items() if stored != fed]
    if newest is not None and newest[2:5] != (row.generation_id, row.serial, row.crl_shard):
        wrong.append("status_change")
    return wrong
