"""Every page is for people who are logged in, unless it is named here; some things come before all pages."""

from collections.abc import Callable
from urllib.parse import urlencode

from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import ResolverMatch, reverse
from django.utils.translation import gettext as _

from ...core.errors import CertwrightError, SecondPersonNeeded
from ...store.models import User
from ..errors import error_page
from .configured import factor_required
from .fresh import View, ask_again

PUBLIC = frozenset(
    {"start", "favicon", "account_login", "mfa_login_webauthn", "mfa_authenticate", "openid_begin"}
    | {"openid_finish", "login_by_certificate", "saml_begin", "saml_answer", "saml_metadata"}
)
REST = "api/"
"""Its routes ask for a token themselves."""
PROOFS = frozenset(
    {"account_logout", "account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"}
)
TO_SET_A_PASSWORD = frozenset({"account_logout", "account_change_password"})
TO_ADD_A_FACTOR = PROOFS | {
    "account_change_password",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_view_recovery_codes",
}
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


class Guard:
    """Behind everything that finds out who asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: View, arguments: object, values: object
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        assert match is not None
        if is_public(match):
            return None
        if not request.user.is_authenticated:
            back = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
            return HttpResponseRedirect(f"{resolve_url('account_login')}?{back}".rstrip("?"))
        return _first_of_all(request, match.url_name or "")

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if isinstance(error, ReauthenticationRequired) and request.user.is_authenticated:
            return ask_again(request)
        if isinstance(error, SecondPersonNeeded):
            messages.info(request, _("Nothing is done yet: this needs a second person."))
            return HttpResponseRedirect(reverse("proposal", args=[error.number]))
        return error_page(request, error) if isinstance(error, CertwrightError) else None


def is_public(match: ResolverMatch) -> bool:
    """May strangers see it?"""
    return match.url_name in PUBLIC or match.route.startswith(REST)


def _first_of_all(request: HttpRequest, page: str) -> HttpResponseBase | None:
    """A first password, which another has seen, is replaced; then comes a factor, where that must be."""
    user = request.user
    assert isinstance(user, User)
    if user.password_expires_at is not None:
        allowed, next_page = TO_SET_A_PASSWORD, "account_change_password"
    elif factor_required() and not is_mfa_enabled(user, FACTORS):
        allowed, next_page = TO_ADD_A_FACTOR, "mfa_index"
    else:
        return None
    return None if page in allowed else HttpResponseRedirect(resolve_url(next_page))
