"""`/certificates` and `/preview`.

The fast lane answers issuing, showing and changing (`fast.py`); here the same functions are declared to
OpenAPI, and answer where that lane does not run. Lists are read by Django, in its threads: a search through
a million rows must not hold the event loop.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from ..core.access import Actor
from ..core.documents import Fields
from ..core.errors import Malformed
from ..core.query import parse
from ..operations.bridge import bridge
from ..operations.certificate_documents import certificate_document
from ..operations.context import Context
from ..operations.preview import preview
from ..operations.search_certificates import Search, answered, search
from ..store.models import Certificate
from ..store.plain_questions import ask, is_sqlite
from ..store.querysets import CertificateQuerySet
from . import fast, inventory_schemas, people_schemas, schemas
from .paging import Place, following, read_cursor, write_cursor
from .request_schemas import Request
from .requests import placed
from .web import Document, actor_of, require_known_parameters, run

router = Router(tags=["certificates"])
SCHEMA = "#/components/schemas/{model}"
BODIES = (
    schemas.IssueBody,
    schemas.RevokeBody,
    schemas.NoBody,
    schemas.RenewBody,
    people_schemas.AssignBody,
    people_schemas.AssignSelectedBody,
)
"""What the fast lane reads by itself: OpenAPI has to be told of it."""


def _body(schema: type[schemas.Body], *, required: bool) -> dict[str, Any]:
    """The declaration of a body that a function of the fast lane reads by itself."""
    assert schema in BODIES
    content = {"application/json": {"schema": {"$ref": SCHEMA.format(model=schema.__name__)}}}
    return {"requestBody": {"content": content, "required": required}}


# -- answered by the fast lane -------------------------------------------------------------------


@router.post(
    "/certificates",
    response={201: schemas.IssuedCertificate, 202: Request},
    openapi_extra=_body(schemas.IssueBody, required=True),
)
def issue_certificate(request: HttpRequest, response: HttpResponse) -> tuple[int, Document]:
    """Issue a certificate for a CSR; 202 where it waits for approval."""
    answer = run(request, lambda context, actor: fast.issue_certificate(context, actor, request.body))
    return placed(response, answer)


@router.post(
    "/certificates/assign",
    response=people_schemas.Assigned,
    openapi_extra=_body(people_schemas.AssignSelectedBody, required=True),
)
def assign_certificates(request: HttpRequest) -> Document:
    """Say who answers for all certificates that a filter selects, 10,000 of them at a time."""
    return run(request, lambda context, actor: fast.assign_certificates(context, actor, request.body))


@router.get("/certificates/{reference}", response=inventory_schemas.CertificateDetails)
def show_certificate(request: HttpRequest, reference: str) -> Document:
    """Show one certificate, by SHA-256 fingerprint or serial number in hexadecimal."""
    return run(request, lambda context, actor: fast.show_certificate(context, actor, reference))


@router.post(
    "/certificates/{reference}/revoke",
    response=schemas.Certificate,
    openapi_extra=_body(schemas.RevokeBody, required=False),
)
def revoke_certificate(request: HttpRequest, reference: str) -> Document:
    """Revoke a certificate, or put it on hold with the reason certificateHold."""
    return _change(request, "revoke", reference)[1]


@router.post(
    "/certificates/{reference}/release",
    response=schemas.Certificate,
    openapi_extra=_body(schemas.NoBody, required=False),
)
def release_certificate(request: HttpRequest, reference: str) -> Document:
    """Release a certificate from hold."""
    return _change(request, "release", reference)[1]


@router.post(
    "/certificates/{reference}/renew",
    response={201: schemas.IssuedCertificate, 202: Request},
    openapi_extra=_body(schemas.RenewBody, required=False),
)
def renew_certificate(request: HttpRequest, response: HttpResponse, reference: str) -> tuple[int, Document]:
    """Issue the successor: the same names and profile, the same key or the CSR's."""
    return placed(response, _change(request, "renew", reference))


@router.put(
    "/certificates/{reference}/owner",
    response=schemas.Certificate,
    openapi_extra=_body(people_schemas.AssignBody, required=True),
)
def assign_certificate(request: HttpRequest, reference: str) -> Document:
    """Say who answers for a certificate, and put tags on it or take them off."""
    return _change(request, "owner", reference)[1]


def _change(request: HttpRequest, verb: str, reference: str) -> tuple[int, Document]:
    change = fast.CHANGES[verb]
    return run(request, lambda context, actor: change(context, actor, reference, request.body))


# -- preview -------------------------------------------------------------------------------------


@router.post("/preview", response=schemas.Preview, openapi_extra=_body(schemas.IssueBody, required=True))
def preview_certificate(request: HttpRequest) -> Document:
    """Show the exact certificate that a request would become. Nothing is signed or kept."""
    body = request.body

    async def act(context: Context, actor: Actor) -> Document:
        return await preview(context, (await fast.asked_for(context, actor, body))[0])

    return run(request, act)


# -- list ----------------------------------------------------------------------------------------


@router.get("/certificates", response=schemas.CertificateList)
def list_certificates(request: HttpRequest, wanted: Query[schemas.CertificateQuery]) -> Document:
    """List certificates: by their end when that is filtered by, otherwise the newest first."""
    require_known_parameters(request, schemas.CertificateQuery)
    if wanted.query is not None:
        return _searched(request, wanted, wanted.query)
    found = Certificate.objects.all().visible_to(actor_of(request))
    begin, end = _bounds(wanted, bridge().context.clock())
    by_end = begin is not None or end is not None
    found = _filtered(found, wanted)
    if begin is not None:
        found = found.filter(not_after__gte=begin)
    if end is not None:
        found = found.filter(not_after__lt=end)
    if wanted.after:
        place = read_cursor(wanted.after, by_time=by_end)
        found = found.filter(following("not_after", place, descending=not by_end))
    found = found.order_by("not_after", "id") if by_end else found.order_by("-id")
    rows = found[: wanted.limit + 1].rows()
    page, more = rows[: wanted.limit], len(rows) > wanted.limit
    last: Place | None = (page[-1].not_after if by_end else None, page[-1].id) if more else None
    return {
        "certificates": [certificate_document(row) for row in page],
        "next": write_cursor(last) if last else None,
    }


def _searched(request: HttpRequest, wanted: schemas.CertificateQuery, query: str) -> Document:
    """By a query alone. A page may have fewer than `limit`, or none, and yet a next one: so a search takes no
    longer than a moment."""
    if others := sorted(wanted.model_fields_set - {"query", "after", "limit"}):
        raise Malformed(f"give either query, or {others[0]} and the other filters; a query can say it too")
    after = read_cursor(wanted.after, by_time=False)[1] if wanted.after else None
    actor, now = actor_of(request), bridge().context.clock()
    order = Search(parse(query), actor, is_sqlite(), now, "", after, wanted.limit)
    found = answered(search(order), ask)
    rows = Certificate.objects.filter(pk__in=found.identifiers).visible_to(actor).rows()
    place = {identifier: number for number, identifier in enumerate(found.identifiers)}
    return {
        "certificates": [certificate_document(row) for row in sorted(rows, key=lambda row: place[row.id])],
        "next": write_cursor((None, found.after)) if found.after is not None else None,
    }


def _bounds(wanted: schemas.CertificateQuery, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Between which ends: `expiring` is from now on."""
    if wanted.expiring is None:
        return wanted.expires_after, wanted.expires_before
    if wanted.expires_after is not None or wanted.expires_before is not None:
        raise Malformed("give either expiring, or expires_after and expires_before")
    seconds = Fields({"expiring": wanted.expiring}, "query").duration("expiring")
    latest = datetime.max.replace(tzinfo=UTC)
    return now, now + timedelta(seconds=min(seconds, (latest - now) // timedelta(seconds=1)))


def _filtered(found: CertificateQuerySet, wanted: schemas.CertificateQuery) -> CertificateQuerySet:
    for column in ("authority", "issuer", "profile", "endpoint", "team", "owner", "key_algorithm"):
        value = getattr(wanted, column)
        if value is not None:
            found = found.filter(**{column: value})
    if wanted.revoked is not None:
        found = found.filter(revoked_at__isnull=not wanted.revoked)
    if wanted.responsible is not None:
        found = found.filter(Q(team=wanted.responsible) | Q(owner=wanted.responsible))
    if wanted.unowned is not None:
        found = found.filter(Q(team="", owner="") if wanted.unowned else ~Q(team="", owner=""))
    if wanted.tag is not None:
        found = found.tagged(wanted.tag)
    if wanted.serial is not None:
        found = found.with_serial(_serial(wanted.serial))
    if wanted.name:
        found = found.named(wanted.name)
    return found


def _serial(text: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(":", ""))
    except ValueError:
        raise Malformed("query.serial: is no serial number in hexadecimal, two digits an octet") from None
