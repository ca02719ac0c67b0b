"""Which challenges prove which identifiers, and what they expect (RFC 8555 section 8, RFC 8737, RFC 8738)."""

import hashlib

from ...core.names import IdentifierKind
from ...core.orders import Target
from .encoding import encode_base64url
from .jwk import Jwk

HTTP_01 = "http-01"
DNS_01 = "dns-01"
TLS_ALPN_01 = "tls-alpn-01"

# Several clients stop at the first challenge they do not know, and most know http-01.
DEFAULT_CHALLENGES = (HTTP_01, DNS_01, TLS_ALPN_01)


def challenge_kinds(target: Target, offered: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `offered`, in its order, that can prove this target; none if it cannot be proved here.

    A wildcard is proved in the DNS only (RFC 8555 section 7.4.1 leaves it to the server), an address never
    there (RFC 8738 section 7).
    """
    if target.identifier.kind is IdentifierKind.IP:
        return tuple(kind for kind in offered if kind in (HTTP_01, TLS_ALPN_01))
    if target.identifier.kind is not IdentifierKind.DNS:
        return ()
    return tuple(kind for kind in offered if kind == DNS_01) if target.wildcard else offered


def key_authorization(token: str, account_key: Jwk) -> str:
    """RFC 8555 section 8.1; for http-01 the body to be found."""
    return f"{token}.{account_key.thumbprint}"


def dns_01_value(authorization: str) -> str:
    """The TXT record that a key authorization wants to be found for dns-01 (RFC 8555 section 8.4)."""
    return encode_base64url(tls_alpn_01_digest(authorization))


def tls_alpn_01_digest(authorization: str) -> bytes:
    """The 32 octets that a key authorization wants in acmeIdentifier for tls-alpn-01 (RFC 8737 section 3)."""
    return hashlib.sha256(authorization.encode("ascii")).digest()
