"""Listening addresses as text: `127.0.0.1:8443`, `[::1]:8443`, `localhost:8443`."""

import ipaddress
import re
from typing import NamedTuple

from ..core.errors import Malformed

LOCALHOST = "localhost"
_PORT = re.compile(r"[0-9]{1,5}")


class ListenAddress(NamedTuple):
    """Where a listener is bound. `host` is an IP address."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def everywhere(self) -> bool:
        return ipaddress.ip_address(self.host).is_unspecified

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """Read `address:port`. `localhost` stands for 127.0.0.1. Raises Malformed."""
    host, separator, port = text.strip().rpartition(":")
    if not separator or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise Malformed(f"{text!r} is no listening address; write address:port, as in 127.0.0.1:8443")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    bare = "127.0.0.1" if bare == LOCALHOST else bare
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise Malformed(f"{host!r} is no IP address to listen on; write one, as in 127.0.0.1:8443") from None
    if address.version == 6 and bare is host:
        raise Malformed(f"{text!r} is ambiguous; write an IPv6 address in brackets, as in [::1]:8443")
    return ListenAddress(str(address), int(port))


def default_url(http: ListenAddress | None) -> str:
    """The base URL of an installation that nothing else is said of."""
    port = http.port if http else 80
    return f"http://{LOCALHOST}" + ("" if port == 80 else f":{port}")
