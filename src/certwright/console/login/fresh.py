"""Acts for which being logged in is not enough: the person must have proved who they are just now."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

View = Callable[..., HttpResponseBase]
APPLICATION = "certwright.console"


def recently_authenticated(view: View) -> View:
    """A view that asks for a proof first, unless one was given within `login.fresh_seconds`; then it is asked
    for anew. What a form held is lost with that: it is never kept, since it may hold secrets."""

    @wraps(view)
    def answer(request: HttpRequest, *arguments: Any, **values: Any) -> HttpResponseBase:
        return view(request, *arguments, **values) if is_fresh(request) else ask_again(request)

    return answer


def is_fresh(request: HttpRequest) -> bool:
    """Was a proof given within `login.fresh_seconds`?"""
    return not is_reauthentication_required(request, app=APPLICATION)


def proved_to_send(view: View) -> View:
    """A view that anybody may look at; what is sent to it asks for a proof first, as above."""
    dangerous = recently_authenticated(view)

    @wraps(view)
    def answer(request: HttpRequest, *arguments: Any, **values: Any) -> HttpResponseBase:
        return (dangerous if request.method == "POST" else view)(request, *arguments, **values)

    return answer


def ask_again(request: HttpRequest) -> HttpResponseBase:
    """To the page that asks for a proof, and back to this one."""
    methods = get_adapter().get_reauthentication_methods(request.user)
    if not methods:
        raise PermissionDenied("there is no way to prove who you are again; log out, and in")
    return HttpResponseRedirect(f"{methods[0]['url']}?{urlencode({'next': request.get_full_path()})}")
