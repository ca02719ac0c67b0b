"""What we may dial: addresses, ports and URLs, decided before a packet leaves.

Nothing here opens a socket. The functions answer for one address, one port or one URL at a time, so that the
caller can ask again for each address a name resolves to and for each redirect.

An address is judged by its kind (IANA special-purpose registries, RFC 6890, and a kept list of addresses at
which clouds hand out credentials). An IPv6 address that carries an IPv4 address is judged by both, and the
stricter judgement holds.
"""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urljoin, urlsplit

from .errors import CertwrightError, Forbidden, Malformed
from .names import normalize_dns

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REDIRECTS_MAX = 10
URL_OCTETS_MAX = 2048
SHOWN_MAX = 64


class Unreached(CertwrightError):
    """A stranger's server was not reached, was not allowed, or did not keep to its protocol.

    `problem` is the ACME error type that fits (RFC 8555 section 6.7); `addresses` were tried, `trail` holds
    the URLs that were asked, in order. `answered`: there was an answer, and it is of no use.
    """

    status = 502

    def __init__(
        self,
        problem: str,
        detail: str,
        addresses: tuple[str, ...] = (),
        trail: tuple[str, ...] = (),
        answered: bool = False,
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.addresses = addresses
        self.trail = trail
        self.answered = answered


def shown(text: str) -> str:
    """At most 64 printable characters of a text that a stranger may have chosen, for an error message."""
    return "".join(character if "!" <= character <= "~" else "?" for character in text[:SHOWN_MAX])


class Purpose(StrEnum):
    """What a connection is for; ports are allowed for a purpose."""

    HTTP_01 = "http-01"
    TLS_ALPN_01 = "tls-alpn-01"
    STATUS = "status"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class PortRule:
    """`port` may be dialled for `purpose`. `on_loopback`, unless 0, is tried on loopback addresses when
    `port` refuses, so that a client with no right to a low port can be validated on its own machine."""

    purpose: Purpose
    port: int
    on_loopback: int = 0


PORTS = (PortRule(Purpose.HTTP_01, 80), PortRule(Purpose.HTTP_01, 443), PortRule(Purpose.TLS_ALPN_01, 443))
EMBEDDED_PORTS = (
    PortRule(Purpose.HTTP_01, 80, on_loopback=5002),
    PortRule(Purpose.HTTP_01, 443),
    PortRule(Purpose.TLS_ALPN_01, 443, on_loopback=5001),
)


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Which addresses and ports may be reached.

    `allow` opens networks that are closed because they are private (`allow_private` is off), reserved or for
    documentation. It never opens loopback (that is `allow_loopback`), link-local, metadata, multicast,
    broadcast or unspecified addresses. `deny` closes networks and wins over everything.
    """

    allow_loopback: bool = False
    allow_private: bool = True
    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    ports: tuple[PortRule, ...] = PORTS


DEFAULT_POLICY = EgressPolicy()
EMBEDDED = EgressPolicy(allow_loopback=True, ports=EMBEDDED_PORTS)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one fetch or dial: seconds for one connection and for everything together, octets of header
    and body, redirects followed (10 at the most), addresses tried for one name. Raises Malformed."""

    connect_seconds: float = 5.0
    total_seconds: float = 10.0
    header_octets: int = 16 * 1024
    body_octets: int = 64 * 1024
    redirects: int = REDIRECTS_MAX
    addresses: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.redirects <= REDIRECTS_MAX:
            raise Malformed(f"egress limit redirects is {self.redirects}; it must be 0 to {REDIRECTS_MAX}")
        for name in ("connect_seconds", "total_seconds", "header_octets", "body_octets", "addresses"):
            if not getattr(self, name) > 0:
                raise Malformed(f"egress limit {name} must be greater than 0")


DEFAULT_LIMITS = Limits()


class AddressKind(Enum):
    """Kinds of address, from the least to the most restricted; the value completes "it is ..."."""

    GLOBAL = "a public address"
    PRIVATE = "a private address"
    DOCUMENTATION = "reserved for documentation"
    RESERVED = "reserved"
    LOOPBACK = "a loopback address"
    UNSPECIFIED = "the unspecified address or network"
    BROADCAST = "the broadcast address"
    MULTICAST = "a multicast address"
    LINK_LOCAL = "a link-local address"
    TRANSLATED = "in a prefix of a local translator, whose IPv4 address cannot be read"
    EMBEDDED_LOOPBACK = "an IPv6 form of a loopback address"
    METADATA = "where a cloud hands out metadata and credentials"


_RANK = {kind: rank for rank, kind in enumerate(AddressKind)}
_OPENED_BY_ALLOW = (AddressKind.PRIVATE, AddressKind.DOCUMENTATION, AddressKind.RESERVED)

# AWS, Azure, Google, OpenStack and most others share 169.254.169.254; the rest of each cloud's own follow.
METADATA_ADDRESSES: frozenset[Address] = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "fd00:ec2::254",  # AWS instance metadata
            "169.254.170.2",  # AWS ECS task credentials
            "169.254.170.23",  # AWS EKS pod identity
            "fd00:ec2::23",
            "169.254.169.253",  # AWS resolver
            "fd00:ec2::253",
            "168.63.129.16",  # Azure platform channel
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "100.96.0.96",  # Volcano Engine
            "169.254.0.23",  # Tencent
            "192.0.0.192",  # Oracle
            "fd00:c1::a9fe:a9fe",
            "169.254.42.42",  # Scaleway
            "fd00:42::42",
            "fd00:a9fe:a9fe::1",  # Akamai
            "fe80::a9fe:a9fe",  # OpenStack
        ),
    )
)


def _table(*rows: tuple[AddressKind, str]) -> tuple[tuple[AddressKind, Network], ...]:
    return tuple((kind, _network(text)) for kind, texts in rows for text in texts.split())


def _network(text: str) -> Network:
    return IPv6Network(text) if ":" in text else IPv4Network(text)


# First match wins.
_IPV4 = _table(
    (AddressKind.BROADCAST, "255.255.255.255/32"),
    (AddressKind.UNSPECIFIED, "0.0.0.0/8"),
    (AddressKind.LOOPBACK, "127.0.0.0/8"),
    (AddressKind.LINK_LOCAL, "169.254.0.0/16"),
    (AddressKind.MULTICAST, "224.0.0.0/4"),
    (AddressKind.PRIVATE, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10"),
    (AddressKind.DOCUMENTATION, "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24"),
    (AddressKind.RESERVED, "192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 240.0.0.0/4"),
    (AddressKind.GLOBAL, "0.0.0.0/0"),
)
_IPV6 = _table(
    (AddressKind.UNSPECIFIED, "::/128"),
    (AddressKind.LOOPBACK, "::1/128"),
    (AddressKind.LINK_LOCAL, "fe80::/10"),
    (AddressKind.MULTICAST, "ff00::/8"),
    (AddressKind.PRIVATE, "fc00::/7"),
    (AddressKind.TRANSLATED, "64:ff9b:1::/48"),
    (AddressKind.GLOBAL, "64:ff9b::/96 2001::/32"),
    (AddressKind.DOCUMENTATION, "2001:db8::/32 3fff::/20"),
    (AddressKind.RESERVED, "2001::/23"),
    (AddressKind.GLOBAL, "2000::/3"),
    (AddressKind.RESERVED, "::/0"),
)


@lru_cache(maxsize=4096)
def classify(address: Address) -> AddressKind:
    """The kind of an address. IPv4-mapped addresses are the IPv4 address (RFC 4291 section 2.5.5.2); of every
    other IPv6 form that carries IPv4 addresses, the strictest of all kinds holds."""
    if isinstance(address, IPv4Address):
        return AddressKind.METADATA if address in METADATA_ADDRESSES else _first(_IPV4, address)
    if address.ipv4_mapped:
        return classify(address.ipv4_mapped)
    address = IPv6Address(int(address))  # a zone index ("%eth0") changes nothing
    kinds = [AddressKind.METADATA if address in METADATA_ADDRESSES else _first(_IPV6, address)]
    if kinds[0] is not AddressKind.LOOPBACK:
        kinds += [_carried(classify(inner)) for inner in embedded_ipv4(address)]
    return max(kinds, key=_RANK.__getitem__)


def _first(table: tuple[tuple[AddressKind, Network], ...], address: Address) -> AddressKind:
    return next(kind for kind, network in table if address in network)


def _carried(kind: AddressKind) -> AddressKind:
    """Allowing loopback does not allow a translator or tunnel to be led there."""
    return AddressKind.EMBEDDED_LOOPBACK if kind is AddressKind.LOOPBACK else kind


def embedded_ipv4(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses an IPv6 address carries: mapped and compatible (RFC 4291 section 2.5.5), translated
    (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380), ISATAP (RFC 5214)."""
    value = int(address)
    low = value & 0xFFFFFFFF
    found = []
    if value >> 32 in (0, 0xFFFF, 0xFFFF0000, 0x64FF9B << 64):
        found.append(low)
    if value >> 112 == 0x2002:
        found.append(value >> 80 & 0xFFFFFFFF)
    if value >> 96 == 0x20010000:
        found += [value >> 64 & 0xFFFFFFFF, low ^ 0xFFFFFFFF]
    if value >> 32 & 0xFCFFFFFF == 0x5EFE:
        found.append(low)
    return tuple(map(IPv4Address, found))


def check_address(policy: EgressPolicy, address: Address) -> None:
    """Raises Forbidden, naming the address and why, unless the policy lets it be reached."""
    kind = classify(address)
    carried = embedded_ipv4(address) if isinstance(address, IPv6Address) else ()
    if policy.deny and any(reading in network for network in policy.deny for reading in (address, *carried)):
        raise Forbidden(f"address {address} may not be reached: the egress policy denies its network")
    if kind is AddressKind.GLOBAL or (kind is AddressKind.PRIVATE and policy.allow_private):
        return
    if kind is AddressKind.LOOPBACK:
        if policy.allow_loopback:
            return
        raise Forbidden(f"address {address} may not be reached: loopback is for an embedded install only")
    if kind not in _OPENED_BY_ALLOW:
        raise Forbidden(f"address {address} is never reached: it is {kind.value}")
    itself = (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
    if not any(itself in network for network in policy.allow):
        raise Forbidden(f"address {address} may not be reached: it is {kind.value}, and no setting allows it")


def ports_to_try(policy: EgressPolicy, purpose: Purpose, address: Address, port: int) -> tuple[int, ...]:
    """`port`, and what is tried after it refuses. Raises Forbidden if the policy has no such port.

    A port that stands in on loopback may also be asked for by itself there.
    """
    loopback = classify(address) is AddressKind.LOOPBACK
    for rule in policy.ports:
        if rule.purpose is purpose and rule.port == port:
            return (port, rule.on_loopback) if loopback and rule.on_loopback else (port,)
    if loopback and any(rule.purpose is purpose and rule.on_loopback == port for rule in policy.ports):
        return (port,)
    allowed = ", ".join(str(rule.port) for rule in policy.ports if rule.purpose is purpose) or "none"
    raise Forbidden(f"port {port} may not be reached for {purpose}; allowed: {allowed}")


# -- URLs ----------------------------------------------------------------------------------------

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Url:
    """A checked http or https URL. `host` is an IP address or a DNS name in normal form, `target` the path
    and query as sent. Make it with `parse_url`."""

    scheme: str
    host: Address | str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as in a Host header (RFC 9110 section 7.2): IPv6 in brackets, no default port."""
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_url(text: str) -> Url:
    """Check a URL to be fetched. Raises Malformed for what is no URL or longer than 2048 octets, Forbidden
    for schemes other than http and https and for user information."""
    if len(text) > URL_OCTETS_MAX or not _VISIBLE.fullmatch(text):
        raise Malformed(f"a URL must be 1 to {URL_OCTETS_MAX} visible ASCII characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise Malformed("a URL's host or port cannot be read") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise Forbidden("only http and https URLs are fetched")
    if "@" in parts.netloc:
        raise Forbidden("a URL with user information is not fetched")
    if port == 0:
        raise Malformed("a URL's port cannot be 0")
    return Url(parts.scheme, _host(parts), port or _DEFAULT_PORTS[parts.scheme], _target(parts))


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _host(parts: SplitResult) -> Address | str:
    host = parts.hostname or ""
    bracketed = parts.netloc.startswith("[")
    try:
        if not bracketed and host.strip("0123456789."):
            return normalize_dns("" if host.startswith("*") else host.removesuffix("."))
        return IPv6Address("" if "%" in host else host) if bracketed else IPv4Address(host)
    except (ValueError, Malformed):
        raise Malformed("a URL's host must be a DNS name or an IP address") from None


def redirect(base: Url, location: str) -> Url:
    """Where a Location header leads (RFC 9110 section 10.2.2). Raises as `parse_url` does."""
    if len(location) > URL_OCTETS_MAX or not _VISIBLE.fullmatch(location):
        raise Malformed(f"a Location must be 1 to {URL_OCTETS_MAX} visible ASCII characters")
    try:
        return parse_url(urljoin(str(base), location))
    except ValueError as error:
        raise Malformed("a Location's host or port cannot be read") from error
