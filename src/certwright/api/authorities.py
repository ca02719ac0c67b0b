"""`/authorities` and `/health`."""

from dataclasses import replace
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.http import HttpRequest
from ninja import Router

from ..core.access import Actor
from ..core.distinguished_name import parse_name
from ..core.documents import is_oid
from ..core.errors import Malformed
from ..core.extensions import CertificatePolicy, NameConstraints
from ..core.pem import pem
from ..core.profile_document import parse_subtree
from ..core.request import AuthorityTerms, parse_csr
from ..core.unreadable import UNREADABLE
from ..operations.accept_certificate import Accepted, accept_certificate, authority_csr
from ..operations.authority_health import GenerationHealth, authority_health
from ..operations.bridge import bridge
from ..operations.certificate_documents import issued_document
from ..operations.context import Context
from ..operations.found_authority import (
    AuthorityOrder,
    default_subject,
    found_authority,
    retire_authority,
    sign_subordinate,
)
from ..operations.issue import Issued
from ..operations.publish_status import Published, publish_status, put_in_service
from ..operations.view_configuration import generation_status, list_authorities, view_authority
from ..operations.withdraw_authority import withdraw_authority
from ..store.rows import AuthorityRow, OcspSignerRow
from ..store.snapshot import Generation, Snapshot
from . import schemas
from .web import Document, actor_of, run

router = Router(tags=["authorities"])
CHAIN_MAX = 10


# -- look ----------------------------------------------------------------------------------------


@router.get("/authorities", response=schemas.AuthorityList, operation_id="list_authorities")
def list_visible_authorities(request: HttpRequest) -> Document:
    """List the authorities within the caller's scopes."""
    snapshot = bridge().context.snapshot
    return {"authorities": [_authority(snapshot, name) for name in _visible(request)]}


@router.get("/authorities/{name}", response=schemas.Authority)
def show_authority(request: HttpRequest, name: str) -> Document:
    """Show an authority: its generations, where its status data is, its certificates and chains."""
    snapshot = bridge().context.snapshot
    return _authority(snapshot, view_authority(snapshot, actor_of(request), name).name)


def _visible(request: HttpRequest) -> list[str]:
    return [one.name for one in list_authorities(bridge().context.snapshot, actor_of(request))]


def _authority(snapshot: Snapshot, name: str) -> Document:
    return _document(snapshot, snapshot.authority(name), snapshot.of_authority(name))


def _document(snapshot: Snapshot, row: AuthorityRow, generations: list[Generation]) -> Document:
    return {
        "name": row.name,
        "kind": row.kind,
        "crl_shards": row.crl_shards,
        "created_at": row.created_at.isoformat(),
        "retired_at": row.retired_at.isoformat() if row.retired_at else None,
        "generations": [_generation(snapshot, one) for one in generations],
    }


def _generation(snapshot: Snapshot, generation: Generation) -> Document:
    row, pointers = generation.row, generation.issuer.pointers if generation.issuer else None
    return {
        "number": row.number,
        "status": generation_status(snapshot, generation),
        "subject": row.subject,
        "key_algorithm": row.key_algorithm,
        "key_provider": row.key_provider,
        "profile": row.profile,
        "not_after": row.not_after.isoformat() if row.not_after else None,
        "ocsp": pointers.ocsp if pointers else None,
        "crl": pointers.crl if pointers else None,
        "ca_issuers": pointers.ca_issuers if pointers else None,
        "certificate": pem(row.certificate).decode() if row.certificate else None,
        "chain": b"".join(map(pem, generation.chain)).decode(),
    }


# -- make ----------------------------------------------------------------------------------------


@router.post("/authorities", response={201: schemas.Authority}, operation_id="found_authority")
def found(request: HttpRequest, body: schemas.AuthorityBody) -> Document:
    """Found an authority and publish its first status data; without a parent, it awaits a certificate."""
    snapshot = bridge().context.snapshot
    order = AuthorityOrder(
        body.name,
        body.kind,
        parse_name(body.subject) if body.subject else default_subject(snapshot, body.name),
        body.algorithm,
        body.key_provider,
        body.parent or "",
        body.profile or "",
        _terms(body.terms),
        body.crl_shards,
    )

    async def act(context: Context, actor: Actor) -> Document:
        generation = await found_authority(context, actor, order)
        return await _in_service(context, actor, generation)

    return run(request, act)


async def _in_service(context: Context, actor: Actor, generation: Generation) -> Document:
    if generation.certificate is not None:
        await put_in_service(context, actor, generation)
    return _authority(context.snapshot, generation.authority.name)


def _terms(body: schemas.TermsBody | None) -> AuthorityTerms | None:
    if body is None:
        return None
    if wrong := [oid for oid in body.policies if not is_oid(oid)]:
        raise Malformed(f"body.terms.policies: {wrong[0][:80]!r} is no object identifier in dotted form")
    constraints = None
    if body.permitted or body.excluded:
        permitted, excluded = (tuple(map(parse_subtree, some)) for some in (body.permitted, body.excluded))
        constraints = NameConstraints(permitted, excluded)
    return AuthorityTerms(body.path_length, constraints, tuple(map(CertificatePolicy, body.policies)))


@router.post("/authorities/{name}/csr", response=schemas.Csr, operation_id="make_authority_csr")
def make_csr(request: HttpRequest, name: str) -> Document:
    """Give out the CSR of an authority that an outside one shall sign; the same one each time."""
    csr = run(request, lambda context, actor: authority_csr(context, actor, name))
    return {"csr": pem(csr, "CERTIFICATE REQUEST").decode()}


@router.post("/authorities/{name}/certificate", response=schemas.Authority, operation_id="accept_certificate")
def accept(request: HttpRequest, name: str, body: schemas.ChainBody) -> Document:
    """Take the certificate that an outside authority has signed, and put the authority in service."""
    certificates = _certificates(body.certificate, "certificate")
    if len(certificates) != 1:
        raise Malformed("body.certificate: must be one certificate; its issuers go into chain")
    given = Accepted(certificates[0], _certificates(body.chain, "chain"))

    async def act(context: Context, actor: Actor) -> Document:
        return await _in_service(context, actor, await accept_certificate(context, actor, name, given))

    return run(request, act)


def _certificates(text: str, field: str) -> tuple[bytes, ...]:
    """DER of the certificates in PEM, in their order. Raises Malformed."""
    if not text.strip():
        return ()
    try:
        found = x509.load_pem_x509_certificates(text.encode("ascii"))
    except UNREADABLE as error:
        raise Malformed(f"body.{field}: cannot be read as certificates in PEM") from error
    if len(found) > CHAIN_MAX:
        raise Malformed(f"body.{field}: has {len(found)} certificates; {CHAIN_MAX} are the most")
    return tuple(one.public_bytes(Encoding.DER) for one in found)


@router.post(
    "/authorities/{name}/subordinates",
    response={201: schemas.IssuedCertificate},
    operation_id="sign_subordinate",
)
def sign(request: HttpRequest, name: str, body: schemas.SubordinateBody) -> Document:
    """Certify an outside subordinate authority from its CSR."""
    terms = _terms(body.terms)
    wanted = replace(parse_csr(body.csr.encode("ascii")), terms=terms)

    async def act(context: Context, actor: Actor) -> Document:
        not_after = context.clock() + timedelta(days=body.days) if body.days else None
        row, der = await sign_subordinate(
            context, actor, name, replace(wanted, not_after=not_after), body.profile
        )
        return issued_document(Issued(row, der, context.snapshot.issuing(name).served_chain))

    return run(request, act)


@router.post("/authorities/{name}/retire", response=schemas.Authority, operation_id="retire_authority")
def retire(request: HttpRequest, name: str) -> Document:
    """Issue no more under an authority, for good; its status data goes on."""

    async def act(context: Context, actor: Actor) -> Document:
        await retire_authority(context, actor, name)
        return _authority(context.snapshot, name)

    return run(request, act)


@router.delete("/authorities/{name}", response=schemas.Authority, operation_id="withdraw_authority")
def withdraw(request: HttpRequest, name: str) -> Document:
    """Take back an authority that awaits its certificate. Its key is destroyed, name and subject are free."""

    async def act(context: Context, actor: Actor) -> Document:
        generation = await withdraw_authority(context, actor, name)
        return _document(context.snapshot, generation.authority, [generation])

    return run(request, act)


# -- status data ---------------------------------------------------------------------------------


@router.post("/authorities/{name}/publish", response=schemas.Publication, operation_id="publish_status")
def publish(request: HttpRequest, name: str) -> Document:
    """Sign the CRLs of every generation now, and an OCSP signer where one is due."""
    published = run(request, lambda context, actor: publish_status(context, actor, name))
    return {
        "lists": [document for one in published for document in _lists(one)],
        "ocsp_signers": [
            {"generation": one.generation.row.number} | _signer(one.signer) for one in published if one.signer
        ],
    }


def _lists(published: Published) -> list[Document]:
    return [
        {
            "generation": published.generation.row.number,
            "shard": row.shard,
            "number": row.number,
            "entries": row.entries,
            "this_update": row.this_update.isoformat(),
            "next_update": row.next_update.isoformat(),
        }
        for row in published.lists
    ]


@router.get("/health", response=schemas.Health, operation_id="show_health")
def health(request: HttpRequest) -> Document:
    """How the CRLs and OCSP signers stand, of all authorities within the caller's scopes."""
    names = _visible(request)

    async def act(context: Context, actor: Actor) -> list[GenerationHealth]:
        return [one for name in names for one in await authority_health(context, actor, name)]

    return _health(run(request, act))


@router.get("/authorities/{name}/health", response=schemas.Health, operation_id="show_authority_health")
def health_of_authority(request: HttpRequest, name: str) -> Document:
    """How an authority's CRLs and OCSP signer stand."""
    return _health(run(request, lambda context, actor: authority_health(context, actor, name)))


def _health(found: list[GenerationHealth]) -> Document:
    documents = [_health_of(one) for one in found]
    return {"healthy": not any(one["problems"] for one in documents), "generations": documents}


def _health_of(health: GenerationHealth) -> Document:
    signer = health.signer
    return {
        "authority": health.generation.authority.name,
        "generation": health.generation.row.number,
        "lists": [
            {
                "shard": one.shard,
                "number": one.number,
                "next_update": one.next_update.isoformat(),
                "pending": one.pending,
            }
            for one in health.lists
        ],
        "ocsp_signer": _signer(signer) if signer else None,
        "problems": list(health.problems),
    }


def _signer(row: OcspSignerRow) -> Document:
    return {"not_before": row.not_before.isoformat(), "not_after": row.not_after.isoformat()}
