"""Log-in by an OpenID provider: to it and back (authorization code flow, OpenID Connect Core section 3.1).

Nonce and PKCE verifier are made from the state of the log-in (`begun.py`).
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from ...core.audit import shown
from ...core.errors import CertwrightError, NotFound, Unauthenticated
from ...operations.enter_from_source import Source
from ...store.models import User
from . import begun as under_way
from .attempts import record_failure
from .begun import Begun
from .configured import login_settings
from .elsewhere import OPENID
from .entering import enter
from .openid import Expected, Provider, authorization_url, check_token, join_claims, person, proved_at
from .openid_requests import Discovered, OpenIdSource, ask, exchange, userinfo

SHOWN = 100

_discovered = Discovered()


@require_safe
def begin(request: HttpRequest, name: str) -> HttpResponseBase:
    """To the provider."""
    source = find_source(name)
    provider = _discovered.find(source)
    begun = under_way.begin(request, OPENID + name)
    parameters = {
        "client_id": source.client_id,
        "redirect_uri": _redirect(name),
        "scope": " ".join(source.scopes),
        "state": begun.state,
        "nonce": begun.derived("nonce"),
        **({"prompt": "login", "max_age": "0"} if begun.again else {}),
    }
    return HttpResponseRedirect(authorization_url(provider, parameters, begun.derived("verifier")))


@require_safe
def finish(request: HttpRequest, name: str) -> HttpResponseBase:
    """Back from it. What does not fit goes on record as a failed log-in."""
    source = find_source(name)
    try:
        begun = under_way.take(request, OPENID + name, request.GET.get("state", ""))
        user, proved = _person(request, source, name, begun)
    except CertwrightError:
        record_failure(request, "", False, OPENID + name)
        raise
    return under_way.let_in(request, begun, user, proved)


def _person(request: HttpRequest, source: OpenIdSource, name: str, begun: Begun) -> tuple[User, float]:
    """The account of who comes back, and when they have proved who they are. Raises what is wrong."""
    claims = _claims(source, name, begun, request.GET)
    vouched = person(claims, source.name_claim, source.groups_claim)
    user = enter(request, Source(begun.origin, source.create, source.groups), vouched)
    under_way.check_same_person(request, begun, user)
    return user, min(proved_at(claims), time.time())


def _claims(source: OpenIdSource, name: str, begun: Begun, answer: Mapping[str, str]) -> Mapping[str, Any]:
    """What the provider says of the person. Raises Unauthenticated, Unavailable, Malformed."""
    provider = _discovered.find(source)
    code = _code(provider, answer)
    tokens = exchange(source, provider, code, _redirect(name), begun.derived("verifier"))
    since = datetime.fromtimestamp(begun.at, UTC) if begun.again else None
    nonce, algorithms = begun.derived("nonce"), tuple(source.algorithms)
    expected = Expected(source.issuer, source.client_id, nonce, algorithms, since)
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
