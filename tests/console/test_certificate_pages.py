"""The console's pages as people get them, without JavaScript."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from certwright.core.access import Grant, Role
from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.count_certificates import count_certificates
from certwright.operations.issue import IssueOrder, issue
from tests.api.callers import csr
from tests.conftest import RUN
from tests.console.logged_in import People, make_person
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, CHECKOUT, Home

NAMES = ("shop.example.test", "www.example.test", "mail.other.test")
MANIFEST = CHECKOUT / "src/certwright/console/static/certwright/built/manifest.json"
HOSTILE = "<script>alert(1)</script>\"'&{{ 7|add:7 }}"
FIRST_LOAD_OCTETS = 300_000


@pytest.fixture(scope="module")
def people(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("pages") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        sessions = {
            "admin": make_person(home, "admin", Grant(Role.ADMINISTRATOR), display_name=HOSTILE),
            "auditor": make_person(home, "auditor", Grant(Role.AUDITOR)),
            "nobody": make_person(home, "nobody"),
        }
        for name in NAMES:
            issue_one(home, name)
        home.run(count_certificates)
        with home.served() as site:
            yield People(home, site, sessions)


def issue_one(home: Home, *names: str, **more: str) -> str:
    """Its fingerprint."""

    async def act(context: Context) -> str:
        order = IssueOrder(ADMINISTRATOR, parse_csr(csr(*names).encode()), "issuing", "tls-server", **more)
        return (await issue(context, order)).row.fingerprint.hex()

    return home.run(act)


def fingerprint_of(people: People, name: str) -> str:
    page = people.page(f"/console/certificates/?q={name}").text
    found = re.search(r'name="chosen" value="([0-9a-f]{64})"', page)
    assert found, page
    return found[1]


def test_pages_ask_for_a_log_in(people: People) -> None:
    for path in ("", "certificates/", "find/", "certificates/export.csv", "certificates/00/"):
        answer = people.site.get("https", f"/console/{path}")
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/login/?next=%2Fconsole%2F")


def test_the_list_finds_by_how_things_begin_and_end(people: People) -> None:
    def found(query: str) -> set[str]:
        page = people.page(f"/console/certificates/?{query}")
        assert page.status_code == 200, page.text
        return {name for name in NAMES if f">{name}</a>" in page.text}

    assert found("") == set(NAMES)
    assert found("q=shop") == {"shop.example.test"}
    assert found("q=SHOP") == {"shop.example.test"}
    assert found("q=example.test") == {"shop.example.test", "www.example.test"}
    assert found("q=hop") == set()
    fingerprint = fingerprint_of(people, "mail")
    assert found(f"q={fingerprint[:9]}") == {"mail.other.test"}
    assert found("name=.other.test&status=live&authority=issuing") == {"mail.other.test"}
    assert (
        found("status=revoked") == found("authority=nowhere") == found("expires_before=2001-01-01") == set()
    )
    assert found("order=expires&profile=tls-server") == set(NAMES)


def test_nobody_sees_what_is_not_theirs(people: People) -> None:
    page = people.page("/console/certificates/", "nobody")
    assert "There is no certificate yet" in page.text
    fingerprint = fingerprint_of(people, "mail")
    assert people.page(f"/console/certificates/{fingerprint}/", "nobody").status_code == 404
    assert people.page("/console/find/?q=mail", "nobody").text.strip() == ""
    assert "mail.other.test" in people.page("/console/find/?q=mail").text


def test_what_cannot_be_read_is_said(people: People) -> None:
    for query in (
        "status=odd",
        "expires_after=soon",
        "serial=xyz",
        "name=..",
        "after=x",
        "after=" + "9" * 30,
    ):
        page = people.page(f"/console/certificates/?{query}")
        assert page.status_code == 400, query
        assert 'role="alert"' in page.text


def test_names_of_strangers_come_out_as_text(people: People) -> None:
    for path in ("", "certificates/"):
        page = people.page(f"/console/{path}?q={HOSTILE}").text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", page)


def test_one_certificate(people: People) -> None:
    fingerprint = fingerprint_of(people, "www")
    page = people.page(f"/console/certificates/{fingerprint}/").text
    assert "This certificate is for <strong>www.example.test</strong>" in page
    assert "servers prove with it who they are" in page
    assert "Nobody answers for it." in page
    assert "certificate.issued: local:test" in page
    assert "extendedKeyUsage (2.5.29.37)" in page
    there = f"/console/certificates/{fingerprint}/download"
    der = people.page(f"{there}/der").content
    assert x509.load_pem_x509_certificate(
        people.page(f"{there}/pem").content
    ) == x509.load_der_x509_certificate(der)
    chain = x509.load_pem_x509_certificates(people.page(f"{there}/chain.pem").content)
    bag = pkcs7.load_der_pkcs7_certificates(people.page(f"{there}/p7c").content)
    assert len(chain) == len(bag) == 2
    assert people.page(f"{there}/zip").status_code == 404


def test_an_auditor_reads_and_does_nothing(people: People) -> None:
    fingerprint = fingerprint_of(people, "www")
    page = people.page(f"/console/certificates/{fingerprint}/", "auditor").text
    assert "certificate.issued" in page
    assert "/revoke/" not in page
    here = f"/console/certificates/{fingerprint}/revoke/"
    answer = people.send(here, "auditor", here, reason="superseded")
    assert answer.status_code == 403
    assert "has no role that permits" in answer.text


def test_hold_release_renew_and_revoke(people: People) -> None:
    fingerprint = issue_one(people.home, "acts.example.test")
    here = f"/console/certificates/{fingerprint}"

    def act(what: str, **fields: str) -> httpx.Response:
        asked = people.page(f"{here}/{what}/").text
        assert "acts.example.test" in asked
        return people.send(f"{here}/{what}/", page=f"{here}/{what}/", **fields)

    assert act("release").status_code == 409
    assert act("revoke", reason="certificateHold").status_code == 302
    assert "It is on hold since" in people.page(f"{here}/").text
    assert act("release").status_code == 302
    successor = act("renew").headers["location"]
    assert successor != f"{here}/"
    assert act("revoke", reason="superseded").status_code == 302
    assert "for superseded: nobody should rely on it" in people.page(f"{here}/").text
    assert act("renew").status_code == 409


def test_chosen_ones_are_named_before_they_are_revoked(people: People) -> None:
    chosen = [issue_one(people.home, f"many{number}.example.test") for number in range(3)]
    there = "/console/certificates/chosen/"
    asked = people.send(there, chosen=chosen, reason="superseded")
    assert all(f"many{number}.example.test" in asked.text for number in range(3))
    assert "Revoke 3 certificates?" in asked.text
    assert people.page(f"/console/certificates/{chosen[0]}/").text.count("nobody should rely on it") == 0
    assert people.send(there, chosen=chosen, reason="superseded", sure="yes").status_code == 302
    assert "many2" in people.page("/console/certificates/?status=revoked").text
    assert people.send(there).status_code == 400


def test_exports_hold_all_that_is_found(people: People) -> None:
    query = "q=example.test&status=live"
    rows = json.loads(people.page(f"/console/certificates/export.json?{query}").text)
    table = list(csv.DictReader(io.StringIO(people.page(f"/console/certificates/export.csv?{query}").text)))
    assert {row["fingerprint"] for row in rows} == {row["fingerprint"] for row in table}
    assert {"shop.example.test", "www.example.test"} <= {row["names"] for row in table}
    assert people.page("/console/certificates/export.xml").status_code == 404
    bill = json.loads(people.page(f"/console/certificates/export.cbom.json?{query}").text)
    kinds = [one["cryptoProperties"]["assetType"] for one in bill["components"]]
    assert kinds.count("certificate") == len(rows)


def test_views_are_saved_for_oneself(people: People) -> None:
    there = "/console/certificates/views/"
    assert people.send(there, name="Shops", query="q=shop&status=live").status_code == 302
    assert "?q=shop&amp;status=live" in people.page("/console/certificates/").text
    assert "Shops" not in people.page("/console/certificates/", "auditor").text
    assert people.send(there, name="", query="q=shop").status_code == 400
    assert people.send(there, name="Shops", act="remove").status_code == 302
    assert "Shops" not in people.page("/console/certificates/").text


def test_the_overview_counts(people: People) -> None:
    page = people.page("/console/").text
    assert "Counted at" in page
    assert re.search(r"Live</span><strong>\s*\d", page)
    refused = re.search(r'href="([^"]+)"[^>]*><[^>]+><[^>]+>Refused in 30 days</span><strong>\s*\d', page)
    assert refused
    assert people.page(unescape(refused[1])).status_code == 200
    nothing = people.page("/console/", "nobody").text
    assert "There is no certificate yet" in nothing
    assert "Refused in" not in nothing


@pytest.mark.parametrize("path", ["", "certificates/"])
def test_the_first_load_is_small(people: People, path: str) -> None:
    """Of page, style sheet and scripts, compressed with gzip where they are."""
    page = people.page(f"/console/{path}")
    total = len(page.content)
    assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    with people.site.client() as client:
        for asset in assets:
            asked = client.build_request(
                "GET", people.site.url("https", asset), headers={"Accept-Encoding": "gzip"}
            )
            answer = client.send(asked, stream=True)
            total += len(b"".join(answer.iter_raw()))
            if MANIFEST.exists() and "/built/" in asset:
                assert "immutable" in answer.headers["cache-control"]
                assert answer.headers["content-encoding"] == "gzip"
    assert total <= FIRST_LOAD_OCTETS, total
