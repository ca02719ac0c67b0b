"""Real ACME clients against the running server, over real TLS: certbot, lego, uacme, dehydrated.

docs/how-to/acme-clients.md says the same to people; a command that changes here changes there.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509

from certwright.core.access import Actor, Grant, Role
from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request
from certwright.operations.external_account_keys import create_account_key
from certwright.operations.save_policy import save_policy
from certwright.store.people_rows import CertificateRequestRow
from tests.peers.acme_site import ZONE, AcmeSite, run, serving
from tests.real.certwright import ADMINISTRATOR, Home
from tests.real.challenge_ports import challenge_ports
from tests.real.packages import need

CERTBOT = Path(sys.executable).with_name("certbot")
HTTP_PORT, TLS_PORT = 5002, 5001


@pytest.fixture(scope="module")
def acme(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeSite]:
    with serving(founded, tmp_path_factory.mktemp("clients")) as site:
        yield site


@contextmanager
def webroot(folder: Path, address: str) -> Iterator[Path]:
    """A web server for the files in `folder`, at the port for http-01."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so named above
            """Nothing to standard error."""

    server = ThreadingHTTPServer((address, HTTP_PORT), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield folder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def account_key(acme: AcmeSite, name: str) -> tuple[str, str]:
    """Key identifier and MAC key for an endpoint that wants accounts bound."""
    acme.site.home.endpoint("bound", {"require_account_binding": True})

    async def create(context: Context) -> str:
        until = datetime.now(UTC) + timedelta(hours=1)
        return (await create_account_key(context, ADMINISTRATOR, "bound", name, until)).key

    return name, acme.site.home.run(create)


@pytest.fixture
def records(acme: AcmeSite, tmp_path: Path) -> Path:
    """A program that changes the zone, for dns-01. lego calls it as it is, the others by a hook."""
    need("knot-dnsutils")
    script = tmp_path / "records"
    script.write_text(f"""#!/bin/sh
# records present|cleanup NAME VALUE
case "$1" in present) act=add;; cleanup) act=del;; esac
knsupdate -y hmac-sha256:{acme.dns.key_name}:{acme.dns.key_secret} <<END
server 127.0.0.1 {acme.dns.port}
zone acme.test
$act $2 0 TXT "$3"
send
END
""")
    script.chmod(0o700)
    return script


# -- certbot -----------------------------------------------------------------------------------------


class Certbot:
    def __init__(self, acme: AcmeSite, folder: Path) -> None:
        self.acme = acme
        self.folder = folder

    def __call__(self, command: str, *arguments: str, address: str = "", endpoint: str = "default") -> str:
        folders = [f"--{name}-dir={self.folder / name}" for name in ("config", "work", "logs")]
        listen = (
            ["--http-01-address", address or self.acme.address] if command in {"certonly", "renew"} else []
        )
        server = ["--server", self.acme.site.acme(endpoint)]
        return run(
            [CERTBOT, command, *server, *folders, *listen, "--non-interactive", *arguments],
            {"REQUESTS_CA_BUNDLE": str(self.acme.root)},
        )

    def obtain(self, name: str, *arguments: str, **more: str) -> x509.Certificate:
        """By http-01."""
        names = ["-d", name] if "--ip-address" not in arguments else []
        how = ["--standalone", f"--http-01-port={HTTP_PORT}"]
        return self.certonly(name, *how, *names, *arguments, **more)

    def certonly(self, name: str, *arguments: str, by: str = "http-01", **more: str) -> x509.Certificate:
        account = ["--agree-tos", "--register-unsafely-without-email"]
        self("certonly", "--cert-name", "one", *account, *arguments, **more)
        return self.certificate(name, by)

    def certificate(self, name: str, by: str = "http-01") -> x509.Certificate:
        live = self.folder / "config" / "live" / "one"
        return self.acme.verify(live / "cert.pem", live / "chain.pem", name, by=by)


@pytest.fixture
def certbot(acme: AcmeSite, tmp_path: Path) -> Certbot:
    return Certbot(acme, tmp_path)


def test_certbot_obtains(certbot: Certbot, acme: AcmeSite) -> None:
    certificate = certbot.obtain(acme.name())
    assert acme.record(certificate).endpoint == "acme/default"


def test_certbot_by_dns_01(certbot: Certbot, acme: AcmeSite, records: Path) -> None:
    """And its renewal, which calls the hooks again."""
    name = acme.name()
    hooks: list[str] = []
    for hook, act in (("auth", "present"), ("cleanup", "cleanup")):
        call = f'{records} {act} _acme-challenge.$CERTBOT_DOMAIN. "$CERTBOT_VALIDATION"'
        hooks += [f"--manual-{hook}-hook", call]
    how = ("--manual", "--preferred-challenges", "dns", *hooks)
    first = certbot.certonly(f"any.{name}", *how, "-d", f"*.{name}", by="dns-01")
    certbot("renew", "--force-renewal", "--no-random-sleep-on-renew")
    assert certbot.certificate(f"any.{name}", by="dns-01") != first


def test_certbot_on_the_own_machine(certbot: Certbot) -> None:
    """The first certificate of a new installation, as the README has it."""
    with challenge_ports():
        certbot.obtain("demo.localhost", address="127.0.0.1")


def test_certbot_for_an_address(certbot: Certbot, acme: AcmeSite) -> None:
    certificate = certbot.obtain(acme.address, "--ip-address", acme.address)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == [acme.address]


def test_certbot_chooses_a_profile(certbot: Certbot, acme: AcmeSite) -> None:
    certificate = certbot.obtain(acme.name(), "--required-profile", "tls-server-client")
    assert acme.record(certificate).profile == "tls-server-client"


def test_certbot_binds_its_account(certbot: Certbot, acme: AcmeSite) -> None:
    name, key = account_key(acme, "certbot")
    certbot.obtain(acme.name(), "--eab-kid", name, "--eab-hmac-key", key, endpoint="bound")


def test_certbot_revokes_with_a_reason(certbot: Certbot, acme: AcmeSite) -> None:
    certificate = certbot.obtain(acme.name())
    certbot("revoke", "--cert-name", "one", "--reason", "keycompromise", "--no-delete-after-revoke")
    assert acme.record(certificate).revocation_reason == 1


def test_certbot_revokes_with_the_certificates_key(certbot: Certbot, acme: AcmeSite) -> None:
    certificate = certbot.obtain(acme.name())
    live = certbot.folder / "config" / "live" / "one"
    files = ["--cert-path", str(live / "cert.pem"), "--key-path", str(live / "privkey.pem")]
    certbot("revoke", *files, "--reason", "superseded", "--no-delete-after-revoke")
    assert acme.record(certificate).revocation_reason == 4


def test_certbot_renews_when_it_is_told_to(certbot: Certbot, acme: AcmeSite) -> None:
    """Renewal information says at once for a certificate that is revoked; certbot asks for that first."""
    name = acme.name()
    first = certbot.obtain(name)
    certbot("revoke", "--cert-name", "one", "--reason", "superseded", "--no-delete-after-revoke")
    certbot("renew", "--no-random-sleep-on-renew")
    assert certbot.certificate(name) != first
    log = (certbot.folder / "logs" / "letsencrypt.log").read_text()
    assert "/acme/default/renewal-info/" in log
    assert "certificate is revoked" not in log
    assert "No renewals were attempted" in certbot("renew", "--no-random-sleep-on-renew")


def test_certbot_changes_and_leaves_its_account(certbot: Certbot, acme: AcmeSite) -> None:
    certbot.obtain(acme.name())
    certbot("update_account", "-m", "admin@example.org")
    assert "admin@example.org" in certbot("show_account")
    certbot("unregister")
    certbot.obtain(acme.name(), "--force-renewal")


def test_certbot_waits_for_approval(certbot: Certbot, acme: AcmeSite) -> None:
    """It polls its order while somebody approves it."""
    name = f"shop.pay.{ZONE}"
    toml = f"""
        [[rule]]
        name = "pay"
        when.names.dns = [".pay.{ZONE}"]
        approval = [{{ step = "pki", from = ["role:ra-officer"] }}]
    """
    acme.dns.add(ZONE, name.removesuffix(f".{ZONE}"), "A", acme.address)

    async def save(context: Context) -> None:
        await save_policy(context, ADMINISTRATOR, rules_from_toml(toml), "for a test")

    acme.site.home.run(save)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(certbot.obtain, name)
        approved = acme.site.home.run(approve_what_waits)
        certificate = waiting.result()
    assert acme.record(certificate).id == approved


async def approve_what_waits(context: Context) -> int | None:
    """The one request, once there is one; its certificate."""
    officer = Actor("user:olga", (Grant(Role.RA_OFFICER),), "", "olga")
    for _ in range(300):
        if rows := await context.database.select(CertificateRequestRow, "1 = 1"):
            await asyncio.sleep(2)  # certbot has seen it processing
            return (await approve_request(context, officer, rows[0].id)).row.certificate
        await asyncio.sleep(0.1)
    raise AssertionError("certbot has asked for nothing")


# -- lego --------------------------------------------------------------------------------------------


class Lego:
    def __init__(self, acme: AcmeSite, folder: Path) -> None:
        need("lego")
        self.acme = acme
        self.folder = folder

    def __call__(
        self, name: str, *arguments: str, by: str = "http-01", endpoint: str = "default", **environment: str
    ) -> x509.Certificate:
        run(
            ["lego", "--path", self.folder, "--server", self.acme.site.acme(endpoint), "--accept-tos",
             "--email", "admin@example.org", "--domains", name, *arguments],
            {"LEGO_CA_CERTIFICATES": str(self.acme.root), **environment},
        )  # fmt: skip
        kept = self.folder / "certificates" / name.replace("*", "_")
        files = (kept.with_name(f"{kept.name}{suffix}") for suffix in (".crt", ".issuer.crt"))
        return self.acme.verify(*files, name.replace("*", "any"), by=by)


@pytest.fixture
def lego(acme: AcmeSite, tmp_path: Path) -> Lego:
    return Lego(acme, tmp_path)


def test_lego_by_http_01_and_its_renewal(lego: Lego, acme: AcmeSite) -> None:
    name, how = acme.name(), ("--http", "--http.port", f"{acme.address}:{HTTP_PORT}")
    first = lego(name, *how, "run")
    second = lego(name, *how, "renew", "--days", "365", "--no-random-sleep")
    assert first.serial_number != second.serial_number


def test_lego_by_tls_alpn_01(lego: Lego, acme: AcmeSite) -> None:
    lego(acme.name(), "--tls", "--tls.port", f"{acme.address}:{TLS_PORT}", "run", by="tls-alpn-01")


def test_lego_by_dns_01(lego: Lego, acme: AcmeSite, records: Path) -> None:
    lego(
        f"*.{acme.name()}", "--dns", "exec", "--dns.resolvers", acme.dns.address, "--dns.disable-cp", "run",
        by="dns-01", EXEC_PATH=str(records),
    )  # fmt: skip


def test_lego_binds_its_account(lego: Lego, acme: AcmeSite) -> None:
    name, key = account_key(acme, "lego")
    how = ("--http", "--http.port", f"{acme.address}:{HTTP_PORT}")
    lego(acme.name(), "--eab", "--kid", name, "--hmac", key, *how, "run", endpoint="bound")


def test_lego_revokes(lego: Lego, acme: AcmeSite) -> None:
    name, how = acme.name(), ("--http", "--http.port", f"{acme.address}:{HTTP_PORT}")
    certificate = lego(name, *how, "run")
    lego(name, "revoke", "--keep", "--reason", "4")
    assert acme.record(certificate).revocation_reason == 4


# -- uacme -------------------------------------------------------------------------------------------

PAGES_HOOK = """#!/bin/sh
# uacme calls: hook begin|done|failed TYPE NAME TOKEN KEY_AUTHORIZATION
[ "$2" = http-01 ] || exit 1
page={folder}/.well-known/acme-challenge/"$4"
case "$1" in
    begin) printf %s "$5" > "$page" ;;
    *) rm -f "$page" ;;
esac
"""
RECORDS_HOOK = """#!/bin/sh
# uacme calls: hook begin|done|failed TYPE NAME TOKEN VALUE
[ "$2" = dns-01 ] || exit 1
case "$1" in begin) act=present;; *) act=cleanup;; esac
exec {records} $act _acme-challenge."$3". "$5"
"""


class Uacme:
    """It trusts what the system trusts, so the root lies where that is, in a mount namespace of its own."""

    def __init__(self, acme: AcmeSite, folder: Path) -> None:
        need("uacme")
        if os.geteuid() != 0:
            pytest.skip("showing uacme another system trust store needs root (unshare --mount)")
        self.acme = acme
        self.folder = folder

    def __call__(self, *arguments: str | Path) -> None:
        bind = 'mount --bind "$0" "$1" && shift && exec "$@"'
        trusting = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            bind,
            self.acme.root,
            "/etc/ssl/certs/ca-certificates.crt",
        ]
        server = ["--confdir", self.folder, "--acme-url", self.acme.site.directory, "--yes"]
        run([*trusting, "uacme", *server, *arguments])

    def issue(self, name: str, hook: str, by: str) -> x509.Certificate:
        """For a new account."""
        program = self.folder / "hook"
        program.write_text(hook)
        program.chmod(0o700)
        self("--type", "EC", "new", "admin@example.org")
        self("--hook", program, "issue", name)
        chain = self.chain(name)
        return self.acme.verify(chain, chain, name.replace("*", "any"), by=by)

    def chain(self, name: str) -> Path:
        return self.folder / name.removeprefix("*.") / "cert.pem"


@pytest.fixture
def uacme(acme: AcmeSite, tmp_path: Path) -> Uacme:
    (tmp_path / "uacme").mkdir()
    return Uacme(acme, tmp_path / "uacme")


def test_uacme_by_http_01(uacme: Uacme, acme: AcmeSite, tmp_path: Path) -> None:
    pages, name = tmp_path / "pages", acme.name()
    (pages / ".well-known" / "acme-challenge").mkdir(parents=True)
    with webroot(pages, acme.address):
        certificate = uacme.issue(name, PAGES_HOOK.format(folder=pages), "http-01")
    uacme("revoke", uacme.chain(name))
    assert acme.record(certificate).revocation_reason == 0
    uacme("newkey")
    uacme("deactivate")


def test_uacme_by_dns_01(uacme: Uacme, acme: AcmeSite, records: Path) -> None:
    uacme.issue(f"*.{acme.name()}", RECORDS_HOOK.format(records=records), "dns-01")


# -- dehydrated --------------------------------------------------------------------------------------


def test_dehydrated_by_http_01(acme: AcmeSite, tmp_path: Path) -> None:
    need("dehydrated")
    name = acme.name()
    well_known = tmp_path / "pages" / ".well-known" / "acme-challenge"
    well_known.mkdir(parents=True)
    settings = tmp_path / "config"
    settings.write_text(f"""
CA="{acme.site.directory}"
CURL_OPTS="--cacert {acme.root}"
BASEDIR="{tmp_path}"
WELLKNOWN="{well_known}"
CONTACT_EMAIL=admin@example.org
CONFIG_D=
""")
    client = ["dehydrated", "--config", settings]
    with webroot(tmp_path / "pages", acme.address):
        run([*client, "--register", "--accept-terms"])
        run([*client, "--cron", "--domain", name])
        kept = tmp_path / "certs" / name
        certificate = acme.verify(kept / "cert.pem", kept / "chain.pem", name)
        assert "Skipping renew" in run([*client, "--cron", "--domain", name])
        run([*client, "--cron", "--force", "--domain", name])
    renewed = acme.verify(kept / "cert.pem", kept / "chain.pem", name)
    assert renewed.serial_number != certificate.serial_number
    run([*client, "--revoke", kept / "cert.pem"])
    assert acme.record(renewed).revocation_reason == 0


def test_dehydrated_by_dns_01(acme: AcmeSite, tmp_path: Path, records: Path) -> None:
    need("dehydrated")
    name = acme.name()
    hook = tmp_path / "hook"
    hook.write_text(f"""#!/bin/sh
# dehydrated calls: hook deploy_challenge|clean_challenge NAME TOKEN VALUE, and hooks for other moments
case "$1" in
    deploy_challenge) {records} present _acme-challenge."$2". "$4" ;;
    clean_challenge) {records} cleanup _acme-challenge."$2". "$4" ;;
esac
""")
    hook.chmod(0o700)
    settings = tmp_path / "config"
    settings.write_text(f"""
CA="{acme.site.directory}"
CURL_OPTS="--cacert {acme.root}"
BASEDIR="{tmp_path}"
CHALLENGETYPE=dns-01
HOOK="{hook}"
CONFIG_D=
""")
    client = ["dehydrated", "--config", settings]
    run([*client, "--register", "--accept-terms"])
    run([*client, "--cron", "--domain", f"*.{name}", "--alias", "wild"])
    kept = tmp_path / "certs" / "wild"
    acme.verify(kept / "cert.pem", kept / "chain.pem", f"any.{name}", by="dns-01")


def test_dehydrated_binds_its_account(acme: AcmeSite, tmp_path: Path) -> None:
    need("dehydrated")
    name, key = account_key(acme, "dehydrated")
    settings = tmp_path / "config"
    settings.write_text(f"""
CA="{acme.site.acme("bound")}"
CURL_OPTS="--cacert {acme.root}"
BASEDIR="{tmp_path}"
EAB_KID="{name}"
EAB_HMAC_KEY="{key}"
CONFIG_D=
""")
    run(["dehydrated", "--config", settings, "--register", "--accept-terms"])
