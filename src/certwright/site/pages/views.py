"""The start page: what this is, where clients go, which root to trust, whether all is well."""

import hashlib
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ... import __version__
from ...store.models import AuthorityGeneration, Endpoint, Installation
from ..django_lane import READINESS
from ..probes import Report
from ..settings import CONFIGURATION

PRODUCT = "Certwright"
ROWS_MAX = 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Root:
    """A trust anchor to download in DER. `fingerprint` is its SHA-256 in hexadecimal, as `init` told it."""

    name: str
    subject: str
    path: str
    fingerprint: str


@never_cache
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Says what is wrong even when the database is."""
    report: Report = request.META["asgi.scope"]["extensions"][READINESS]()
    context = {
        "product": PRODUCT,
        "version": __version__,
        "report": report,
        "ready": report.ready,
    }
    try:
        context |= _facts()
    except DatabaseError:
        log.exception("the start page cannot read the database")
        context |= {"ready": False, "broken": True}
    status = HTTPStatus.SERVICE_UNAVAILABLE if "broken" in context else HTTPStatus.OK
    return render(request, "start.html", context, status=status)


def _facts() -> dict[str, object]:
    installation = Installation.objects.first()
    endpoints = Endpoint.objects.filter(protocol="acme", enabled=True).order_by("name")[:ROWS_MAX]
    base = f"{CONFIGURATION.service_url}/acme"
    return {
        "organization": installation.organization if installation else PRODUCT,
        "directories": [f"{base}/{endpoint.name}/directory" for endpoint in endpoints],
        "roots": _roots(),
    }


def _roots() -> list[Root]:
    generations = (
        AuthorityGeneration.objects.filter(
            authority__kind="root", certificate__isnull=False, retired_at__isnull=True
        )
        .select_related("authority")
        .order_by("authority__name", "number")[:ROWS_MAX]
    )
    return [
        Root(
            each.authority.name,
            each.subject,
            f"/ca/{each.authority.name}/{each.number}.cer",
            hashlib.sha256(bytes(each.certificate or b"")).hexdigest(),
        )
        for each in generations
    ]
