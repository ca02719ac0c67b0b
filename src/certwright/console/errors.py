"""Our errors on pages: one clear line, and the status that says what kind it is."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from ..core.errors import CertwrightError, Forbidden, Unavailable
from ..operations.bridge import bridge
from .acting import actor_of

View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """A page for people who are logged in; what goes wrong is said on a page too."""

    @wraps(view)
    def guarded(request: HttpRequest, *arguments: Any, **values: Any) -> HttpResponseBase:
        try:
            response = view(request, *arguments, **values)
        except CertwrightError as error:
            response = error_page(request, error)
        response.setdefault("Cache-Control", "no-store")
        return response

    return login_required(guarded)


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
        there.call(lambda context: there.denials.record(actor, act, error))
    except CertwrightError as failure:
        return failure
    return error
