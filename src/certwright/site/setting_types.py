"""What the values of settings are, and how they are read from a file, a variable or an option."""

import json
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..core.errors import CertwrightError, Malformed
from ..core.notices import ADDRESS
from ..protocols.asgi import host_name
from .addresses import ListenAddress, parse_listen_address

Network = IPv4Network | IPv6Network


class Table(BaseModel):
    """A table of `certwright.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _plain_error(check: Any) -> BeforeValidator:
    """Turns our errors into ValueError, which pydantic gathers."""

    def checked(value: object) -> object:
        try:
            return check(value)
        except CertwrightError as error:
            raise ValueError(error.detail) from error

    return BeforeValidator(checked)


def listen_address(value: object) -> ListenAddress | None:
    if value is None or isinstance(value, ListenAddress):
        return value
    text = str(value)
    return None if text in ("", "off") else parse_listen_address(text)


def _base_url(schemes: tuple[str, ...], value: object) -> str:
    """Scheme and authority (RFC 3986 section 3.2) and nothing else: paths of ours are put behind it."""
    text = str(value).rstrip("/")
    scheme, _, authority = text.partition("://")
    if scheme.lower() not in schemes or not host_name(authority) or not _has_port_in_range(text):
        unsecret = text.rpartition("@")[2]
        raise Malformed(f"{unsecret!r} is not {' or '.join(schemes)}://host[:port]")
    return text


def _has_port_in_range(url: str) -> bool:
    """Is the port a port, or left out?"""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _host(value: object) -> str:
    """A host name or an IP address; written back as given."""
    text = str(value)
    if host_name(text) != text.lower():
        try:
            ip_address(text)
        except ValueError:
            raise Malformed(f"{text!r} is no host name and no IP address") from None
    return text


def _host_or_none(value: object) -> str:
    return _host(value) if value else ""


def _mail_address(value: object) -> str:
    text = str(value)
    if text and not ADDRESS.fullmatch(text):
        raise Malformed(f"{text!r} is no mail address like certwright@pki.example")
    return text


def _words(value: object) -> object:
    """A list, as it is written in an environment variable."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def from_json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None


def _network(value: object) -> Network:
    try:
        return ip_network(str(value))
    except ValueError:
        raise Malformed(f"{str(value)!r} is no network; write its first address and length") from None


def _folder(value: object) -> str:
    text = str(value)
    if not text.startswith("/"):
        raise Malformed(f"{text!r} is no absolute path of a folder")
    return text


def _resolver(value: object) -> str:
    """An IP address with or without port; written back as given."""
    text = str(value)
    try:
        ip_address(text)
    except ValueError:
        try:
            parse_listen_address(text)
        except Malformed:
            raise Malformed(
                f"{text!r} is no DNS resolver; write its IP address, with :port where that is not 53"
            ) from None
    return text


def _ldap_url(value: object) -> str:
    """A directory server: scheme, host and perhaps a port (RFC 4516), and nothing else."""
    text = str(value).rstrip("/")
    scheme, _, authority = text.partition("://")
    if scheme not in ("ldap", "ldaps") or not host_name(authority) or not _has_port_in_range(text):
        raise Malformed(f"{text.rpartition('@')[2]!r} is not ldaps://host[:port] or ldap://host[:port]")
    return text


def _provider_url(value: object, query: bool = False) -> str:
    """An OpenID provider's identifier (OpenID Connect Discovery 1.0, section 2), which is compared octet by
    octet, or where a browser is sent, with a query perhaps. Over plain HTTP a loopback address only."""
    text, form = str(value), "https://host[:port][/path]" + ("[?query]" if query else "")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise Malformed(f"{text.rpartition('@')[2]!r} is no URL") from None
    plain = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1")
    more = parts.fragment or (parts.query and not query)
    if not (parts.scheme == "https" or plain) or not host_name(parts.netloc) or more:
        raise Malformed(f"{text.rpartition('@')[2]!r} is not {form}")
    return text


def _algorithm(value: object) -> str:
    """A signature by a key pair (RFC 7518 section 3.1, RFC 8037). One by a shared secret, or none, would let
    anyone who knows the provider's public key speak for it."""
    if value not in PUBLIC_KEY_ALGORITHMS:
        raise Malformed(f"{str(value)[:20]!r} is none of {', '.join(PUBLIC_KEY_ALGORITHMS)}")
    return str(value)


def _gift(value: object) -> str:
    from ..core.source_groups import (
        read_gift,
    )  # knows of keys, whose library most who read settings never need

    read_gift(str(value))
    return str(value)


PUBLIC_KEY_ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
Algorithms = Annotated[tuple[Annotated[str, _plain_error(_algorithm)], ...], BeforeValidator(_words)]
LdapUrls = Annotated[tuple[Annotated[str, _plain_error(_ldap_url)], ...], BeforeValidator(_words)]
ProviderUrl = Annotated[str, _plain_error(_provider_url)]
RedirectUrl = Annotated[str, _plain_error(lambda value: _provider_url(value, query=True))]
GroupGifts = Annotated[
    dict[str, tuple[Annotated[str, _plain_error(_gift)], ...]],
    Field(max_length=500),
    BeforeValidator(from_json),
]
Listen = Annotated[ListenAddress | None, _plain_error(listen_address)]
HttpUrl = Annotated[str, _plain_error(lambda value: _base_url(("http", "https"), value))]
HttpsUrl = Annotated[str, _plain_error(lambda value: _base_url(("https",), value))]
Resolvers = Annotated[tuple[Annotated[str, _plain_error(_resolver)], ...], BeforeValidator(_words)]
Hosts = Annotated[tuple[Annotated[str, _plain_error(_host)], ...], BeforeValidator(_words)]
Folders = Annotated[tuple[Annotated[str, _plain_error(_folder)], ...], BeforeValidator(_words)]
HostName = Annotated[str, _plain_error(_host_or_none)]
MailAddress = Annotated[str, _plain_error(_mail_address)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Networks = Annotated[
    tuple[Annotated[Network, _plain_error(_network)], ...],
    BeforeValidator(_words),
]
Ports = Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], BeforeValidator(_words)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
