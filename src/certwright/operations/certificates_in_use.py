"""Which certificates on record speak for us: those of our authorities and above them, and of OCSP signers."""

import hashlib

from ..core.access import speaks_for_issuer
from ..store.rows import CertificateRow
from ..store.snapshot import Generation
from .context import Context


def speaks_for_us(context: Context, row: CertificateRow) -> bool:
    """By its profile, or because it is in use as such: a profile may have been changed since. Where the
    profile is not known, it is taken for one."""
    profile = context.snapshot.profiles.get(row.profile)
    if profile is None or speaks_for_issuer(profile):
        return True
    snapshot = context.snapshot
    above = (der for generation in snapshot.generations.values() for der in generation.chain)
    signing = (signer.certificate for signer in snapshot.signers.values())
    return authority_of(context, row) is not None or any(_is(row, der) for der in (*above, *signing))


def authority_of(context: Context, row: CertificateRow) -> Generation | None:
    """The authority that this is the certificate of."""
    for generation in context.snapshot.generations.values():
        if generation.row.certificate and _is(row, generation.row.certificate):
            return generation
    return None


def _is(row: CertificateRow, der: bytes) -> bool:
    return hashlib.sha256(der).digest() == row.fingerprint
