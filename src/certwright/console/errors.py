"""Our errors on pages: one clear line, and the status that says what kind it is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ..core.errors import CertwrightError, Forbidden, Unavailable
from ..operations.bridge import bridge
from .acting import actor_of


def error_page(request: HttpRequest, error: CertwrightError) -> HttpResponse:
    """A page that says what was wrong. A refusal for want of a role goes on record."""
    error = told(request, error)
    response = render(request, "console/error.html", {"error": error}, status=error.status)
    if isinstance(error, Unavailable):
        response["Retry-After"] = str(error.retry_after)
    return response


def told(request: HttpRequest, error: CertwrightError) -> CertwrightError:
    """The error to show: a refusal once it is on record, or why it could not be put there."""
    if not isinstance(error, Forbidden) or not request.user.is_authenticated:
        return error
    act, actor, there = f"{request.method} {request.path}", actor_of(request), bridge()
    try:
        there.call(lambda context: there.denials.record(actor, act, error, "console"))
    except CertwrightError as failure:
        return failure
    return error
