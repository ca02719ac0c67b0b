"""What a server says in a handshake, read from its messages without their headers of four octets.

Every function raises TlsFault for what cannot be read. Nothing is judged but form: RFC 8446 section 4 for
TLS 1.3, RFC 5246 section 7.4 for TLS 1.2 and what came before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .registry import SSL_3, TLS_1_2, TLS_1_3, Extension
from .wire import Octets, TlsFault

CHAIN_MAX = 32
STAPLE_OCTETS_MAX = 64 * 1024
EXTENSIONS_MAX = 64

# RFC 8446 section 4.1.3: SHA-256 of "HelloRetryRequest"
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_OCSP = 1
_NAMED_CURVE = 3


@dataclass(slots=True)
class ServerHello:
    """`retry`: it is a HelloRetryRequest. `group` and `share` are of TLS 1.3; a retry has no share."""

    version: int
    random: bytes
    session: bytes
    suite: int
    retry: bool
    group: int
    share: bytes
    cookie: bytes
    alpn: str


def read_server_hello(body: bytes) -> ServerHello:
    octets = Octets(body, "ServerHello")
    legacy, random = octets.number(2), octets.take(32)
    session, suite = octets.vector(1), octets.number(2)
    if octets.number(1):
        raise TlsFault("the server chose a compression that was not offered")
    extensions = read_extensions(octets) if octets else {}
    version = _version(legacy, extensions.get(Extension.SUPPORTED_VERSIONS))
    retry = random == _RETRY and version == TLS_1_3
    group, share = _key_share(extensions.get(Extension.KEY_SHARE, b""), retry)
    cookie = extensions.get(Extension.COOKIE, b"")
    return ServerHello(
        version,
        random,
        session,
        suite,
        retry,
        group,
        share,
        Octets(cookie, "cookie").vector(2) if cookie else b"",
        read_alpn(extensions),
    )


def _version(legacy: int, chosen: bytes | None) -> int:
    version = int.from_bytes(chosen, "big") if chosen is not None else legacy
    wanted = (TLS_1_3,) if chosen is not None else range(SSL_3, TLS_1_3)
    if version not in wanted:
        raise TlsFault(f"the server chose protocol version 0x{version:04x}, which was not offered")
    return version


def _key_share(content: bytes, retry: bool) -> tuple[int, bytes]:
    if not content:
        return 0, b""
    octets = Octets(content, "key share")
    return octets.number(2), b"" if retry else octets.vector(2)


def read_extensions(octets: Octets) -> Mapping[int, bytes]:
    found: dict[int, bytes] = {}
    data = octets.vector(2)
    at, end = 0, len(data)
    while at < end:  # without a reader of its own: a hello has many
        start = at + 4
        kind = int.from_bytes(data[at : at + 2], "big")
        at = start + int.from_bytes(data[at + 2 : start], "big")
        if at > end or kind in found or len(found) == EXTENSIONS_MAX:
            raise TlsFault("the server's extensions cannot be read")
        found[kind] = data[start:at]
    return found


def read_alpn(extensions: Mapping[int, bytes]) -> str:
    """The protocol that was chosen (RFC 7301 section 3.1), empty for none and for what is no ASCII."""
    content = extensions.get(Extension.ALPN)
    if not content:
        return ""
    chosen = Octets(Octets(content, "ALPN").vector(2), "ALPN").vector(1).decode("latin-1")
    return chosen if chosen.isascii() and chosen.isprintable() else ""


# -- certificates ----------------------------------------------------------------------------------


def read_chain(body: bytes) -> tuple[bytes, ...]:
    """The certificates of TLS 1.2 and before, in DER as it came."""
    return tuple(chain for chain, _ in _entries(Octets(body, "Certificate"), extended=False))


def read_chain_1_3(body: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The certificates, and the stapled OCSP response of the first; empty where there is none."""
    octets = Octets(body, "Certificate")
    octets.vector(1)  # certificate_request_context
    entries = _entries(octets, extended=True)
    status = entries[0][1].get(Extension.STATUS_REQUEST, b"")
    return tuple(der for der, _ in entries), read_status(status) if status else b""


def _entries(octets: Octets, *, extended: bool) -> list[tuple[bytes, Mapping[int, bytes]]]:
    entries: list[tuple[bytes, Mapping[int, bytes]]] = []
    inside = octets.within(3)
    while inside:
        if len(entries) == CHAIN_MAX:
            raise TlsFault(f"the server presents more than {CHAIN_MAX} certificates")
        der = inside.vector(3)
        if not der:
            raise TlsFault("the server presents a certificate of no octets")
        entries.append((der, read_extensions(inside) if extended else {}))
    if not entries:
        raise TlsFault("the server presents no certificate")
    return entries


def read_status(body: bytes) -> bytes:
    """A CertificateStatus (RFC 6066 section 8): the OCSP response; empty for another kind or an oversized."""
    octets = Octets(body, "CertificateStatus")
    if octets.number(1) != _OCSP:
        return b""
    response = octets.vector(3)
    return response if len(response) <= STAPLE_OCTETS_MAX else b""


# -- key exchange and proof ------------------------------------------------------------------------


@dataclass(slots=True)
class ServerKeyExchange:
    """`group` is 0 where the parameters are no named group; `prime_bits` is of Diffie-Hellman. `signed` are
    the parameters that `signature` covers, after both randoms; `scheme` is 0 before TLS 1.2."""

    group: int
    prime_bits: int
    signed: bytes
    scheme: int
    signature: bytes


def read_server_key_exchange(body: bytes, version: int, suite_name: str) -> ServerKeyExchange | None:
    """None where the suite has another key exchange than ECDHE and DHE (RFC 8422 section 5.4, RFC 5246
    section 7.4.3)."""
    octets = Octets(body, "ServerKeyExchange")
    group = prime_bits = 0
    if suite_name.startswith("TLS_ECDHE_"):
        if octets.number(1) != _NAMED_CURVE:
            return None
        group = octets.number(2)
        octets.vector(1)
    elif suite_name.startswith("TLS_DHE_"):
        prime_bits = int.from_bytes(octets.vector(2), "big").bit_length()
        octets.vector(2)
        octets.vector(2)
    else:
        return None
    rest = octets.rest()
    after = Octets(rest, "ServerKeyExchange")
    scheme = after.number(2) if version == TLS_1_2 else 0
    return ServerKeyExchange(group, prime_bits, body[: len(body) - len(rest)], scheme, after.vector(2))


def read_certificate_verify(body: bytes) -> tuple[int, bytes]:
    """Scheme and signature (RFC 8446 section 4.4.3)."""
    octets = Octets(body, "CertificateVerify")
    return octets.number(2), octets.vector(2)
