"""Web servers that get their certificates from us by themselves: Caddy, and Apache with mod_md."""

import os
import shutil
import signal
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection

import pytest
from cryptography import x509

from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.revoke import revoke_certificate
from tests.peers.acme_site import AcmeSite, serving
from tests.real import processes
from tests.real.certwright import ADMINISTRATOR, Home
from tests.real.challenge_ports import challenge_ports
from tests.real.packages import need

HTTP_PORT, TLS_PORT = 5002, 5001
SECONDS = 90


@pytest.fixture(scope="module")
def acme(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeSite]:
    with serving(founded, tmp_path_factory.mktemp("servers")) as site:
        yield site


def shown(acme: AcmeSite, name: str) -> x509.Certificate | None:
    """The certificate the web server shows to a client that trusts our root alone; None while it cannot."""
    context = ssl.create_default_context(cafile=str(acme.root))
    address = "127.0.0.1" if name.endswith(".localhost") else acme.address
    try:
        with (
            create_connection((address, TLS_PORT), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=name) as session,
        ):
            der = session.getpeercert(binary_form=True)
    except (OSError, ssl.SSLError):
        return None
    assert der
    return x509.load_der_x509_certificate(der)


def awaited(
    acme: AcmeSite, name: str, server: processes.Server, other: x509.Certificate | None = None
) -> x509.Certificate:
    """The certificate it shows in the end, another one than `other`."""
    deadline = time.monotonic() + SECONDS
    while (found := shown(acme, name)) in (None, other):
        assert server.process.poll() is None, server.output[-3000:]
        assert time.monotonic() < deadline, server.output[-3000:]
        time.sleep(0.2)
    assert found is not None
    return found


def revoke(acme: AcmeSite, certificate: x509.Certificate) -> None:
    serial = certificate.serial_number.to_bytes(16, "big").hex()

    async def act(context: Context) -> None:
        await revoke_certificate(context, ADMINISTRATOR, serial, Reason.SUPERSEDED, context.clock())

    acme.site.home.run(act)


# -- Caddy -------------------------------------------------------------------------------------------

CADDYFILE = """
{{
    admin off
    storage file_system {folder}/storage
    http_port {http}
    https_port {tls}
    default_bind {address}
    email admin@example.org
    acme_ca {directory}
    acme_ca_root {root}
}}
{name} {{
    respond "hello"
    {more}
}}
"""
LOCALHOST = "demo.localhost"


def caddy(acme: AcmeSite, folder: Path, name: str, more: str = "") -> x509.Certificate:
    """The certificate that Caddy obtains and serves."""
    need("caddy")
    settings = folder / "Caddyfile"
    settings.write_text(
        CADDYFILE.format(
            folder=folder,
            http=HTTP_PORT,
            tls=TLS_PORT,
            address="127.0.0.1" if name == LOCALHOST else acme.address,
            directory=acme.site.directory,
            root=acme.root,
            name=name,
            more=more,
        )
    )
    command = ["caddy", "run", "--config", settings, "--adapter", "caddyfile"]
    environment = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with processes.start(command, log=folder / "log", environment=environment) as server:
        return awaited(acme, name, server)


def told(acme: AcmeSite, *more: str) -> str:
    """A site's own words about its certificate, in place of the global ones."""
    lines = (f"dir {acme.site.directory}", f"trusted_roots {acme.root}", *more)
    return "\n".join(("tls {", "issuer acme {", *lines, "}", "}"))


def test_caddy(acme: AcmeSite, tmp_path: Path) -> None:
    """It chooses a challenge by chance."""
    certificate = caddy(acme, tmp_path, acme.name())
    assert acme.record(certificate).endpoint == "acme/default"
    assert acme.proved_by(certificate) in {"http-01", "tls-alpn-01"}


@pytest.mark.parametrize(
    ("without", "by"),
    [("disable_http_challenge", "tls-alpn-01"), ("disable_tlsalpn_challenge", "http-01")],
)
def test_caddy_by_one_challenge(acme: AcmeSite, tmp_path: Path, without: str, by: str) -> None:
    assert acme.proved_by(caddy(acme, tmp_path, acme.name(), told(acme, without))) == by


def test_caddy_on_the_own_machine(acme: AcmeSite, tmp_path: Path) -> None:
    """For these names it would be its own authority, unless told."""
    with challenge_ports():
        certificate = caddy(acme, tmp_path, LOCALHOST, told(acme))
    assert acme.record(certificate).endpoint == "acme/default"
    assert acme.proved_by(certificate) in {"http-01", "tls-alpn-01"}


# -- Apache ------------------------------------------------------------------------------------------

APACHE = """
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
LogLevel warn md:info
ServerName localhost
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule md_module /usr/lib/apache2/modules/mod_md.so
Listen {address}:{http}
Listen {address}:{tls}

MDStoreDir {folder}/md
MDCertificateAuthority {directory}
MDCACertificateFile {folder}/root.pem
MDCertificateAgreement accepted
MDContactEmail admin@example.org
MDPortMap http:{http} https:{tls}
MDCheckInterval 1s
MDRetryDelay 1s
MDomain {name}
{more}

<VirtualHost {address}:{tls}>
    ServerName {name}
    SSLEngine on
</VirtualHost>
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that Apache's own user can enter too."""
    made = Path(tempfile.mkdtemp(prefix="apache-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize(
    ("more", "by"),
    [
        ("", "http-01"),
        ("MDCAChallenges http-01\nProtocols acme-tls/1 http/1.1", "http-01"),
        ("MDCAChallenges tls-alpn-01\nProtocols acme-tls/1 http/1.1", "tls-alpn-01"),
    ],
)
def test_apache(acme: AcmeSite, folder: Path, more: str, by: str) -> None:
    """Obtained, taken into use at a graceful restart, and renewed when renewal information says at once."""
    need("apache2")
    if os.geteuid() != 0:
        pytest.skip("Apache's processes take another user's rights here, which needs root")
    name = acme.name()
    shutil.copyfile(acme.root, folder / "root.pem")
    settings = folder / "apache.conf"
    settings.write_text(
        APACHE.format(
            folder=folder,
            address=acme.address,
            http=HTTP_PORT,
            tls=TLS_PORT,
            directory=acme.site.directory,
            name=name,
            more=more,
        )
    )
    command = ["apache2", "-f", settings, "-DFOREGROUND"]
    with processes.start(command, log=folder / "log") as server:
        staged(folder, name)
        server.process.send_signal(signal.SIGUSR1)
        first = awaited(acme, name, server)
        revoke(acme, first)
        staged(folder, name)
        server.process.send_signal(signal.SIGUSR1)
        second = awaited(acme, name, server, first)
    assert acme.record(second).requester == acme.record(first).requester
    assert [acme.proved_by(one) for one in (first, second)] == [by, by]


def staged(folder: Path, name: str) -> None:
    """Wait until a new certificate lies ready for the next restart."""
    deadline = time.monotonic() + SECONDS
    job = folder / "md" / "staging" / name / "job.json"
    while not (job.exists() and '"finished": true' in job.read_text()):
        assert time.monotonic() < deadline, (folder / "error.log").read_text()[-3000:]
        time.sleep(0.2)
