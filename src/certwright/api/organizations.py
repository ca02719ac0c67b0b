"""`/organizations`: who is vetted, by which checks, and the documents that show it."""

import base64
import binascii

from django.http import HttpRequest
from ninja import Query, Router

from ..core.access import Actor
from ..core.errors import Malformed, NotFound
from ..core.vetting import CheckKind
from ..operations.bridge import bridge
from ..operations.context import Context
from ..operations.evidence import download_evidence, upload_evidence
from ..operations.organization_documents import evidence_document, organization_document, summary_document
from ..operations.organizations import find_organization, list_organizations, save_organization
from ..operations.record_check import CheckOrder, record_check, revoke_check
from ..operations.vetting_state import request_validation
from . import organization_schemas as schemas
from .paging import IDENTIFIER_MAX, read_cursor, write_cursor
from .web import BearerToken, Document, require_known_parameters, run

router = Router(tags=["organizations"])
AROUND_OCTETS = 64 * 1024


def _evidence_octets() -> int:
    """A document in base64, and what is around it."""
    return bridge().context.vetting.evidence_octets * 4 // 3 + AROUND_OCTETS


def _number(text: str, what: str = "organization") -> int:
    """Raises NotFound for what is no identifier."""
    number = (
        int(text) if text.isascii() and text.isdigit() and len(text) < len(str(2 * IDENTIFIER_MAX)) else 0
    )
    if not 0 < number <= IDENTIFIER_MAX:
        raise NotFound(f"there is no {what} {text[:40]!r}")
    return number


@router.get("/organizations", response=schemas.OrganizationList, operation_id="list_organizations")
def list_all_organizations(request: HttpRequest, wanted: Query[schemas.OrganizationQuery]) -> Document:
    """List the organizations that the caller vets or audits, the oldest first."""
    require_known_parameters(request, schemas.OrganizationQuery)
    after = read_cursor(wanted.after, by_time=False)[1] if wanted.after else None

    async def act(context: Context, actor: Actor) -> Document:
        page = await list_organizations(context, actor, after, wanted.limit)
        return {
            "organizations": [summary_document(context, one) for one in page.organizations],
            "next": write_cursor((None, page.next)) if page.next is not None else None,
        }

    return run(request, act)


@router.post("/organizations", response={201: schemas.Organization}, operation_id="create_organization")
def make(request: HttpRequest, body: schemas.OrganizationBody) -> Document:
    """Make the record of an organization. Nothing of it is vetted yet."""
    return run(request, lambda context, actor: _save(context, actor, body, None))


@router.put("/organizations/{identifier}", response=schemas.Organization, operation_id="change_organization")
def change(request: HttpRequest, identifier: str, body: schemas.OrganizationBody) -> Document:
    """Change the record. What was checked of a field that is changed counts no more."""
    return run(request, lambda context, actor: _save(context, actor, body, _number(identifier)))


async def _save(
    context: Context, actor: Actor, body: schemas.OrganizationBody, identifier: int | None
) -> Document:
    fields = body.model_dump()
    row = await save_organization(context, actor, fields, fields.pop("team"), identifier)
    return await _told(context, actor, row.id)


async def _told(context: Context, actor: Actor, identifier: int) -> Document:
    return organization_document(context, await find_organization(context, actor, identifier))


@router.get("/organizations/{identifier}", response=schemas.Organization, operation_id="show_organization")
def show(request: HttpRequest, identifier: str) -> Document:
    """Show an organization, its check list, and what was done."""
    return run(request, lambda context, actor: _told(context, actor, _number(identifier)))


@router.post(
    "/organizations/{identifier}/checks",
    response={201: schemas.Organization},
    operation_id="record_check",
)
def check(request: HttpRequest, identifier: str, body: schemas.CheckBody) -> Document:
    """Put a check on record that was done."""

    async def act(context: Context, actor: Actor) -> Document:
        if body.kind not in tuple(CheckKind):
            raise Malformed(
                f"body.kind: there is no check {body.kind[:40]!r}; known are {', '.join(CheckKind)}"
            )
        documents = tuple([_number(one, "document") for one in body.documents])
        order = CheckOrder(CheckKind(body.kind), body.note, documents, body.since, body.domain)
        await record_check(context, actor, _number(identifier), order)
        return await _told(context, actor, _number(identifier))

    return run(request, act)


@router.post(
    "/organizations/{identifier}/checks/{check}/revoke",
    response=schemas.Organization,
    operation_id="revoke_check",
)
def revoke(request: HttpRequest, identifier: str, check: str, body: schemas.WhyBody) -> Document:
    """Revoke a check: it counts no more."""

    async def act(context: Context, actor: Actor) -> Document:
        await revoke_check(context, actor, _number(identifier), _number(check, "check"), body.why)
        return await _told(context, actor, _number(identifier))

    return run(request, act)


@router.post(
    "/organizations/{identifier}/documents",
    response={201: schemas.Evidence},
    operation_id="upload_evidence",
    auth=BearerToken(_evidence_octets),
)
def upload(request: HttpRequest, identifier: str, body: schemas.EvidenceBody) -> Document:
    """Keep a document. Its type is told by its octets."""

    async def act(context: Context, actor: Actor) -> Document:
        try:
            content = base64.b64decode(body.content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed("body.content: this is no base64") from error
        return evidence_document(
            await upload_evidence(context, actor, _number(identifier), body.name, content)
        )

    return run(request, act)


@router.get(
    "/organizations/{identifier}/documents/{document}",
    response=schemas.EvidenceContent,
    operation_id="download_evidence",
)
def download(request: HttpRequest, identifier: str, document: str) -> Document:
    """Give a document out, which goes on record."""

    async def act(context: Context, actor: Actor) -> Document:
        wanted = _number(document, "document")
        found = await download_evidence(context, actor, _number(identifier), wanted)
        return evidence_document(found.row) | {"content": base64.b64encode(found.content).decode()}

    return run(request, act)


@router.get(
    "/requests/{identifier}/validation",
    response=schemas.RequestValidation,
    operation_id="show_request_validation",
)
def validation(request: HttpRequest, identifier: str) -> Document:
    """Show how far a request is validated now, by what, and what is missing."""

    async def act(context: Context, actor: Actor) -> Document:
        return (await request_validation(context, actor, _number(identifier, "request"))).document()

    return run(request, act)
