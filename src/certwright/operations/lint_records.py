"""Lint again every certificate that our authorities have issued, by the version of the profile it names.

What was without error when it was signed is without error for ever: a finding means that a record or a stored
certificate was changed, or that the lints have learnt something since.
"""

from collections.abc import AsyncIterator
from json import loads

from cryptography import x509

from ..core.access import Actor, Subject, Verb, require
from ..core.errors import CertwrightError
from ..core.lint import lint
from ..core.lint.decoded import decode
from ..core.lint.finding import Severity
from ..core.profile import Profile
from ..core.profile_document import from_document
from ..store.databases import Database
from ..store.rows import CertificateRow, ProfileRow
from .check_issuance import Contradiction
from .walk_certificates import Progress, walk_certificates

Profiles = dict[tuple[str, int], Profile]


async def lint_records(
    database: Database, actor: Actor, progress: Progress = lambda done, total: None
) -> AsyncIterator[Contradiction]:
    """One line for every finding of error severity, and for what cannot be judged.

    `progress` is told how many of how many certificates have been read. Those of outside authorities are
    passed. Raises Forbidden, Unavailable.
    """
    require(actor, Verb.VIEW_AUDIT, Subject())
    profiles: Profiles = {}
    async for page in walk_certificates(database, '"generation_id" IS NOT NULL', progress):
        for row, der in page:
            for text in await _judge(database, profiles, row, der):
                yield Contradiction("finding", f"certificate:{row.fingerprint.hex()}", text)


async def _judge(database: Database, profiles: Profiles, row: CertificateRow, der: bytes | None) -> list[str]:
    """What is wrong with one certificate, a line for each."""
    if der is None:
        return ["the certificate itself is missing"]
    try:
        profile = await _profile(database, profiles, row)
        if profile is None:
            return [f"there is no version {row.profile_number} of profile {row.profile!r}, which it names"]
        decoded = decode(x509.load_der_x509_certificate(der).tbs_certificate_bytes)
        found = lint(decoded, profile)
    except (CertwrightError, ValueError) as error:
        return [f"it cannot be judged: {error}"]
    return [f"{one.text} [{one.code}]" for one in found if one.severity is Severity.ERROR]


async def _profile(database: Database, profiles: Profiles, row: CertificateRow) -> Profile | None:
    key = row.profile, row.profile_number
    if key not in profiles:
        stored = await database.select(ProfileRow, '"name" = ? AND "number" = ?', *key)
        if not stored:
            return None
        profiles[key] = from_document(loads(stored[0].document))
    return profiles[key]
