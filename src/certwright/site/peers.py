"""Under which name we are called, and by whom when a trusted reverse proxy stands between.

Only a connection from a configured proxy network is believed: its `X-Forwarded-For` names the client, and
its `Client-Cert` and `Client-Cert-Chain` (RFC 9440) carry the certificate that the client showed it. A
certificate that the proxy shows for itself is not the client's. The proxy must remove what clients send under
these names.
"""

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from ..core.errors import Malformed
from ..protocols.asgi import CLIENT_CERTIFICATE, Scope, header, host_name

HOPS_MAX = 16
CHAIN_MAX = 10


class HostNames:
    """The names under which we may be asked for: those given, and any IP address.

    A page of a stranger whose name was pointed at us carries the stranger's name, so it gets no answer.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def require(self, scope: Scope) -> None:
        """Raises Malformed when the request's Host is not ours. HTTP/1.0 may come without."""
        host = header(scope, b"host")
        if host is not None and not self._known(host_name(host.decode("latin-1"))):
            raise Malformed("nothing is served under this host name; the setting `hosts` adds names")

    def _known(self, name: str) -> bool:
        return name.rstrip(".") in self._names or _is_address(name)


@lru_cache(maxsize=1024)
def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class Proxies:
    """The reverse proxies that are believed."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)

    def resolve(self, scope: Scope) -> None:
        """Put the client in place of the proxy in `scope`. Raises Malformed when the proxy's words cannot be
        read."""
        client = scope["client"]
        if client is None or not self._trusted(client[0]):
            return
        forwarded = _all(scope, b"x-forwarded-for")
        if forwarded:
            scope["client"] = (self._nearest_stranger(b",".join(forwarded)), 0)
        certificate = _all(scope, b"client-cert")
        chain: tuple[bytes, ...] = ()
        if certificate:
            rest = b",".join(_all(scope, b"client-cert-chain"))
            items = [*certificate, *(item for item in rest.split(b",") if item.strip())]
            if len(certificate) > 1 or len(items) > CHAIN_MAX:
                raise Malformed(f"the proxy sent two Client-Cert or over {CHAIN_MAX} certificates")
            chain = tuple(map(_octets, items))
        scope["extensions"] = {**scope["extensions"], CLIENT_CERTIFICATE: chain}

    def _trusted(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._networks)

    def _nearest_stranger(self, forwarded: bytes) -> str:
        """The last address that no proxy of ours stands at: what is left of it, anyone may have written."""
        hops = [hop.strip() for hop in forwarded.decode("latin-1").split(",")][-HOPS_MAX:]
        for hop in reversed(hops):
            if not _is_address(hop):
                raise Malformed("the proxy's X-Forwarded-For holds something other than addresses")
            if not self._trusted(hop):
                return hop
        return hops[0]


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _octets(item: bytes) -> bytes:
    """A byte sequence of RFC 8941 section 3.3.5."""
    text = item.strip()
    if len(text) < 2 or not (text.startswith(b":") and text.endswith(b":")):
        raise Malformed("the proxy's Client-Cert is no byte sequence (RFC 9440 section 2)")
    try:
        return base64.b64decode(text[1:-1], validate=True)
    except binascii.Error:
        raise Malformed("the proxy's Client-Cert is no base64 (RFC 9440 section 2)") from None
