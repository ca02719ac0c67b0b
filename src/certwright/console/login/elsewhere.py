"""Those who vouch in pages of their own, and where the way to them begins."""

from dataclasses import dataclass

from django.urls import reverse

from .configured import login_settings

OPENID, SAML = "oidc:", "saml:"
"""What accounts' origins begin with; the source's name follows."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """`begin` is the address of ours that leads there."""

    origin: str
    label: str
    begin: str


def elsewhere() -> list[Elsewhere]:
    """In the order of the settings."""
    login = login_settings()
    return [
        *(_of(OPENID, name, source.label, "openid_begin") for name, source in login.oidc.items()),
        *(_of(SAML, name, source.label, "saml_begin") for name, source in login.saml.items()),
    ]


def _of(prefix: str, name: str, label: str, address: str) -> Elsewhere:
    return Elsewhere(prefix + name, label or name, reverse(address, args=[name]))
