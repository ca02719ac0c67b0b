"""An authoritative DNS server: Knot DNS from Debian, on a loopback port, with zones that can be changed."""

import secrets
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from tests.real import processes
from tests.real.packages import need

KEY_NAME = "certwright-tests"
KEY_ALGORITHM = "hmac-sha256"
SECONDS = 30
STARTS = 3

_CONFIGURATION = """
server:
    rundir: "{folder}"
    listen: "127.0.0.1@{port}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{folder}/database"
key:
  - id: {key}
    algorithm: {algorithm}
    secret: {secret}
acl:
  - id: updates
    key: {key}
    action: update
template:
  - id: default
    storage: "{folder}/zones"
    file: "%s.zone"
    zonefile-sync: -1
    acl: updates
zone:
"""

_ZONE = """
$TTL 0
@ SOA ns hostmaster 1 3600 900 604800 0
@ NS ns
ns A 127.0.0.1
"""


@dataclass(frozen=True, slots=True)
class DnsServer:
    """It answers by UDP and TCP at 127.0.0.1 `port`, only for its own zones, and follows no name out of
    them. Updates by RFC 2136 need the TSIG key `key_name` with `key_secret` (base64, HMAC-SHA-256)."""

    port: int
    key_name: str
    key_secret: str
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def add(self, zone: str, name: str, kind: str, *values: str) -> None:
        """Add records to what is there; `name` is relative to the zone, values are in zone file form."""
        update = self._update(zone)
        for value in values:
            update.add(name, 0, kind, value)
        self._send(update)

    def remove(self, zone: str, name: str, kind: str) -> None:
        """Remove all records of this name and type."""
        update = self._update(zone)
        update.delete(name, kind)
        self._send(update)

    def _update(self, zone: str) -> dns.update.UpdateMessage:
        keyring = dns.tsigkeyring.from_text({self.key_name: self.key_secret})
        return dns.update.UpdateMessage(zone, keyring=keyring, keyalgorithm=KEY_ALGORITHM)

    def _send(self, update: dns.update.UpdateMessage) -> None:
        answer = dns.query.tcp(update, "127.0.0.1", timeout=SECONDS, port=self.port)
        if answer.rcode() != dns.rcode.NOERROR:
            raise processes.ServerFailed(f"the DNS update was refused: {dns.rcode.to_text(answer.rcode())}")


@contextmanager
def running(zones: Mapping[str, str], broken: tuple[str, ...] = ()) -> Iterator[DnsServer]:
    """A server with these zones, each given as lines of a zone file without SOA and NS. Zones named in
    `broken` have no data: whoever asks for them gets SERVFAIL."""
    need("knot")
    folder = Path(tempfile.mkdtemp(prefix="knot-"))  # not below pytest's folder: a socket's path is short
    try:
        (folder / "zones").mkdir()
        (folder / "database").mkdir()
        for name, lines in zones.items():
            (folder / "zones" / f"{name}.zone").write_text(f"$ORIGIN {name}.\n{_ZONE}{lines}\n")
        secret = b64encode(secrets.token_bytes(32)).decode("ascii")
        server, port = _start(folder, [*zones, *broken], secret)
        with server:
            yield DnsServer(port, KEY_NAME, secret, server.log)
    finally:
        shutil.rmtree(folder)


def _start(folder: Path, zones: list[str], secret: str) -> tuple[processes.Server, int]:
    """A port that was free may be taken by the time the server binds it, so there is more than one try."""
    for attempt in range(1, STARTS + 1):
        port = processes.free_port()
        configuration = folder / "knot.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder, port=port, key=KEY_NAME, algorithm=KEY_ALGORITHM, secret=secret
            )
            + "".join(f"  - domain: {zone}\n" for zone in zones)
        )
        command = ["/usr/sbin/knotd", "-c", configuration]
        log = folder / f"start-{attempt}.log"
        server = processes.start(command, log=log, port=port, ready="server started", seconds=SECONDS)
        if "cannot bind" not in server.output:
            return server, port
        server.stop()
    raise processes.ServerFailed(f"knotd found no free port in {STARTS} attempts")
