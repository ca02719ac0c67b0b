"""Find one certificate as people and programs name it."""

import re

from ..core.access import Actor, Subject, Verb, may
from ..core.errors import Conflict, Malformed, NotFound
from ..store.databases import Database
from ..store.rows import CertificateBodyRow, CertificateRow

SAME_SERIAL_MAX = 100


def subject_of(row: CertificateRow, tags: frozenset[str] = frozenset()) -> Subject:
    """What scopes say of a certificate with these tags."""
    return Subject(row.authority, row.profile, row.endpoint, row.team, row.owner, tags)


async def read_subject(database: Database, actor: Actor, row: CertificateRow) -> Subject:
    """What scopes say of a certificate; its tags are read only for those whose roles are by tags."""
    if not any(grant.scope.startswith("tag:") for grant in actor.grants):
        return subject_of(row)
    return subject_of(row, await tags_of(database, row.id))


async def tags_of(database: Database, identifier: int) -> frozenset[str]:
    """The tags of one certificate."""
    tags = await database.query('SELECT "tag" FROM "certificate_tag" WHERE "certificate_id" = ?', identifier)
    return frozenset(tag for (tag,) in tags)


async def find_certificate(database: Database, actor: Actor, reference: str) -> CertificateRow:
    """By SHA-256 fingerprint (64 hexadecimal digits) or by serial number in hexadecimal, colons allowed.

    Raises Malformed, NotFound (also when the actor may not see it), Conflict when a serial is not unique.
    """
    digits = re.sub(r"[:\s]", "", reference).lower().removeprefix("0x")
    if not re.fullmatch(r"[0-9a-f]{2,64}", digits) or len(digits) % 2:
        raise Malformed(
            f"{reference[:80]!r} is neither a SHA-256 fingerprint nor a serial number in hexadecimal"
        )
    octets = bytes.fromhex(digits)
    if len(octets) == 32:
        column, found = "fingerprint", await database.select(CertificateRow, '"fingerprint" = ?', octets)
    else:
        column, found = "serial", await _with_serial(database, octets)
    subjects = [await read_subject(database, actor, row) for row in found]
    rows = [row for row, subject in zip(found, subjects, strict=True) if may(actor, Verb.VIEW, subject)]
    if not rows:
        raise NotFound(f"no certificate with {column} {digits} is known here")
    if len(rows) > 1:
        raise Conflict(f"several certificates have serial {digits}; name one by its fingerprint")
    return rows[0]


async def _with_serial(database: Database, serial: bytes) -> list[CertificateRow]:
    """Serials are unique within their issuer, and the index has them so: without the issuers, finding one
    would be a walk through all certificates."""
    generations = await database.query('SELECT "id" FROM "authority_generation"')
    ours = ",".join(str(int(row[0])) for row in generations) or "0"
    condition = (
        f'("generation_id" IN ({ours}) AND "serial" = ?) OR ("generation_id" IS NULL AND "serial" = ?)'
    )
    return await database.select(CertificateRow, f"{condition} LIMIT {SAME_SERIAL_MAX}", serial, serial)


async def certificate_der(database: Database, identifier: int) -> bytes:
    """The DER of a stored certificate. Raises NotFound."""
    rows = await database.select(CertificateBodyRow, '"certificate_id" = ?', identifier)
    if not rows:
        raise NotFound(f"certificate {identifier} has no body stored")
    return rows[0].der
