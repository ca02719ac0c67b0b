"""Who has really signed a certificate: not whom it names, but whose key fits its signature."""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ..core.decoded import Decoded
from ..core.standing import Standing
from ..core.unreadable import UNREADABLE
from ..store.among import among, chunks
from ..store.databases import Database

CANDIDATES_MAX = 8
"""Authorities of one name whose keys are tried for a certificate, of those on record and of those that come
with it: a stranger may give any name to many. Ours come first, then who was known first, so that nobody is
pushed out by those who come later."""


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A certificate whose issuer is looked for, with the identifier it has or will have."""

    identifier: int
    decoded: Decoded
    der: bytes


@dataclass(frozen=True, slots=True)
class _Authority:
    identifier: int
    certificate: x509.Certificate


async def real_issuers(database: Database, unlinked: list[Unlinked]) -> dict[int, int]:
    """For each certificate the identifier of its issuer's, where that is among them or in the inventory.

    A self-signed one is its own issuer. Raises Unavailable.
    """
    known = await _authorities(database, {one.decoded.issuer for one in unlinked})
    coming: dict[str, list[_Authority]] = {}
    for one in unlinked:
        if one.decoded.is_authority or one.decoded.names_itself:
            authority = _Authority(one.identifier, x509.load_der_x509_certificate(one.der))
            coming.setdefault(one.decoded.subject, []).append(authority)
    found = {}
    for one in unlinked:
        with_it = coming.get(one.decoded.issuer, [])
        itself = [each for each in with_it if each.identifier == one.identifier]
        stored = known.get(one.decoded.issuer, [])
        candidates = itself + stored[:CANDIDATES_MAX] + with_it[:CANDIDATES_MAX]
        if candidates:
            issuer = _signer(x509.load_der_x509_certificate(one.der), candidates)
            if issuer is not None:
                found[one.identifier] = issuer
    return found


async def _authorities(database: Database, names: set[str]) -> dict[str, list[_Authority]]:
    found: dict[str, list[_Authority]] = {}
    for some in chunks(sorted(names)):
        condition, values = among("subject", some)
        sql = (
            'SELECT c."subject", c."id", b."der" FROM "certificate" c JOIN "certificate_body" b '
            f'ON b."certificate_id" = c."id" WHERE c."is_authority" AND c.{condition} '
            f'ORDER BY CASE c."standing" WHEN \'{Standing.ISSUED}\' THEN 0 ELSE 1 END, c."id"'
        )
        for subject, identifier, der in await database.query(sql, *values):
            certificate = x509.load_der_x509_certificate(bytes(der))
            found.setdefault(subject, []).append(_Authority(identifier, certificate))
    return found


def _signer(certificate: x509.Certificate, candidates: Iterable[_Authority]) -> int | None:
    for candidate in candidates:
        try:
            certificate.verify_directly_issued_by(candidate.certificate)
        except (InvalidSignature, UnsupportedAlgorithm, *UNREADABLE):
            continue
        return candidate.identifier
    return None
