"""Log-in by a TLS client certificate, on the listener that asks for one.

Cookies hold for a host whatever the port, so the session is good at the console's usual address too.
"""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from ...core.errors import NotFound, Unauthenticated
from ...operations.account_of_certificate import account_of_certificate
from ...operations.bridge import bridge
from ...protocols.asgi import client_certificate
from ...store.models import User
from .attempts import record_failure
from .configured import login_settings, service_host
from .entering import BACKEND

METHOD = "certificate"
PROVED = "certwright_second_factor_is_proved"
"""An attribute of the request in which a certificate counts as second factor too."""


def certificate_address() -> str:
    """Where a browser is asked for a certificate; empty where nobody may log in so."""
    port: int = settings.CERTWRIGHT_MTLS_PORT  # type: ignore[misc]
    if not port or not login_settings().certificate_profiles:
        return ""
    host = service_host()
    return f"https://{f'[{host}]' if ':' in host else host}:{port}/login/certificate/"


@require_http_methods(["GET", "HEAD", "POST"])
def by_certificate(request: HttpRequest) -> HttpResponseBase:
    """Whose account the certificate opens; after a click, log in to it."""
    address = certificate_address()
    if not address:
        raise NotFound(
            "nobody logs in by certificate here; the setting login.certificate_profiles names for whom"
        )
    shown = client_certificate(request.META["asgi.scope"])
    if not shown:
        return render(request, "account/certificate.html", {"address": address})
    user = _owner(request, shown)
    if request.method != "POST":
        return render(request, "account/certificate.html", {"owner": user})
    if login_settings().certificate_is_second_factor:
        setattr(request, PROVED, True)
    user.backend = BACKEND
    record_authentication(request, user, METHOD)
    answer: HttpResponseBase = perform_login(request, user)
    return answer


def _owner(request: HttpRequest, shown: tuple[bytes, ...]) -> Any:
    profiles = login_settings().certificate_profiles
    try:
        row = bridge().call(lambda context: account_of_certificate(context, shown, profiles))
    except Unauthenticated:
        record_failure(request, "", False, METHOD)
        raise
    return User.objects.get(pk=row.id)
