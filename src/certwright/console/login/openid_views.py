"""Log-in by an OpenID provider: to it and back (authorization code flow, OpenID Connect Core section 3.1).

A session holds no more than which log-ins it has begun. Nonce and PKCE verifier are made from the state under
the key that signs sessions, so that no row holds them, and they are good for this state alone.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from ...core.audit import shown
from ...core.errors import CertwrightError, Conflict, NotFound, Unauthenticated
from ...operations.enter_from_source import Source
from ...store.models import User
from .attempts import record_failure
from .configured import login_settings
from .entering import BACKEND, enter
from .openid import Expected, Provider, authorization_url, check_token, join_claims, person, proved_at
from .openid_requests import Discovered, OpenIdSource, ask, exchange, userinfo

PREFIX = "oidc:"
"""Of accounts' origins."""
BEGUN, BEGUN_MAX, BEGUN_SECONDS = "certwright.openid", 5, 600
SHOWN = 100

_discovered = Discovered()


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in under way. `again`: by somebody who is logged in, and must prove who they are anew."""

    state: str
    name: str
    back: str
    at: float
    again: bool

    @property
    def nonce(self) -> str:
        return _derived("nonce", self.state)

    @property
    def verifier(self) -> str:
        return _derived("verifier", self.state)


def _derived(what: str, state: str) -> str:
    return salted_hmac(f"certwright.openid.{what}", state, algorithm="sha256").hexdigest()


@require_safe
def begin(request: HttpRequest, name: str) -> HttpResponseBase:
    """To the provider."""
    source = find_source(name)
    provider = _discovered.find(source)
    begun = Begun(secrets.token_urlsafe(32), name, _back(request), time.time(), request.user.is_authenticated)
    _keep(request, begun)
    parameters = {
        "client_id": source.client_id,
        "redirect_uri": _redirect(name),
        "scope": " ".join(source.scopes),
        "state": begun.state,
        "nonce": begun.nonce,
        **({"prompt": "login", "max_age": "0"} if begun.again else {}),
    }
    return HttpResponseRedirect(authorization_url(provider, parameters, begun.verifier))


@require_safe
def finish(request: HttpRequest, name: str) -> HttpResponseBase:
    """Back from it. What does not fit goes on record as a failed log-in."""
    source = find_source(name)
    try:
        begun = _take(request, name)
        user, proved = _person(request, source, begun)
    except CertwrightError:
        record_failure(request, "", False, f"{PREFIX}{name}")
        raise
    return _let_in(request, begun, user, proved)


def _person(request: HttpRequest, source: OpenIdSource, begun: Begun) -> tuple[User, float]:
    """The account of who comes back, and when they have proved who they are. Raises what is wrong."""
    claims = _claims(source, begun, request.GET)
    vouched = person(claims, source.name_claim, source.groups_claim)
    user = enter(request, Source(f"{PREFIX}{begun.name}", source.create, source.groups), vouched)
    if begun.again and user != request.user:
        raise Conflict(f"the provider vouches for {user.name}, not for {request.user.get_username()}")
    return user, min(proved_at(claims), time.time())


def _let_in(request: HttpRequest, begun: Begun, user: User, proved: float) -> HttpResponseBase:
    method = f"{PREFIX}{begun.name}"
    if begun.again:
        record_authentication(request, user, method, at=proved, reauthenticated=True)
        return HttpResponseRedirect(begun.back)
    user.backend = BACKEND
    record_authentication(request, user, method, at=proved)
    answer: HttpResponseBase = perform_login(request, user, redirect_url=begun.back)
    return answer


def _claims(source: OpenIdSource, begun: Begun, answer: Mapping[str, str]) -> Mapping[str, Any]:
    """What the provider says of the person. Raises Unauthenticated, Unavailable, Malformed."""
    provider = _discovered.find(source)
    code = _code(provider, answer)
    tokens = exchange(source, provider, code, _redirect(begun.name), begun.verifier)
    since = datetime.fromtimestamp(begun.at, UTC) if begun.again else None
    expected = Expected(source.issuer, source.client_id, begun.nonce, tuple(source.algorithms), since)
    claims = check_token(str(tokens.get("id_token", "")), ask(source, "GET", provider.keys), expected)
    if provider.userinfo and not {source.name_claim, source.groups_claim} <= set(claims):
        return join_claims(claims, userinfo(source, provider, str(tokens.get("access_token", ""))))
    return claims


def _code(provider: Provider, answer: Mapping[str, str]) -> str:
    """Raises Unauthenticated for an error, and for the answer of another provider (RFC 9207)."""
    if answer.get("iss", "" if provider.names_itself else provider.issuer) != provider.issuer:
        raise Unauthenticated("this is the answer of another provider than the one that was asked")
    if "code" not in answer:
        error = shown(answer.get("error", "no code"), SHOWN)
        raise Unauthenticated(f"the provider did not log you in ({error}); begin again")
    return answer["code"]


def find_source(name: str) -> OpenIdSource:
    """Raises NotFound."""
    try:
        return login_settings().oidc[name]
    except KeyError:
        raise NotFound("there is no such way to log in") from None


def _redirect(name: str) -> str:
    """Where the provider sends people back: our own address by the settings, whatever Host was asked for."""
    return settings.CERTWRIGHT_SERVICE_URL + reverse("openid_finish", args=[name])  # type: ignore[misc]


def _back(request: HttpRequest) -> str:
    """A page of ours, and no other's."""
    wanted = request.GET.get("next", "")
    own = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=True)
    return wanted if own else resolve_url("console")


def _keep(request: HttpRequest, begun: Begun) -> None:
    kept = [one for one in _kept(request) if time.time() - one["at"] < BEGUN_SECONDS][1 - BEGUN_MAX :]
    fields = {
        "state": begun.state,
        "name": begun.name,
        "back": begun.back,
        "at": begun.at,
        "again": begun.again,
    }
    request.session[BEGUN] = [*kept, fields]


def _take(request: HttpRequest, name: str) -> Begun:
    """The log-in that this is the answer to, which is over with it, unless the provider could not be asked (a
    session is kept as it was where the status is 503). Raises Unauthenticated."""
    kept, state = _kept(request), request.GET.get("state", "")
    for fields in kept:
        if secrets.compare_digest(fields["state"].encode(), state.encode()) and fields["name"] == name:
            request.session[BEGUN] = [one for one in kept if one is not fields]
            begun = Begun(**fields)
            if time.time() - begun.at < BEGUN_SECONDS and begun.again == request.user.is_authenticated:
                return begun
    raise Unauthenticated("this log-in was not begun in this browser, or too long ago; begin again")


def _kept(request: HttpRequest) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = request.session.get(BEGUN, [])
    return kept
