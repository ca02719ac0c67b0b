"""Renew a certificate: the same names under the same profile, with its own key again or with a new one."""

from dataclasses import replace

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from ..core import keys
from ..core.access import Actor, Subject, Verb, require, require_for_certificate
from ..core.distinguished_name import name_from_x509
from ..core.errors import Conflict, Reason, Refused
from ..core.names import Identifier, IdentifierKind
from ..core.request import CertificateRequest
from ..store.rows import CertificateNameRow, CertificateRow
from ..store.snapshot import Endpoint
from .certificates_in_use import speaks_for_us
from .context import Context
from .find_certificate import certificate_der, find_certificate, read_subject, tags_of
from .issue import Issued, IssueOrder, issue


async def renew_certificate(
    context: Context, actor: Actor, reference: str, request: CertificateRequest | None = None
) -> Issued:
    """Issue the successor of a certificate. Raises as `renewal_of` and `issue` do."""
    return await issue(context, await renewal_of(context, actor, reference, request))


async def renewal_of(
    context: Context, actor: Actor, reference: str, request: CertificateRequest | None = None
) -> IssueOrder:
    """The order of the successor. Without `request` the same key is certified again; with one its key is
    taken, and the names stay those of the certificate renewed. The policy of the endpoint it came through
    holds on.

    Raises Forbidden, NotFound, Refused, and Conflict for a certificate that is revoked, has ended, or is an
    authority's, ours or another's.
    """
    row = await find_certificate(context.database, actor, reference)
    subject = await read_subject(context.database, actor, row)
    _require_renewable(context, actor, row, subject)
    if row.generation_id is None:
        raise Conflict("this certificate is of an outside authority; renew it there")
    profile = context.snapshot.profiles.get(row.profile)
    if profile is not None and profile.is_authority:
        raise Conflict("this is an authority's certificate; have its request signed again, with its terms")
    wanted = await _wanted(context, row, request)
    return IssueOrder(
        actor,
        wanted,
        row.authority,
        row.profile,
        endpoint=_endpoint_of(context, actor, row, subject),
        replaces=row.id,
        verb=Verb.RENEW,
        team=row.team,
        owner=row.owner,
        tags=await tags_of(context.database, row.id),
    )


async def require_renewable_still(context: Context, order: IssueOrder) -> None:
    """A renewal that has waited needs what it needed at first: whoever asked may renew what it renews, which
    is neither revoked nor at its end. Raises Forbidden, NotFound, Conflict."""
    if order.verb is not Verb.RENEW or order.replaces is None:
        return
    [row] = await context.database.select(CertificateRow, '"id" = ?', order.replaces)
    subject = await read_subject(context.database, order.actor, row)
    _require_renewable(context, order.actor, row, subject)
    _endpoint_of(context, order.actor, row, subject)


def _require_renewable(context: Context, actor: Actor, row: CertificateRow, subject: Subject) -> None:
    require_for_certificate(actor, Verb.RENEW, subject, speaks_for_us(context, row))
    if row.revoked_at is not None:
        raise Conflict("the certificate is revoked; issue a new one with a new key instead of renewing it")
    if row.not_after <= context.clock():
        raise Conflict(f"the certificate has ended at {row.not_after:%Y-%m-%d %H:%M} UTC; issue a new one")


def _endpoint_of(context: Context, actor: Actor, row: CertificateRow, subject: Subject) -> Endpoint | None:
    """Where it came from. Without that endpoint's policy, only who may issue may renew. Raises Forbidden."""
    endpoint = context.snapshot.endpoints.get(row.endpoint)
    if endpoint is not None and endpoint.row.enabled:
        return endpoint
    if row.endpoint:
        require(actor, Verb.ISSUE, subject)
    return None


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
    return CertificateRequest(
        public_key,  # type: ignore[arg-type]
        spki,
        algorithm,
        subject,
        identifiers,
        _must_staple(certificate),
    )


def _must_staple(certificate: x509.Certificate) -> bool:
    """Did its holder ask for the TLS feature extension (RFC 7633)? Then the successor has it too."""
    return any(extension.oid == ExtensionOID.TLS_FEATURE for extension in certificate.extensions)
