"""Whose account a TLS client certificate opens: one of ours, made for log-in, that names its owner.

The handshake has proved possession of the key, and nothing else. What was shown must be, octet for octet,
a certificate that stands in our records as issued by us; its owner there and the name within it must be the
same account, so that giving a certificate another owner opens nothing. Validity, revocation and the
authorities above are judged now, for this log-in.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..core.chain import check_chain
from ..core.errors import CertwrightError, Unauthenticated
from ..store.people_rows import UserAccountRow
from ..store.rows import CertificateRow
from .context import Context
from .manage_users import find_user


async def account_of_certificate(
    context: Context, shown: tuple[bytes, ...], profiles: Collection[str]
) -> UserAccountRow:
    """`shown` is in DER, the end entity first; `profiles` are those that are for log-in.

    Raises Unauthenticated, saying why the certificate opens no account.
    """
    if not shown:
        raise Unauthenticated("no certificate was shown; choose one when the browser asks")
    digest = hashlib.sha256(shown[0]).digest()
    rows = await context.database.select(CertificateRow, '"fingerprint" = ?', digest)
    if not rows or rows[0].generation_id is None:
        raise Unauthenticated("this certificate was not issued here")
    row, now = rows[0], context.clock()
    _check(row, x509.load_der_x509_certificate(shown[0]), profiles, now)
    _check_authority(context, row.generation_id, now)
    account = await find_user(context.database, row.owner)
    if account.disabled_at is not None or account.service:
        raise Unauthenticated(f"the account {account.name} cannot log in; ask an administrator")
    return account


def _check(
    row: CertificateRow, certificate: x509.Certificate, profiles: Collection[str], now: datetime
) -> None:
    if row.profile not in profiles:
        raise Unauthenticated(f"certificates of profile {row.profile} are not for log-in")
    if row.revoked_at is not None:
        raise Unauthenticated("this certificate is revoked or on hold")
    if not row.not_before <= now <= row.not_after:
        raise Unauthenticated("this certificate is not valid now")
    names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if not row.owner or names != [row.owner]:
        raise Unauthenticated("the name in this certificate is not that of the account it belongs to")
    if row.requester != f"user:{row.owner}":  # who asks for a certificate, or renews one, holds its key
        text = f"this certificate was asked for by {row.requester}, not by {row.owner} in person"
        raise Unauthenticated(f"{text}; ask for one yourself, logged in to the console")
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        purposes = x509.ExtendedKeyUsage([])
    if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise Unauthenticated("this certificate is not for TLS clients")


def _check_authority(context: Context, generation: int | None, now: datetime) -> None:
    """Its authority and all above it, as far as we know of them (RFC 5280 section 6)."""
    snapshot = context.snapshot
    issuer = snapshot.generations.get(generation or 0)
    if issuer is None or issuer.row.retired_at is not None or issuer.id in snapshot.revoked_above:
        raise Unauthenticated("the authority of this certificate, or one above it, is revoked")
    try:
        check_chain(issuer.der, issuer.chain, now)
    except CertwrightError as error:
        raise Unauthenticated(f"the authority of this certificate is not good: {error.detail}") from error
