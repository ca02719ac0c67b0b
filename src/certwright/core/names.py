"""Identifiers and names: what a certificate can be about, in one normal form each.

An `Identifier` is a checked value: DNS names are lower-case A-labels (RFC 5890, RFC 5280 section 7.2),
addresses are in the form of RFC 5952, mail addresses have an A-label domain. Two identifiers are the same
name exactly when they are equal. Nothing that is not in normal form becomes an Identifier.
"""

import ipaddress
import re
import uuid
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import idna

from .errors import Malformed

NAME_OCTETS_MAX = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_MAIL_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PRINCIPAL = re.compile(r"[A-Za-z0-9._$-]+(/[A-Za-z0-9._$-]+)*@[A-Za-z0-9._-]+")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class IdentifierKind(StrEnum):
    DNS = "dns"
    IP = "ip"
    EMAIL = "email"
    URI = "uri"
    UPN = "upn"
    GUID = "guid"
    KERBEROS = "kerberos"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One subject alternative name. Make it with `parse_identifier`, never from raw input."""

    kind: IdentifierKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def parse_identifier(kind: IdentifierKind | str, text: str) -> Identifier:
    """Check and normalize one name. Raises Malformed naming the value and what is wrong with it."""
    try:
        kind = IdentifierKind(kind)
    except ValueError:
        raise Malformed(
            f"unknown identifier type {str(kind)[:40]!r}; known are {', '.join(IdentifierKind)}"
        ) from None
    return Identifier(kind, _PARSERS[kind](text))


def identifier_in(common_name: str) -> Identifier | None:
    """The address or DNS name that a common name is; None for other text."""
    for kind in (IdentifierKind.IP, IdentifierKind.DNS):
        try:
            return parse_identifier(kind, common_name)
        except Malformed:
            continue
    return None


def normalize_dns(text: str) -> str:
    """A DNS name as lower-case A-labels, `*.` allowed in front. Raises Malformed."""
    if "\x00" in text or len(text) > 4 * NAME_OCTETS_MAX:
        raise Malformed(f"DNS name {_shown(text)} is too long or holds a NUL")
    wildcard, base = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    if not base.isascii():
        base = _to_a_labels(base)
    base = base.lower()
    labels = base.split(".")
    if len(wildcard + base) > NAME_OCTETS_MAX or not all(map(_LABEL.fullmatch, labels)):
        raise Malformed(
            f"{_shown(text)} is not a DNS name: labels of 1 to 63 letters, digits and hyphens, 253 in all"
        )
    if labels[-1].isdigit():
        raise Malformed(
            f"{_shown(text)} is not a DNS name: the last label is a number (use an ip identifier)"
        )
    for label in labels:
        if label[2:4] == "--":
            _check_a_label(label, text)
    return wildcard + base


def _to_a_labels(base: str) -> str:
    try:
        return idna.encode(base, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise Malformed(f"DNS name {_shown(base)} is not valid IDNA 2008: {error}") from error


def _check_a_label(label: str, text: str) -> None:
    """RFC 5890 section 2.3.1: a label with hyphens in third and fourth place is an A-label or nothing."""
    try:
        if idna.alabel(idna.ulabel(label)).decode("ascii") != label:
            raise Malformed(f"DNS name {_shown(text)}: label {label!r} is not in its normal form")
    except (idna.IDNAError, UnicodeError) as error:
        raise Malformed(f"DNS name {_shown(text)}: label {label!r} is not a valid A-label") from error


def _ip(text: str) -> str:
    try:
        address = ipaddress.ip_address(text if "%" not in text else "")
    except ValueError:
        raise Malformed(f"{_shown(text)} is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        # clients take it for the IPv4 address, policy and name constraints would not
        raise Malformed(f"{_shown(text)} is an IPv4 address in IPv6 form; write {address.ipv4_mapped}")
    return address.compressed


def _email(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not at or len(local) > 64 or not _MAIL_LOCAL.fullmatch(local) or domain.startswith("*"):
        raise Malformed(f"{_shown(text)} is not a mail address of the form name@domain")
    return f"{local}@{normalize_dns(domain)}"


def _uri(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise Malformed(f"{_shown(text)} is not a URI") from None
    if (
        not parts.scheme
        or len(text) > 2048
        or not _PRINTABLE.fullmatch(text)
        or not (parts.netloc or parts.path)
    ):
        raise Malformed(
            f"{_shown(text)} is not an absolute URI of at most 2048 ASCII characters (RFC 5280 4.2.1.6)"
        )
    return text


def _upn(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain or len(text) > 256 or not text.isprintable():
        raise Malformed(f"{_shown(text)} is not a user principal name of the form user@realm")
    return text


def _guid(text: str) -> str:
    """A directory object's GUID (otherName 1.3.6.1.4.1.311.25.1), in the usual text form."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Malformed(f"{_shown(text)} is not a GUID") from None


def _kerberos(text: str) -> str:
    """KRB5PrincipalName (RFC 4556 section 3.2.2): name components by `/`, then `@REALM`."""
    if len(text) > 256 or not _PRINCIPAL.fullmatch(text):
        raise Malformed(f"{_shown(text)} is not a Kerberos principal of the form name/instance@REALM")
    return text


_PARSERS = {
    IdentifierKind.DNS: normalize_dns,
    IdentifierKind.IP: _ip,
    IdentifierKind.EMAIL: _email,
    IdentifierKind.URI: _uri,
    IdentifierKind.UPN: _upn,
    IdentifierKind.GUID: _guid,
    IdentifierKind.KERBEROS: _kerberos,
}


def reversed_name(identifier: Identifier) -> str:
    """The stored form for suffix search by prefix range: labels of a DNS name back to front."""
    if identifier.kind is IdentifierKind.DNS:
        return ".".join(reversed(identifier.value.split(".")))
    return identifier.value


def dns_name_under(name: str, base: str) -> bool:
    """Is `name` equal to `base` or below it? Both in normal form; `*.` in front of `name` counts as a
    label.
    """
    return name == base or name.endswith("." + base)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
