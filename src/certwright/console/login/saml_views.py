"""Log-in by a SAML identity provider: to it by redirect, back from it by a form that it has the browser post
(SAML 2.0, profile Web Browser SSO). Only what was asked for is answered.

What comes from another site by POST comes without our session, whose cookie is SameSite=Lax. Whoever brings
an answer so gets a page of ours that posts it again: that comes from here, with the session. So no cookie is
needed that goes along from everywhere, and nothing is kept for who has no session.
"""

import base64
import binascii
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from ...core.errors import CertwrightError, Malformed, NotFound, TooLarge, Unauthenticated
from ...operations.bridge import bridge
from ...operations.enter_from_source import Source
from ...operations.remember import claim
from ...store.models import User
from . import begun as under_way
from . import saml_messages
from .attempts import record_failure
from .begun import BEGUN_SECONDS, Begun
from .configured import login_settings
from .elsewhere import SAML
from .entering import enter
from .saml_messages import SamlSource, ServiceProvider

ANSWER_MAX, STATE_MAX = 192 * 1024, 80
"""In base64; of a relay state (Bindings section 3.5.3), of which ours are half as long."""


@require_safe
def begin(request: HttpRequest, name: str) -> HttpResponseBase:
    """To the provider."""
    source, begun = find_source(name), under_way.begin(request, SAML + name)
    now = datetime.fromtimestamp(begun.at, UTC)
    url = saml_messages.request_url(source, _us(name), _request_id(begun), begun.state, now, begun.again)
    return HttpResponseRedirect(url)


@require_safe
def metadata(request: HttpRequest, name: str) -> HttpResponseBase:
    """Who we are to the provider; anybody may know."""
    octets = saml_messages.metadata(find_source(name), _us(name))
    return HttpResponse(octets, content_type="application/samlmetadata+xml")


@csrf_exempt  # the provider cannot know a token of ours; the session must have asked for what comes
@require_POST
def answer(request: HttpRequest, name: str) -> HttpResponseBase:
    """Back from it. What does not fit goes on record as a failed log-in."""
    source = find_source(name)
    response, state = request.POST.get("SAMLResponse", ""), request.POST.get("RelayState", "")
    if len(response) > ANSWER_MAX or len(state) > STATE_MAX:
        raise TooLarge(
            f"the provider's answer has more than {ANSWER_MAX} octets in base64, or its state {STATE_MAX}"
        )
    if settings.SESSION_COOKIE_NAME not in request.COOKIES and "resent" not in request.POST:
        return render(request, "account/saml_answer.html", {"response": response, "state": state})
    try:
        begun = under_way.take(request, SAML + name, state)
        user, proved = _person(request, source, name, begun, response)
    except CertwrightError:
        record_failure(request, "", False, SAML + name)
        raise
    return under_way.let_in(request, begun, user, proved)


def _person(
    request: HttpRequest, source: SamlSource, name: str, begun: Begun, response: str
) -> tuple[User, float]:
    """The account of who comes back, and when they have proved who they are. Raises what is wrong."""
    from . import saml, saml_signatures  # with lxml and xmlsec: 20 MiB, for those who log in so

    us, now = _us(name), datetime.now(UTC)
    since = datetime.fromtimestamp(begun.at, UTC) if begun.again else None
    expected = saml.Expected(source.entity_id, us.entity_id, us.answers, _request_id(begun), since)
    signed = saml_signatures.read_signed(_decoded(response), source.read_certificates())
    assertion = saml.check_assertion(signed, expected, now)
    vouched = saml.person(assertion, source)
    _use(f"{begun.origin} {assertion.identifier}")
    user = enter(request, Source(begun.origin, source.create, source.groups), vouched)
    under_way.check_same_person(request, begun, user)
    return user, min(assertion.proved_at.timestamp(), time.time())


def _use(assertion: str) -> None:
    """Once, in whichever process. No request is answered for longer than this is kept. Raises
    Unauthenticated."""
    kept = timedelta(seconds=BEGUN_SECONDS)
    if not bridge().call(lambda context: claim(context, f"saml {assertion}", True, kept)):
        raise Unauthenticated("the provider's response was used already; begin again")


def _decoded(response: str) -> bytes:
    """Base64 may come in lines."""
    try:
        return base64.b64decode("".join(response.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("the provider's response is no base64") from error


def find_source(name: str) -> SamlSource:
    """Raises NotFound."""
    try:
        return login_settings().saml[name]
    except KeyError:
        raise NotFound("there is no such way to log in") from None


def _us(name: str) -> ServiceProvider:
    """Our own addresses by the settings, whatever Host was asked for."""
    at: str = settings.CERTWRIGHT_SERVICE_URL  # type: ignore[misc]
    return ServiceProvider(
        at + reverse("saml_metadata", args=[name]), at + reverse("saml_answer", args=[name])
    )


def _request_id(begun: Begun) -> str:
    """An identifier of XML begins with no digit."""
    return f"_{begun.derived('request')}"
