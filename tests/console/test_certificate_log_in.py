"""Log-in by a TLS client certificate: real handshakes on the mTLS listener."""

import base64
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certwright.core.access import Actor
from certwright.core.request import parse_csr
from certwright.core.responsibility import Assignment
from certwright.core.revocation import Reason
from certwright.operations.assign_owner import assign_owner
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.manage_users import disable_user
from certwright.operations.revoke import revoke_certificate
from tests.conftest import RUN
from tests.console.browsing import Browser, alerts, browser, events, make_person
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home, Site

HERE = "/login/certificate/"


@pytest.fixture(scope="module")
def site(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("certificates") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        home.configure({"login": {"certificate_profiles": ["tls-client"]}})
        with home.served() as served:
            yield served


def issued(
    site: Site, common_name: str, owner: str, profile: str = "tls-client", by: Actor | None = None
) -> tuple[Path, str]:
    """A file with key and certificate, which the owner has asked for unless somebody else has, and the
    certificate's fingerprint."""
    asks = by or Actor(f"user:{owner}", ADMINISTRATOR.grants, "", owner)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    )
    if profile != "tls-client":
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName("host.example.test")]), False
        )
    csr = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    async def act(context: Context) -> tuple[bytes, str]:
        order = IssueOrder(asks, parse_csr(csr), "issuing", profile, owner=owner)
        done = await issue(context, order)
        chain = [done.der, *done.served]
        pem = b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in chain)
        return pem, done.row.fingerprint.hex()

    pem, fingerprint = site.home.run(act)
    path = site.home.folder / f"client-{fingerprint[:16]}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem)
    return path, fingerprint


@contextmanager
def showing(site: Site, path: Path | None) -> Iterator[Browser]:
    """A browser at the mTLS listener that shows this certificate."""
    trust: ssl.SSLContext = site.trust()
    if path:
        trust.load_cert_chain(path)
    with httpx.Client(verify=trust, timeout=30, base_url=site.url("mtls", "")) as client:
        yield Browser(site, client)


def post(one: Browser) -> httpx.Response:
    """The click on *Log in*."""
    one.client.headers["Referer"] = one.site.url("mtls")
    page = one.get(HERE).text
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert token, page
    return one.client.post(HERE, data={"csrfmiddlewaretoken": token})


def test_a_certificate_opens_its_owners_account(site: Site) -> None:
    make_person(site.home, "carl")
    path, _ = issued(site, "carl", "carl")
    with browser(site) as anyone:
        assert f"{site.url('mtls', HERE)}" in anyone.get("/login/").text
        assert "No certificate was shown" in anyone.get(HERE).text
    with showing(site, path) as carl:
        assert "opens the account <strong>carl</strong>" in carl.get(HERE).text
        assert not carl.logged_in()
        assert post(carl).headers["location"] == "/console/"
        assert carl.logged_in()
        cookie = carl.client.cookies["__Host-certwright"]
    with browser(site) as usual:
        usual.client.cookies.set("__Host-certwright", cookie)
        assert usual.logged_in()
    assert events(site.home, "login.succeeded", "user:carl")[0]["detail"]["methods"] == ["certificate"]


def test_a_header_is_no_certificate(site: Site) -> None:
    path, _ = issued(site, "carl", "carl")
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    der, pem = (certificate.public_bytes(form) for form in (Encoding.DER, Encoding.PEM))
    for name, value in (
        ("Client-Cert", f":{base64.b64encode(der).decode()}:"),
        ("X-SSL-Client-Cert", pem.decode().strip().replace("\n", " ")),
    ):
        with browser(site) as thief:
            thief.client.headers[name] = value
            assert "No certificate was shown" in thief.get(HERE).text


def test_others_open_nothing(site: Site) -> None:
    make_person(site.home, "dina")
    make_person(site.home, "boss")
    taken, fingerprint = issued(site, "dina", "dina")
    site.home.run(
        lambda context: assign_owner(context, ADMINISTRATOR, [fingerprint], Assignment(owner="boss"))
    )
    cases = {
        issued(site, "boss", "dina")[0]: "is not that of the account",
        taken: "is not that of the account",
        issued(site, "boss", "boss", by=ADMINISTRATOR)[0]: "not by boss in person",
        issued(site, "dina", "dina", "tls-server-client")[0]: "profile tls-server-client are not for log-in",
    }
    for path, told in cases.items():
        with showing(site, path) as thief:
            answer = thief.get(HERE)
            assert answer.status_code == 401
            assert told in alerts(answer)[0]
    assert events(site.home, "login.failed")[0]["detail"]["proof"] == "certificate"
    with showing(site, None) as without:
        assert "No certificate was shown" in without.get(HERE).text


def test_what_has_ended_opens_nothing_from_then_on(site: Site) -> None:
    make_person(site.home, "emma")
    path, fingerprint = issued(site, "emma", "emma")

    async def hold(context: Context) -> None:
        await revoke_certificate(
            context, ADMINISTRATOR, fingerprint, Reason.CERTIFICATE_HOLD, context.clock()
        )

    with showing(site, path) as emma:
        assert emma.get(HERE).status_code == 200
        site.home.run(hold)
        assert "revoked or on hold" in alerts(emma.get(HERE))[0]
    again, _ = issued(site, "emma", "emma")
    with showing(site, again) as emma:
        assert emma.get(HERE).status_code == 200
        site.home.run(lambda context: disable_user(context, ADMINISTRATOR, "emma"))
        assert "cannot log in" in alerts(emma.get(HERE))[0]


def test_a_second_factor_is_asked_for_all_the_same(site: Site) -> None:
    make_person(site.home, "finn")
    path, _ = issued(site, "finn", "finn")
    with browser(site) as finn:
        finn.log_in("finn")
        finn.add_authenticator()
    with showing(site, path) as finn:
        assert post(finn).headers["location"] == "/login/factor/"
        assert not finn.logged_in()


def test_a_certificate_may_be_both_factors(founded: Home, tmp_path: Path) -> None:
    with real_certwright.copy(founded, tmp_path / "home", Path(os.environ[RUN])) as home:
        login = {"certificate_profiles": ["tls-client"], "certificate_is_second_factor": True}
        home.configure({"login": login})
        with home.served() as both:
            make_person(home, "gerd")
            path, _ = issued(both, "gerd", "gerd")
            with browser(both) as gerd:
                gerd.log_in("gerd")
                gerd.add_authenticator()
                gerd.send("/login/out/")
                assert gerd.log_in("gerd").headers["location"] == "/login/factor/"
            with showing(both, path) as gerd:
                assert post(gerd).headers["location"] == "/console/"
                assert gerd.logged_in()
