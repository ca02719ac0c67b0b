"""Log-ins under way at others who show pages of their own (OpenID providers, SAML identity providers): begun
here, finished when the browser comes back.

A session holds no more than which it has begun. What must be unpredictable beside the state is made from it
under the key that signs sessions, so that no row holds it, and it is good for this state alone.
"""

import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.crypto import salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme

from ...core.errors import Conflict, Unauthenticated
from ...store.models import User
from .entering import BACKEND

BEGUN, BEGUN_MAX, BEGUN_SECONDS = "certwright.begun", 5, 600


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in under way at `origin`, as accounts name it. `again`: by somebody who is logged in, and must
    prove who they are anew."""

    state: str
    origin: str
    back: str
    at: float
    again: bool

    def derived(self, what: str) -> str:
        """Hexadecimal, of 256 bits."""
        return salted_hmac(f"certwright.{what}", self.state, algorithm="sha256").hexdigest()


def begin(request: HttpRequest, origin: str) -> Begun:
    """Kept in the session."""
    back, again = _back(request), request.user.is_authenticated
    begun = Begun(secrets.token_urlsafe(32), origin, back, time.time(), again)
    kept = [one for one in _kept(request) if time.time() - one["at"] < BEGUN_SECONDS][1 - BEGUN_MAX :]
    request.session[BEGUN] = [*kept, asdict(begun)]
    return begun


def take(request: HttpRequest, origin: str, state: str) -> Begun:
    """The log-in that this is the answer to, which is over with it, unless the provider could not be asked (a
    session is kept as it was where the status is 503). Raises Unauthenticated."""
    kept = _kept(request)
    for fields in kept:
        if secrets.compare_digest(fields["state"].encode(), state.encode()) and fields["origin"] == origin:
            request.session[BEGUN] = [one for one in kept if one is not fields]
            begun = Begun(**fields)
            if time.time() - begun.at < BEGUN_SECONDS and begun.again == request.user.is_authenticated:
                return begun
    raise Unauthenticated("this log-in was not begun in this browser, or too long ago; begin again")


def let_in(request: HttpRequest, begun: Begun, user: User, proved: float) -> HttpResponseBase:
    """Who has come back, having proved at `proved` (seconds since 1970) who they are."""
    if begun.again:
        record_authentication(request, user, begun.origin, at=proved, reauthenticated=True)
        return HttpResponseRedirect(begun.back)
    user.backend = BACKEND
    record_authentication(request, user, begun.origin, at=proved)
    answer: HttpResponseBase = perform_login(request, user, redirect_url=begun.back)
    return answer


def check_same_person(request: HttpRequest, begun: Begun, user: User) -> None:
    """Raises Conflict where another proves something than who is logged in."""
    if begun.again and user != request.user:
        raise Conflict(f"the provider vouches for {user.name}, not for {request.user.get_username()}")


def _back(request: HttpRequest) -> str:
    """A page of ours, and no other's."""
    wanted = request.GET.get("next", "")
    own = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=True)
    return wanted if own else resolve_url("console")


def _kept(request: HttpRequest) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = request.session.get(BEGUN, [])
    return kept
