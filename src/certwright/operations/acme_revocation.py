"""Revocation asked for over ACME (RFC 8555 section 7.6): by an account, or by the certificate's own key.

The caller has checked the request's signature and nonce, and that the key is the certificate's.
"""

import hashlib

from ..core import orders
from ..core.access import Actor, Grant, Role
from ..core.errors import Forbidden, Moved, NotFound, Refused
from ..core.errors import Reason as Why
from ..core.revocation import Reason, RevocationFacts
from ..store.databases import Duplicate
from ..store.rows import AcmeAccountRow, CertificateRow
from ..store.snapshot import Endpoint
from . import acme_lookups
from .acme_accounts import account_actor
from .acme_request import Signed
from .certificates_in_use import speaks_for_us
from .context import Context
from .revoke import revoke_row


async def revoke_by_account(
    context: Context,
    endpoint: Endpoint,
    account: AcmeAccountRow,
    kinds: tuple[str, ...],
    certificate: bytes,
    reason: Reason,
    signed: Signed,
) -> None:
    """The account has ordered the certificate (DER), or may speak for all it names: it has proved each by a
    challenge of these `kinds`, which the endpoint offers.

    Raises NotFound for a certificate that is not of this endpoint or its authority, Forbidden, Refused for a
    reason that this account cannot give, Conflict when it is revoked already, Moved.
    """
    row = await _issued_here(context, endpoint, certificate)
    if row.requester != f"acme:{account.id}":
        await _require_names(context, account, kinds, row, signed)
        _require_reason(reason)
    await _revoke(context, account_actor(account, endpoint, signed.source), row, reason, signed)


async def revoke_by_key(
    context: Context, endpoint: Endpoint, certificate: bytes, reason: Reason, signed: Signed
) -> None:
    """The certificate's own key has signed. Raises NotFound and Conflict as above, Moved."""
    row = await _issued_here(context, endpoint, certificate)
    name = f"certificate-key:{row.fingerprint.hex()[:16]}"
    holder = Actor(name, (Grant(Role.RA_OFFICER, "none"),), signed.source)
    await _revoke(context, holder, row, reason, signed)


async def _issued_here(context: Context, endpoint: Endpoint, der: bytes) -> CertificateRow:
    rows = await context.database.select(
        CertificateRow,
        '"fingerprint" = ? AND ("authority" = ? OR "endpoint" = ?) AND "generation_id" IS NOT NULL',
        hashlib.sha256(der).digest(),
        endpoint.authority,
        endpoint.path,
    )
    if not rows:
        raise NotFound("the certificate was not issued here")
    return rows[0]


async def _require_names(
    context: Context, account: AcmeAccountRow, kinds: tuple[str, ...], row: CertificateRow, signed: Signed
) -> None:
    """Names that no ACME authorization can be for, such as mail addresses, are never held."""
    if speaks_for_us(context, row):
        raise Forbidden("a certificate that speaks for its authority is revoked by who manages that")
    names = await acme_lookups.names(context, row)
    proofs = await acme_lookups.held(context, account, names, signed.now)
    held = [proof for proof in proofs if proof.attempted_kind in kinds]
    if not names:
        raise Forbidden("this account did not order the certificate, which has no names to be proved")
    missing = orders.unauthorized_name(names, held, signed.now)
    if missing is not None:
        text = f"and has no authorization for {str(missing)[:100]}"
        raise Forbidden(f"this account did not order the certificate {text}")


def _require_reason(reason: Reason) -> None:
    """Whoever has the names today knows nothing of a key that somebody else made, and could have it refused
    for ever."""
    if reason is Reason.KEY_COMPROMISE:
        text = (
            "keyCompromise is for the account that ordered the certificate or a request signed by its key; "
            "the reasons for this account are 0, 3, 4, 5, 9"
        )
        raise Refused((Why("acme.reason", text, "RFC 8555 7.6"),))


async def _revoke(
    context: Context, actor: Actor, row: CertificateRow, reason: Reason, signed: Signed
) -> None:
    try:
        await revoke_row(context, actor, row, RevocationFacts(signed.now, reason), signed.spent)
    except Duplicate as error:  # another certificate of this key is being revoked: decide again
        raise Moved(error.detail) from error
