"""Renew a certificate: the same names under the same profile, with its own key again or with a new one."""

from dataclasses import replace

from cryptography import x509

from ..core import keys
from ..core.access import Actor, Verb, require
from ..core.distinguished_name import name_from_x509
from ..core.errors import Conflict, Reason, Refused
from ..core.names import Identifier, IdentifierKind
from ..core.request import CertificateRequest
from ..store.rows import CertificateNameRow, CertificateRow
from .context import Context
from .find_certificate import certificate_der, find_certificate, subject_of
from .issue import Issued, IssueOrder, issue


async def renew_certificate(
    context: Context, actor: Actor, reference: str, request: CertificateRequest | None = None
) -> Issued:
    """Issue the successor. Without `request` the same key is certified again; with one its key is taken, and
    the names stay those of the certificate renewed.

    Raises Forbidden, NotFound, Conflict for a revoked certificate or one of another authority, Refused.
    """
    row = await find_certificate(context.database, actor, reference)
    require(actor, Verb.RENEW, subject_of(row))
    if row.revoked_at is not None:
        raise Conflict("the certificate is revoked; issue a new one with a new key instead of renewing it")
    if row.generation_id is None:
        raise Conflict("this certificate is of an outside authority; renew it there")
    wanted = await _wanted(context, row, request)
    order = IssueOrder(actor, wanted, row.authority, row.profile, replaces=row.id, verb=Verb.RENEW)
    return await issue(context, order)


async def _wanted(
    context: Context, row: CertificateRow, request: CertificateRequest | None
) -> CertificateRequest:
    certificate = x509.load_der_x509_certificate(await certificate_der(context.database, row.id))
    names = await context.database.select(
        CertificateNameRow, '"certificate_id" = ? ORDER BY "position"', row.id
    )
    identifiers = tuple(Identifier(IdentifierKind(name.kind), name.value) for name in names)
    subject = name_from_x509(certificate.subject)
    if request is not None:
        if request.identifiers and set(request.identifiers) != set(identifiers):
            text = "the CSR names others than the certificate to be renewed; issue a new one for those"
            raise Refused((Reason("renew.names", text),))
        return replace(request, subject=subject, identifiers=identifiers)
    public_key = certificate.public_key()
    algorithm = keys.algorithm_of(public_key)
    spki = keys.spki(public_key)  # type: ignore[arg-type]
    return CertificateRequest(public_key, spki, algorithm, subject, identifiers)  # type: ignore[arg-type]
