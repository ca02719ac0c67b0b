"""Organizations as those see them who vet or audit: nothing is changed here."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from ...core.access import Actor
from ...core.errors import Malformed
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.evidence import download_evidence
from ...operations.mailboxes import sees_proofs
from ...operations.organization_documents import organization_document, summary_document
from ...operations.organizations import find_organization, list_organizations, may_vet
from ...operations.vetting_state import RequestValidation, request_validation
from ...store.vetting import IDENTIFIER_MAX
from ..acting import actor_of, run
from .forms import LABELS

SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
"""Should a browser show a document in spite of all: without scripts, and as nobody's page."""


@require_safe
def organizations(request: HttpRequest) -> HttpResponse:
    after = _place(request.GET.get("after", "0"))

    async def act(context: Context, actor: Actor) -> tuple[list[dict[str, Any]], int | None]:
        page = await list_organizations(context, actor, after)
        return [summary_document(context, one) for one in page.organizations], page.next

    rows, following = run(request, act)
    return render(
        request,
        "organizations/list.html",
        {"organizations": rows, "next": following, "proofs": sees_proofs(actor_of(request))},
    )


def _place(text: str) -> int:
    """Raises Malformed."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(IDENTIFIER_MAX)):
        raise Malformed("there is no such page of the list; begin again without `after`")
    return min(int(text), IDENTIFIER_MAX)


@require_safe
def organization(request: HttpRequest, identifier: int) -> HttpResponse:
    found = read(request, identifier)
    return render(request, "organizations/one.html", found)


def read(request: HttpRequest, identifier: int) -> dict[str, Any]:
    """What templates know of one: `organization`, its `fields` by their labels, whether the person `vets` it,
    and whether documents are `scanned`."""

    async def act(context: Context, actor: Actor) -> tuple[dict[str, Any], bool]:
        found = await find_organization(context, actor, identifier)
        return organization_document(context, found), may_vet(actor, found.row)

    document, vets = run(request, act)
    scanned = bridge().context.vetting.scan is not None
    fields = [(label, document[name]) for name, label in LABELS.items()]
    return {"organization": document, "fields": fields, "vets": vets, "scanned": scanned}


@require_safe
def document(request: HttpRequest, identifier: int, evidence: int) -> HttpResponse:
    """The document as a file to be kept, never as a page."""
    found = run(request, lambda context, actor: download_evidence(context, actor, identifier, evidence))
    response = HttpResponse(found.content, content_type=found.row.media_type)
    response["Content-Disposition"] = content_disposition_header(True, found.row.name)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = SANDBOX
    return response


def validation_shown(request: HttpRequest, identifier: int) -> RequestValidation:
    """How far a request is validated: `validation` in the template `vetting/state.html`. Raises NotFound."""
    return run(request, lambda context, actor: request_validation(context, actor, identifier))


@require_safe
def request_state(request: HttpRequest, identifier: int) -> HttpResponse:
    facts = {"validation": validation_shown(request, identifier), "identifier": identifier}
    return render(request, "organizations/request.html", facts)
