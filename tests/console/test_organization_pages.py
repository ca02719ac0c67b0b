"""Organizations on pages: made, vetted with documents, read by auditors, hidden from everybody else."""

import http.client
import re
import ssl
from html import unescape

import pytest

from certwright.core.access import Role
from certwright.core.vetting import CheckKind
from certwright.operations.context import Context
from certwright.operations.request_certificate import request_certificate
from certwright.store.approvals import Request
from tests.console.browsing import Browser, alerts, events, make_person
from tests.operations.approving import ONE_STEP, order, rules
from tests.real.certwright import Home, Site
from tests.real.pki import ADMINISTRATOR

LIST = "/console/organizations/"
PDF = b"%PDF-1.7\n<script>alert(1)</script>"
FIELDS = {
    "legal_name": "Ex & Söhne <GmbH>",
    "country": "DE",
    "register_number": "HRB 1",
    "jurisdiction_country": "DE",
    "street": "Hauptweg 1",
    "locality": "Berlin",
    "phone": "+49 30 1234",
}


@pytest.fixture
def officer(home: Home, someone: Browser, request: pytest.FixtureRequest) -> Browser:
    """An RA officer who is logged in."""
    name = make_person(home, f"officer{abs(hash(request.node.name)) % 10**9}", Role.RA_OFFICER)
    someone.log_in(name)
    return someone


def make(officer: Browser, **changed: str) -> str:
    """The page of a new organization."""
    answer = officer.send(f"{LIST}new/", **{**FIELDS, **changed})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def send_file(who: Browser, page: str, name: str, content: bytes) -> int:
    shown = who.get(f"{page}upload/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
    assert token
    answer = who.client.post(
        f"{page}upload/",
        data={"csrfmiddlewaretoken": token[1]},
        files={"file": (name, content, "text/html")},
        headers={"Referer": who.site.url("https", page)},
    )
    return answer.status_code


def test_an_organization_is_vetted_page_by_page(officer: Browser, another: Browser, home: Home) -> None:
    page = make(officer)
    assert "Ex &amp; Söhne &lt;GmbH&gt;" in officer.get(LIST).text
    shown = officer.get(page).text
    assert shown.count("it was never done") == len(CheckKind)
    assert "No virus scanner is set up here" in shown
    assert send_file(officer, page, "extract.pdf", PDF) == 302
    assert send_file(officer, page, "page.html", b"<html>\x00") == 400
    evidence = re.search(rf'href="({page}documents/(\d+)/)" download>extract.pdf', officer.get(page).text)
    assert evidence
    for kind in ("register", "address"):
        refused = officer.send(f"{page}check/{kind}/", note="the register says so")
        assert refused.status_code == 400
        assert "takes a document that shows it" in alerts(refused)[0]
        answer = officer.send(f"{page}check/{kind}/", note="it says so", documents=evidence[2])
        assert answer.status_code == 302
    assert officer.send(f"{page}check/call-back/", note="Ms. X answered").status_code == 302
    old = officer.send(f"{page}check/domain/", note="TXT record", domain="example.test", since="2001-01-01")
    assert (old.status_code, "older than its age limit" in alerts(old)[0]) == (400, True)
    assert officer.send(f"{page}check/domain/", note="TXT record", domain="example.test").status_code == 302
    assert "Organization (OV)" in officer.get(page).text
    check_it_downloads(officer, evidence[1])
    revoke = re.search(rf'href="({page}revoke/\d+/)"', officer.get(page).text)
    assert revoke
    assert officer.send(revoke[1], why="the wrong one").status_code == 302
    assert "Not vetted" in officer.get(page).text
    assert officer.send(f"{page}change/", **{**FIELDS, "locality": "Bonn"}).status_code == 302
    assert "the record was changed since" in officer.get(page).text
    another.log_in(make_person(home, "auditor1", Role.AUDITOR))
    assert "Bonn" in another.get(page).text
    check_it_downloads(another, evidence[1])
    assert f"{page}change/" not in another.get(page).text
    assert another.send(f"{page}change/", page=f"{page}change/", **FIELDS).status_code == 403
    assert {one["kind"] for one in events(home, "evidence.read")} == {"evidence.read"}


def check_it_downloads(who: Browser, address: str) -> None:
    """As a file, and never as a page of ours."""
    answer = who.get(address)
    assert (answer.status_code, answer.content) == (200, PDF)
    headers = answer.headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-disposition"] == 'attachment; filename="extract.pdf"'
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert headers["cache-control"] == "no-store"


def test_who_neither_vets_nor_audits_sees_nothing(officer: Browser, another: Browser, home: Home) -> None:
    page = make(officer, legal_name="Hidden AG")
    another.log_in(make_person(home, "requester1", Role.REQUESTER))
    assert another.get(LIST).status_code == 403
    for address in (page, f"{page}change/", f"{page}upload/", f"{page}check/domain/", f"{page}documents/1/"):
        assert another.get(address).status_code == 403, address
    assert 'href="/console/organizations/"' not in another.get("/console/").text
    assert another.send(f"{LIST}new/", **FIELDS).status_code == 403


def test_odd_addresses_are_no_pages(officer: Browser) -> None:
    page = make(officer)
    for address in (
        f"{LIST}of/{2**63}/",
        f"{LIST}of/0/",
        f"{page}check/nothing/",
        f"{page}documents/{2**70}/",
        f"{LIST}requests/{2**63 - 1}/",
    ):
        assert officer.get(address).status_code == 404, address
    for after in ("x", "-1", "9" * 30):
        assert officer.get(f"{LIST}?after={after}").status_code == 400
    assert officer.get(f"{LIST}?after={2**63}").status_code == 200
    assert officer.send(f"{page}check/register/", note="x", documents=str(2**70)).status_code == 404
    assert officer.send(f"{page}revoke/{2**70}/", why="x").status_code == 404
    refused = officer.send(f"{LIST}new/", **{**FIELDS, "country": "Germany"})
    assert (refused.status_code, alerts(refused)) == (400, ["country: C must have 1 to 2 characters, not 7"])


def test_an_upload_without_end_is_refused_before_it_is_read(officer: Browser, served: Site) -> None:
    page = make(officer)
    cookies = "; ".join(f"{one.name}={one.value}" for one in officer.client.cookies.jar)
    host, port = served.url("https", "").removeprefix("https://").rsplit(":", 1)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", int(port), timeout=20, context=context)
    connection.putrequest("POST", f"{page}upload/", skip_host=True)
    for name, value in (
        ("Host", f"{host}:{port}"),
        ("Cookie", cookies),
        ("Content-Type", "multipart/form-data; boundary=x"),
        ("Content-Length", str(1024**3)),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    assert send_file(officer, page, "big.txt", b"x" * 10_000_001) == 413
    assert send_file(officer, page, "most.txt", b"x" * 10_000_000) == 302


def test_who_decides_on_a_request_sees_how_far_it_is_validated(officer: Browser, home: Home) -> None:
    made: list[Request] = []

    async def ask(context: Context) -> None:
        await rules(context, ONE_STEP)
        found = await request_certificate(context, order(actor=ADMINISTRATOR))
        assert isinstance(found, Request)
        made.append(found)

    home.run(ask)
    shown = unescape(officer.get(f"{LIST}requests/{made[0].row.id}/").text)
    assert "None: not even control of every name is shown." in shown
    assert "nobody has shown control of dns:a.pay.test" in shown
    assert "the subject has no O, which names the organization" in shown
