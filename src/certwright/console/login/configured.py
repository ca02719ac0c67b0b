"""What the settings say about logging in; `site/settings.py` hands it over."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings

from .ldap import Directory
from .openid_requests import OpenIdSource
from .saml_messages import SamlSource


class LoginSettings(Protocol):
    """The table `login` of `certwright.toml`, as docs/reference/settings.md has it."""

    @property
    def mfa(self) -> str: ...
    @property
    def idle_seconds(self) -> int: ...
    @property
    def session_seconds(self) -> int: ...
    @property
    def fresh_seconds(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def address_failures(self) -> int: ...
    @property
    def lock_seconds(self) -> int: ...
    @property
    def lock_seconds_max(self) -> int: ...
    @property
    def certificate_profiles(self) -> tuple[str, ...]: ...
    @property
    def certificate_is_second_factor(self) -> bool: ...
    @property
    def ldap(self) -> Directory | None: ...
    @property
    def oidc(self) -> Mapping[str, OpenIdSource]: ...
    @property
    def saml(self) -> Mapping[str, SamlSource]: ...


def login_settings() -> LoginSettings:
    given: LoginSettings = settings.CERTWRIGHT_LOGIN  # type: ignore[misc]
    return given


def factor_required() -> bool:
    """Must everybody have an authenticator or a passkey?"""
    return login_settings().mfa == "required"


def service_host() -> str:
    """The host by which people reach us: passkeys are bound to it."""
    return urlsplit(settings.CERTWRIGHT_SERVICE_URL).hostname or ""  # type: ignore[misc]
