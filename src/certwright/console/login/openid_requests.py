"""What we ask of an OpenID provider, directly: bounded in time and size, no redirect followed, no proxy.

The address is the administrator's, not a stranger's, so it does not pass the egress guard; whom it names
beyond itself (token endpoint, keys) is believed as the provider is.
"""

import json
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from ...core.errors import CertwrightError, Unavailable
from .openid import Provider, metadata_url, read_metadata
from .waiting import waiting_for_others

ANSWER_OCTETS_MAX = 256 * 1024
FRESH_SECONDS, RETRY_SECONDS = 300.0, 5.0


class OpenIdSource(Protocol):
    """A table `login.oidc` of `certwright.toml`, as docs/reference/settings.md has it."""

    @property
    def label(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def ca_file(self) -> Any: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_auth(self) -> str: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def algorithms(self) -> tuple[str, ...]: ...
    @property
    def name_claim(self) -> str: ...
    @property
    def groups_claim(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def create(self) -> bool: ...
    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]: ...
    def read_client_secret(self) -> str: ...


class Discovered:
    """The metadata of providers, kept for a while in this process; and for a moment that there was none, so
    that a provider that is down holds up nobody but who wants it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Provider | CertwrightError]] = {}

    def find(self, source: OpenIdSource) -> Provider:
        """Raises Unavailable, Malformed."""
        until, found = self._known.get(source.issuer, (0.0, None))
        if found is None or time.monotonic() >= until:
            found = _discover(source)
            lasts = FRESH_SECONDS if isinstance(found, Provider) else RETRY_SECONDS
            self._known[source.issuer] = (time.monotonic() + lasts, found)
        if isinstance(found, CertwrightError):
            raise type(found)(found.detail)
        return found


def _discover(source: OpenIdSource) -> Provider | CertwrightError:
    try:
        return read_metadata(source.issuer, ask(source, "GET", metadata_url(source.issuer)))
    except CertwrightError as error:
        return error


def exchange(
    source: OpenIdSource, provider: Provider, code: str, redirect: str, verifier: str
) -> dict[str, Any]:
    """The provider's tokens for a code (RFC 6749 section 4.1.3). Raises Unavailable, and what the secret's
    file does."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    secret = source.read_client_secret()
    if source.client_auth == "client_secret_post":
        form |= {"client_id": source.client_id, "client_secret": secret}
        return ask(source, "POST", provider.token, data=form)
    basic = httpx.BasicAuth(quote(source.client_id, safe=""), quote(secret, safe=""))
    return ask(source, "POST", provider.token, data=form, auth=basic)


def userinfo(source: OpenIdSource, provider: Provider, access_token: str) -> dict[str, Any]:
    """Raises Unavailable."""
    return ask(source, "GET", provider.userinfo, headers={"Authorization": f"Bearer {access_token}"})


def ask(
    source: OpenIdSource, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Any:
    """A JSON object. Raises Unavailable, which says nothing of what was sent or came."""
    place = url.partition("?")[0]
    try:
        trust = ssl.create_default_context(cafile=source.ca_file)
        fields = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        with (
            waiting_for_others(),
            httpx.Client(
                verify=trust, timeout=source.seconds, trust_env=False, follow_redirects=False
            ) as client,
            client.stream(method, url, headers=fields, **more) as response,
        ):
            if response.status_code != HTTPStatus.OK:
                raise Unavailable(
                    f"{place} answers with status {response.status_code}; begin the log-in again"
                )
            document = json.loads(_bounded(response, place, source.seconds))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
        raise Unavailable(f"{place} cannot be asked: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise Unavailable(f"{place} answers with something else than a JSON object")
    return document


def _bounded(response: httpx.Response, place: str, seconds: float) -> bytes:
    body, deadline = b"", time.monotonic() + seconds
    for part in response.iter_raw():
        body += part
        if len(body) > ANSWER_OCTETS_MAX or time.monotonic() > deadline:
            raise Unavailable(f"{place} answers at too great length, or too slowly")
    return body
