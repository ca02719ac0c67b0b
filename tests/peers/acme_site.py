"""An installation for real ACME clients: served, with a DNS zone and an address for their answers."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from cryptography import x509

from certwright.operations.context import Context
from certwright.store.enrolment import Authorization, with_authorizations
from certwright.store.rows import AcmeOrderRow, CertificateRow
from tests.real import certwright, dns_server
from tests.real.certwright import Home, Site
from tests.real.dns_server import DnsServer

ZONE = "acme.test"
SECONDS = 120


@dataclass(frozen=True)
class AcmeSite:
    """Names below ZONE lead to `address`, a loopback address that no other tests use."""

    site: Site
    dns: DnsServer
    address: str

    @property
    def root(self) -> Path:
        return self.site.home.root

    def name(self) -> str:
        """A name nobody has had yet."""
        return f"{token_hex(5)}.{ZONE}"

    def verify(self, leaf: Path, chain: Path, *names: str, by: str = "http-01") -> x509.Certificate:
        """`openssl verify` accepts the certificate for each name or address, and this challenge proved them;
        gives it."""
        for name in names:
            check = "-verify_ip" if name.replace(".", "").isdigit() else "-verify_hostname"
            command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", self.root]
            done = run([*command, "-untrusted", chain, check, name, leaf])
            assert done.endswith("OK\n"), done
        certificate = x509.load_pem_x509_certificate(leaf.read_bytes())
        assert self.proved_by(certificate) == by
        return certificate

    def record(self, certificate: x509.Certificate) -> CertificateRow:
        """What is stored of it."""
        serial = certificate.serial_number.to_bytes(16, "big")

        async def read(context: Context) -> CertificateRow:
            rows = await context.database.select(CertificateRow, '"serial" = ?', serial)
            return rows[0]

        return self.site.home.run(read)

    def proved_by(self, certificate: x509.Certificate) -> str:
        """The challenge by which all names of it were proved, as its order's authorizations say: those that
        are validated are for its names and no others. Several challenges are given with commas."""
        identifier = self.record(certificate).id

        async def read(context: Context) -> tuple[Authorization, ...]:
            [row] = await context.database.select(AcmeOrderRow, '"certificate" = ?', identifier)
            return (await with_authorizations(context.database, row)).authorizations

        proved = [one.facts for one in self.site.home.run(read) if one.facts.validated_at]
        wanted = [("*." if one.target.wildcard else "") + one.target.identifier.value for one in proved]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert sorted(wanted) == sorted(str(name.value) for name in names)
        return ", ".join(sorted({one.attempted_kind for one in proved}))


@contextmanager
def serving(founded: Home, folder: Path) -> Iterator[AcmeSite]:
    run_folder = Path(os.environ["CERTWRIGHT_TEST_RUN"])
    with (
        dns_server.running({"test": "", ZONE: ""}) as dns,
        certwright.copy(founded, folder / "home", run_folder) as home,
    ):
        port = home.ports["https"]
        address = f"127.78.{port >> 8}.{port & 255}"
        for name in ("@", "*"):
            dns.add(ZONE, name, "A", address)
        home.configure({"validation": {"resolvers": [dns.address]}})
        with home.served() as site:
            yield AcmeSite(site, dns, address)


def run(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> str:
    """Run a program to its end; what it said. Fails with that when it ends badly."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **(environment or {})},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout
