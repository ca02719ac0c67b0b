"""Authorities by hand: seen, published, founded, signed, taken back, retired; and who may not."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core.access import Grant, Role
from tests.api.callers import authority_csr
from tests.conftest import RUN
from tests.console.browsing import alerts, browser, events
from tests.console.browsing import make_person as make_person_with_password
from tests.console.logged_in import People, make_people
from tests.console.sessions import alter
from tests.core.toy_chain import Outside, outside
from tests.real import certwright as real_certwright
from tests.real.certwright import Home

NEW = "/console/authorities/new_authority/"
LAB = {"kind": "root", "algorithm": "ecdsa-p256", "key_provider": "software", "crl_shards": "1"}


@pytest.fixture(scope="module")
def people(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("authorities") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        grants = {
            "admin": [Grant(Role.ADMINISTRATOR)],
            "auditor": [Grant(Role.AUDITOR)],
            "of-issuing": [Grant(Role.OPERATOR, "authority:issuing")],
        }
        sessions = make_people(home, grants)
        with home.served() as site:
            yield People(home, site, sessions)


def number(people: People) -> int:
    """Of the issuing authority's newest list."""
    page = people.page("/console/authorities/issuing/").text
    found = re.search(r'data-label="Number">(\d+)<', page)
    assert found, page
    return int(found[1])


def found(people: People, name: str, **more: str) -> None:
    made = people.send(NEW, page=NEW, name=name, **LAB | more)
    assert made.status_code == 302, alerts(made)


def test_the_tree_says_who_has_signed_whom_and_how_they_do(people: People) -> None:
    page = people.page("/console/authorities/").text
    assert page.index("/console/authorities/root/") < page.index("/console/authorities/issuing/")
    assert "signed by root" in page
    assert 'class="depth-1"><a href="/console/authorities/issuing/"' in page
    theirs = people.page("/console/authorities/", "of-issuing").text
    assert 'class="depth-0"><a href="/console/authorities/issuing/"' in theirs
    assert "/console/authorities/root/" not in theirs
    assert people.page("/console/authorities/root/", "of-issuing").status_code == 403
    assert people.page("/console/authorities/none/").status_code == 404


def test_status_data_is_published_by_a_button(people: People) -> None:
    page, before = "/console/authorities/issuing/", number(people)
    assert people.send(page, "of-issuing", page, act="publish").status_code == 302
    assert number(people) > before
    signers = len(events(people.home, "ocsp-signer.issued", "authority:issuing/1"))
    assert people.send(page, page=page, act="signer").status_code == 302
    assert len(events(people.home, "ocsp-signer.issued", "authority:issuing/1")) == signers + 1
    assert "Publish now" not in people.page(page, "auditor").text
    other = "/console/certificates/"
    assert people.send(page, "auditor", other, act="publish").status_code == 403
    offline = people.send("/console/authorities/root/", page=page, act="publish")
    assert offline.status_code == 409
    assert "the key is under the recovery passphrase" in alerts(offline)[0]


def test_certificates_are_given_out_with_their_chain(people: People) -> None:
    der = people.page("/console/authorities/issuing/1/der").content
    assert x509.load_der_x509_certificate(der).subject.rfc4514_string().startswith("CN=Example")
    chain = x509.load_pem_x509_certificates(people.page("/console/authorities/issuing/1/chain.pem").content)
    assert len(chain) == 2
    chain[0].verify_directly_issued_by(chain[1])
    assert people.page("/console/authorities/issuing/1/gif").status_code == 404
    assert people.page("/console/authorities/issuing/9/pem").status_code == 404


def test_authorities_are_founded_signed_and_retired(people: People) -> None:
    found(people, "lab")
    found(people, "lab-issuing", kind="issuing", parent="lab")
    assert "signed by lab" in people.page("/console/authorities/").text
    again = people.send(NEW, page=NEW, name="lab", **LAB)
    assert (again.status_code, alerts(again)) == (
        409,
        ["there is an authority lab already; choose another name"],
    )
    sign = "/console/authorities/lab/sign/"
    signed = people.send(
        sign, page=sign, csr=authority_csr("Elsewhere"), profile="issuing-authority", days="30"
    )
    assert signed.status_code == 201, alerts(signed)
    pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", signed.text, re.DOTALL)
    assert pem
    assert "Elsewhere" in x509.load_pem_x509_certificate(pem[0].encode()).subject.rfc4514_string()
    wrong = people.send(sign, page=sign, csr="no request", profile="issuing-authority")
    assert wrong.status_code == 400
    retire = "/console/authorities/lab/retire/"
    assert "lab-issuing" in people.page(retire).text
    assert people.send(retire, page=retire, name="labb").status_code == 400
    assert people.send(retire, page=retire, name="lab").status_code == 302
    assert "retired" in people.page("/console/authorities/lab/").text
    assert events(people.home, "authority.retired", "authority:lab")[0]["actor"] == "user:admin"


def test_one_that_awaits_its_certificate_gives_its_request_and_can_be_withdrawn(people: People) -> None:
    found(people, "partner", kind="issuing", subject="CN=Partner CA,O=Example")
    page = "/console/authorities/partner/"
    assert "awaits its certificate" in people.page(page).text
    asked = people.send(f"{page}request/", page=page)
    assert x509.load_pem_x509_csr(asked.content).subject.rfc4514_string() == "CN=Partner CA,O=Example"
    root = (people.home.folder / "root.pem").read_text()
    wrong = people.send(f"{page}accept/", page=f"{page}accept/", certificate=root, chain=root)
    assert wrong.status_code in (400, 403)
    assert alerts(wrong)
    nothing = people.send(f"{page}accept/", page=f"{page}accept/", certificate="x", chain="y")
    assert (nothing.status_code, alerts(nothing)) == (
        400,
        ["the certificate cannot be read as certificates in PEM"],
    )
    gone = people.send(f"{page}withdraw/", page=f"{page}withdraw/", name="partner")
    assert gone.headers["location"] == "/console/authorities/"
    assert people.page(page).status_code == 404


def test_one_is_signed_by_an_authority_elsewhere_and_issues(people: People) -> None:
    elsewhere = outside("CN=Elsewhere Root")
    found(people, "partner-b", kind="issuing", subject="CN=Partner B,O=Example")
    page = "/console/authorities/partner-b/"
    asked = x509.load_pem_x509_csr(people.send(f"{page}request/", page=page).content)
    key = asked.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    certificate = signed_elsewhere(elsewhere, asked.subject, key)
    chain = elsewhere.parsed.public_bytes(Encoding.PEM).decode()
    fields = {"certificate": certificate.public_bytes(Encoding.PEM).decode(), "chain": chain}
    done = people.send(f"{page}accept/", page=f"{page}accept/", **fields)
    assert done.status_code == 302, alerts(done)
    assert "in force" in people.page(page).text
    assert "an authority outside" in people.page(page).text


def signed_elsewhere(issuer: Outside, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(issuer.key.public_key())
    builder = (
        x509.CertificateBuilder(issuer.name, subject, key, x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=300))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
    )
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    return builder.sign(issuer.key, hashes.SHA256())


def test_what_cannot_be_taken_back_asks_for_a_fresh_proof(people: People) -> None:
    make_person_with_password(people.home, "stale", Role.ADMINISTRATOR)
    with browser(people.site) as someone:
        someone.log_in("stale")
        alter(someone, "for one in session['account_authentication_methods']: one['at'] -= 901")
        for path in (
            NEW,
            "/console/authorities/issuing/sign/",
            "/console/authorities/issuing/retire/",
            "/console/endpoints/new/",
            "/console/endpoints/acme/default/edit/",
            "/console/endpoints/acme/default/close/",
            "/console/endpoints/acme/default/key/",
            "/console/profiles/tls-server/edit/",
        ):
            assert someone.get(path).headers.get("location", "").startswith("/login/again/"), path
        page = "/console/endpoints/acme/default/"
        sent = someone.send(page, page="/console/audit/", act="revoke_account", which="1")
        assert sent.headers["location"].startswith("/login/again/")
