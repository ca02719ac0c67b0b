"""Ask for a certificate without a script: what is offered, previewed, refused, issued, or waits."""

import base64
import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from certwright.core.access import Grant, Role
from certwright.operations.context import Context
from tests.api.callers import csr
from tests.console.browsing import Browser, alerts, element, events
from tests.console.logged_in import logged_in, make_person
from tests.operations.approving import ONE_STEP, rules
from tests.real.certwright import Home, Site

TLS = "/console/ask/for/tls-server/"
CLIENT = "/console/ask/for/tls-client/"
FIELDS = {"key": "csr", "authority": "issuing"}


@pytest.fixture(scope="module")
def asker(home: Home, served: Site) -> Iterator[Browser]:
    """Somebody who may ask for everything; names below pay.test wait for approval."""

    async def save(context: Context) -> None:
        await rules(context, ONE_STEP)

    home.run(save)
    session = make_person(home, "ann", Grant(Role.REQUESTER))
    with logged_in(served, session) as client:
        yield Browser(served, client)


def send(asker: Browser, page: str, act: str = "ask", **fields: str) -> httpx.Response:
    return asker.send(page, page, **FIELDS | fields, act=act)


def said(page: httpx.Response) -> str:
    """The text of a page, without its elements."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", page.text)))


def test_the_tls_server_comes_first_and_authorities_are_not_offered(asker: Browser) -> None:
    page = asker.get("/console/ask/")
    offered = re.findall(r'href="/console/ask/for/([^/]+)/"', page.text)
    assert offered[:2] == ["tls-server", "tls-client"]
    assert not {"issuing-authority", "ocsp-signer"} & set(offered)
    assert asker.get("/console/ask/for/issuing-authority/").status_code == 409
    assert asker.get("/console/ask/for/nonsense/").status_code == 404


def test_the_form_asks_for_what_the_profile_takes(asker: Browser) -> None:
    tls, client = asker.get(TLS).text, asker.get(CLIENT).text
    assert 'name="subject_CN"' not in tls
    assert 'name="subject_CN"' in client
    assert ('value="server"' in tls, 'value="server"' in client) == (False, True)
    assert 'name="names"' not in asker.get("/console/ask/for/code-signing/").text


def test_a_csr_is_previewed_then_issued(asker: Browser, home: Home) -> None:
    request = csr("www.example.test", "10.0.0.7.example.test")
    before = len(events(home, "certificate.issued"))
    preview = send(asker, TLS, "preview", csr=request)
    assert (preview.status_code, len(events(home, "certificate.issued"))) == (200, before)
    assert "Issued at once" in said(preview)
    names = re.search(r'<textarea[^>]*id="id_names"[^>]*>([^<]*)<', preview.text)
    assert names
    assert names[1].split() == ["www.example.test", "10.0.0.7.example.test"]
    issued = send(asker, TLS, csr=request, names="www.example.test\r\nother.example.test\r\n192.0.2.7")
    assert issued.status_code == 302, said(issued)
    there = issued.headers["location"]
    pem = asker.get(f"{there}download/pem").content
    found = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert found.value.get_values_for_type(x509.DNSName) == ["www.example.test", "other.example.test"]
    assert [str(one) for one in found.value.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert "Your certificate is here" in said(asker.get(there))


def test_the_request_waits_and_says_for_whom(asker: Browser) -> None:
    preview = send(asker, TLS, "preview", names="a.pay.test", key="browser")
    assert "Waits for approval" in said(preview)
    assert "whoever is ra-officer" in said(preview)
    made = send(asker, TLS, csr=csr("a.pay.test"), comment="ticket 7\r\n<b>please</b>")
    assert made.status_code == 302
    page = asker.get(made.headers["location"])
    assert "It waits for approval: pki: 1 approval by whoever is ra-officer" in said(page)
    assert "&lt;b&gt;please" in page.text


def test_a_key_is_made_and_handed_over_once(asker: Browser, home: Home) -> None:
    page = send(asker, CLIENT, key="server", subject_CN="Build robot", names="robot@example.test")
    assert page.status_code == 201, said(page)
    assert page.headers["cache-control"] == "no-store"
    password, file = element(page, "one_time_password"), re.search(r"base64,([^\"]+)\"", page.text)
    assert file
    key, certificate, chain = pkcs12.load_key_and_certificates(base64.b64decode(file[1]), password.encode())
    assert key
    assert certificate
    assert chain
    assert key.public_key() == certificate.public_key()
    assert certificate.issuer == chain[0].subject
    [event] = events(home, "key.handed-over")
    assert (event["actor"], event["detail"]) == (
        "user:ann",
        {"algorithm": "ecdsa-p256", "profile": "tls-client"},
    )
    log = (home.folder / "serve.log").read_text() if (home.folder / "serve.log").exists() else ""
    assert password not in log


def test_no_key_is_made_where_the_profile_or_an_approval_forbids(asker: Browser, home: Home) -> None:
    refused = send(asker, TLS, key="server", names="www.example.test")
    assert refused.status_code == 400
    before = len(events(home, "certificate.issued"))
    fields = {"key": "server", "subject_CN": "robot", "names": "robot.pay.test"}
    held = send(asker, CLIENT, **fields)
    assert held.status_code == 409
    assert "a key that we make is not kept meanwhile, so make the key in your browser" in said(held)
    assert len(events(home, "certificate.issued")) == before


def test_a_refusal_names_every_reason(asker: Browser, home: Home) -> None:
    for act, status in (("preview", 200), ("ask", 403)):
        answer = send(asker, TLS, act, csr=csr("www.example.test"), names="ann@example.test")
        assert answer.status_code == status
        assert "email:ann@example.test: profile tls-server takes names of kind dns, ip" in said(answer)
        assert "policy.name.kind" in said(answer)
    assert events(home, "certificate.refused")[0]["actor"] == "user:ann"
    nothing = send(asker, TLS, names="www.example.test")
    assert (nothing.status_code, "there is no request (CSR) yet" in said(nothing)) == (400, True)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"names": "<script>alert(1)</script>.test"}, "is not a DNS name"),
        ({"names": "\n".join(f"n{number}.test" for number in range(101))}, "100 are the most"),
        ({"csr": "A" * 1024 * 1024}, "at most 131072 characters"),
        ({"csr": "-----BEGIN CERTIFICATE REQUEST-----\n<b>"}, "not a PKCS #10 request"),
        ({"days": "100000"}, "less than or equal to 398"),
        ({"key": "magic"}, "not one of the available choices"),
        ({"authority": "root"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_is_said_at_the_field(asker: Browser, fields: dict[str, str], problem: str) -> None:
    sent = {"csr": csr("www.example.test")} | fields
    for act in ("preview", "ask"):
        answer = send(asker, TLS, act, **sent)
        assert "<script>alert" not in answer.text
        assert problem in said(answer)
        assert answer.status_code == (200 if act == "preview" else 400)


def test_a_file_that_is_too_large_or_no_csr(asker: Browser) -> None:
    shown = asker.get(TLS)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
    assert token
    for octets, problem in ((b"x" * 65537, "larger than 64 KiB"), (b"nonsense", "not a PKCS #10")):
        answer = asker.client.post(
            TLS, data={"csrfmiddlewaretoken": token[1], **FIELDS}, files={"csr_file": ("a.csr", octets)}
        )
        assert (answer.status_code, problem in said(answer)) == (400, True)


def test_who_may_not_ask_is_told_so_on_record(home: Home, served: Site) -> None:
    session = make_person(home, "otto", Grant(Role.REQUESTER, "profile:tls-client"), Grant(Role.AUDITOR))
    with logged_in(served, session) as client:
        browser = Browser(served, client)
        assert browser.get(CLIENT).status_code == 200
        page = browser.get(TLS)
        assert page.status_code == 403
        assert "has no role that permits 'issue' here" in alerts(page)[0]
        assert browser.send(TLS, CLIENT, **FIELDS).status_code == 403
        assert browser.send(f"{TLS}preview/", CLIENT, **FIELDS).status_code == 403
        forged = client.post(CLIENT, data=FIELDS, headers={"Referer": served.url("https", "/")})
        assert forged.status_code == 403
    subjects = [one["subject"] for one in events(home, "access.denied") if one["actor"] == "user:otto"]
    assert {f"console:GET {TLS}", f"console:POST {TLS}", f"console:POST {TLS}preview/"} <= set(subjects)


def test_who_can_ask_for_nothing_reads_how_that_changes(home: Home, served: Site) -> None:
    session = make_person(home, "nina")
    with logged_in(served, session) as client:
        assert "There is nothing you can ask for yet" in said(client.get("/console/ask/"))
        assert "/console/ask/" not in client.get("/console/").text
