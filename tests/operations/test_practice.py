"""Practice documents published, verified by another program, and found where certificates point."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from certwright.core.access import Actor, Grant, Role
from certwright.core.audit import EventKind
from certwright.core.errors import Conflict, Forbidden, IntegrityError, Malformed, NotFound
from certwright.core.practice.document import Kind
from certwright.core.profile_document import to_document
from certwright.core.request import parse_csr
from certwright.core.seal import DOCUMENT_SIGNER_KINDS, Seal
from certwright.core.seal import Kind as SealKind
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.practice_text import save_practice_text
from certwright.operations.publish_practice import draft_practice, parse_kind, publish_practice
from certwright.operations.save_profile import save_profile
from certwright.operations.serve_practice import list_versions
from certwright.protocols.practice.http import PracticeApplication
from certwright.store.rows import AuditEventRow, CertificateRow, PracticeStatementRow
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, BASE_URL, MovableClock, make_csr
from tests.status.asking import Told, ask

OFFICER = Actor("user:officer", (Grant(Role.SECURITY_OFFICER),))


def served(context: Context) -> PracticeApplication:
    return PracticeApplication(context.database, context.clock)


async def get(context: Context, path: str, **headers: str) -> Told:
    return await ask(served(context), "GET", path, **headers)


async def changed(context: Context, text: str = "Law of the land.") -> None:
    await save_practice_text(context, OFFICER, Kind.CPS, "9.14", text, False)


def verified(folder: Path, pdf: bytes, signature: bytes, root: bytes) -> bytes:
    """What `openssl cms -verify` gives out when the signature is that of the PDF."""
    for name, content in (("cps.pdf", pdf), ("cps.p7s", signature), ("root.der", root)):
        (folder / name).write_bytes(content)
    pem = x509.load_der_x509_certificate(root).public_bytes(Encoding.PEM)
    (folder / "root.pem").write_bytes(pem)
    order = (
        "openssl cms -verify -binary -inform DER -in cps.p7s -content cps.pdf -CAfile root.pem -purpose any"
    )
    done = subprocess.run(order.split(), cwd=folder, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_a_version_is_signed_on_record_and_found_by_the_address_in_certificates(
    database: Database, tmp_path: Path
) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        row = await publish_practice(context, OFFICER, Kind.CPS)
        assert (row.kind, row.number, row.created_by) == ("cps", 1, OFFICER.name)
        url = f"{BASE_URL}/practice/cps.pdf"
        document = to_document(context.snapshot.profile("tls-server"))
        document["policies"] = [{"oid": "2.999.1", "cps": url}]
        await save_profile(context, ADMINISTRATOR, document)
        order = IssueOrder(ADMINISTRATOR, parse_csr(make_csr("a.test")), "issuing", "tls-server")
        certificate = x509.load_der_x509_certificate((await issue(context, order)).der)
        [policy] = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
        [found] = policy.policy_qualifiers or ()
        assert found == url
        told = await get(context, urlsplit(str(found)).path)
        assert (told.status, told.body) == (200, row.pdf)
        signature = (await get(context, "/practice/cps.p7s")).body
        root = context.snapshot.issuing("root").der
        assert verified(tmp_path, told.body, signature, root) == row.pdf
        (tmp_path / "cps.pdf").write_bytes(told.body + b"x")
        with pytest.raises(AssertionError, match=r"(?i)verif|digest"):
            verified(tmp_path, told.body + b"x", signature, root)
        [event] = await context.database.select(
            AuditEventRow, '"kind" = ?', EventKind.PRACTICE_PUBLISHED.value
        )
        detail = json.loads(event.body)["detail"]
        assert detail["pdf_sha256"] == hashlib.sha256(row.pdf).hexdigest()
        assert event.subject == "practice:cps/1"

    with_installation(database, body)


def test_the_signer_is_an_issued_certificate_whose_key_is_gone(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        row = await publish_practice(context, OFFICER, Kind.CP)
        [signer] = [
            one
            for one in load_der_pkcs7_certificates(row.signature)
            if hashlib.sha256(one.public_bytes(Encoding.DER)).digest() == row.signer
        ]
        [issued] = await context.database.select(CertificateRow, '"fingerprint" = ?', row.signer)
        assert (issued.profile, issued.requester) == ("document-signing", "system:practice")
        assert signer.subject.rfc4514_string() == "CN=Practice documents,O=Test"
        tables = await context.database.query('SELECT count(*) FROM "ocsp_signer"')
        assert tables == [(2,)]  # no key but those of the authorities and their OCSP signers

    with_installation(database, body)


def test_there_is_a_new_version_only_when_something_is_new(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        first = await publish_practice(context, OFFICER, Kind.CPS)
        with pytest.raises(Conflict, match="there is nothing new"):
            await publish_practice(context, OFFICER, Kind.CPS)
        later(clock, days=3)
        assert (await draft_practice(context.database, context.snapshot, OFFICER, Kind.CPS)).changes == ()
        await changed(context)
        draft = await draft_practice(context.database, context.snapshot, OFFICER, Kind.CPS)
        assert [one.number for one in draft.changes] == ["9.14"]
        second = await publish_practice(context, OFFICER, Kind.CPS)
        assert second.number == 2
        assert (await get(context, "/practice/cps.html")).body == second.html
        assert (await get(context, "/practice/cps/1.html")).body == first.html
        assert (await get(context, "/practice/cps/1.pdf")).body == first.pdf
        assert [one.number for one in await list_versions(context.database, OFFICER)] == [2, 1]
        await changed(context, "")
        assert (await publish_practice(context, OFFICER, Kind.CPS)).number == 3

    with_installation(database, body)


def test_a_version_of_the_future_is_not_yet_the_newest(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        day = timedelta(days=1)
        await publish_practice(context, OFFICER, Kind.CPS, effective_at=clock() + day)
        assert (await get(context, "/practice/cps.pdf")).status == 404
        assert (await get(context, "/practice/cps/1.pdf")).status == 200
        later(clock, days=2)
        assert (await get(context, "/practice/cps.pdf")).status == 200
        await changed(context)
        with pytest.raises(Malformed, match="in the past"):
            await publish_practice(context, OFFICER, Kind.CPS, effective_at=clock() - day)

    with_installation(database, body)


def test_who_may_not_manage_policy_may_not_publish(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        scoped = Actor("user:a", (Grant(Role.ADMINISTRATOR, "authority:issuing"), Grant(Role.AUDITOR)))
        acts: list[Callable[[], object]] = [
            lambda: publish_practice(context, scoped, Kind.CPS),
            lambda: draft_practice(context.database, context.snapshot, scoped, Kind.CPS),
            lambda: save_practice_text(context, scoped, Kind.CPS, "1.1", "x", False),
        ]
        for act in acts:
            with pytest.raises(Forbidden):
                await act()  # type: ignore[misc]
        assert await context.database.select(PracticeStatementRow, "1 = 1") == []
        assert await list_versions(context.database, scoped) == []
        with pytest.raises(Forbidden):
            await list_versions(context.database, Actor("user:b"))
        with pytest.raises(NotFound):
            parse_kind("cpss")

    with_installation(database, body)


def test_it_is_served_with_headers_that_hold(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        assert (await get(context, "/practice/cp.html")).status == 404
        row = await publish_practice(context, OFFICER, Kind.CP)
        page = await get(context, "/practice/cp.html")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "public, max-age=300"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert not re.search(r"<script|style=", page.body.decode())
        again = await get(context, "/practice/cp.html", **{"if-none-match": page.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
        stays = await get(context, "/practice/cp/1.pdf")
        assert stays.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (stays.headers["content-type"], stays.body) == ("application/pdf", row.pdf)
        head = await ask(served(context), "HEAD", "/practice/cp.pdf")
        assert (head.status, head.headers["content-length"]) == (200, str(len(row.pdf)))
        assert (await ask(served(context), "POST", "/practice/cp.pdf")).status == 405
        for path in ("cp/2.pdf", "cp/0.pdf", "cp/01.pdf", "cpx.pdf", "cp.txt", "", "cp/1.pdf/", "cp%00.pdf"):
            gone = await get(context, f"/practice/{path}")
            assert (gone.status, gone.headers["cache-control"]) == (404, "no-store")

    with_installation(database, body)


def test_a_key_for_documents_signs_nothing_else(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        generation = context.snapshot.issuing("issuing")
        assert generation.public_key is not None
        seal = Seal(b"\x30\x00", generation.public_key, DOCUMENT_SIGNER_KINDS)
        crl = bytes.fromhex("3003020101")
        for kind in (SealKind.CRL, SealKind.OCSP, SealKind.CSR):
            with pytest.raises(IntegrityError, match="may not sign"):
                seal.admit(kind, crl)
        for octets in (crl, b"", b"\x31\x00", b"\x31\x02\x30\x00", b"\x31\x03\x30\x01\x00"):
            with pytest.raises(IntegrityError, match="not admitted as document"):
                seal.admit(SealKind.DOCUMENT, octets)

    with_installation(database, body)
