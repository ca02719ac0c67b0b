"""Requests that must be refused: the right error, over every way in, and not one row more than before."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.access import Grant, Role
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Refused
from certwright.core.extensions import NameConstraints
from certwright.core.keys import KeyAlgorithm
from certwright.core.pem import pem
from certwright.core.profile_document import parse_subtree
from certwright.core.request import AuthorityTerms, parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority, sign_subordinate
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.manage_tokens import create_token
from certwright.operations.renew import renew_certificate
from certwright.operations.revoke import revoke_certificate
from certwright.store import people_rows, rows
from certwright.store.databases import Database
from certwright.store.rows import table_of
from tests.faults.bad_requests import DNS, Bad, bad_requests, dns, extension, general_names, raw_csr
from tests.faults.load import PATH, make_token
from tests.real.certwright import Home, Site
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened
from tests.site.running import until

ROW_TYPES = {**vars(rows), **vars(people_rows)}
TABLES = [table_of(kind) for name, kind in ROW_TYPES.items() if name.endswith("Row") and name != "Row"]
PROCESSES = {"audit_writer", "lease"}
"""What a process leaves by being there."""


async def counts(database: Database) -> dict[str, int]:
    """Rows of every table. That somebody was refused stands in the audit, and is not counted."""
    found = {
        table: (await database.query(f'SELECT count(*) FROM "{table}"'))[0][0]
        for table in TABLES
        if table not in PROCESSES
    }
    refusals = (
        """SELECT count(*) FROM "audit_event" WHERE "kind" IN ('certificate.refused', 'access.denied')"""
    )
    found["audit_event"] -= (await database.query(refusals))[0][0]
    return found


async def refused(context: Context, csr: bytes, **changed: Any) -> CertwrightError:
    """What issuing for this says against it; nothing is stored."""
    before = await counts(context.database)
    with pytest.raises(CertwrightError) as raised:  # noqa: PT012 - reading the CSR may refuse it as well
        order = IssueOrder(ADMINISTRATOR, parse_csr(csr), **{"authority": "issuing", **changed})
        pytest.fail(f"issued for {(await issue(context, order)).row}")
    assert await counts(context.database) == before
    return raised.value


def check(bad: Bad, status: int, detail: str, codes: list[str]) -> None:
    assert status == bad.status, f"{bad.name}: {status} {detail}"
    assert not bad.code or bad.code in codes, f"{bad.name}: {codes} {detail}"
    assert bad.text in detail
    assert 0 < len(detail) < 4_000, bad.name
    assert detail.isprintable(), f"{bad.name}: {detail!r}"


def test_through_operations(database) -> None:
    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            await found(context)
            for bad in bad_requests():
                error = await refused(context, bad.csr, profile="tls-server")
                codes = [reason.code for reason in error.reasons] if isinstance(error, Refused) else []
                check(bad, error.status, error.detail, codes)
            good = parse_csr(make_csr("good.example.test"))
            await issue(context, IssueOrder(ADMINISTRATOR, good, "issuing", "tls-server"))

    asyncio.run(main())


# -- what depends on the state of things ---------------------------------------------------------


def codes_of(error: CertwrightError) -> list[str]:
    assert isinstance(error, Refused), error
    return [reason.code for reason in error.reasons]


def test_a_key_revoked_as_compromised(database) -> None:
    """By whatever certificate, under whatever authority and profile, and when a certificate is renewed."""
    key = ec.generate_private_key(ec.SECP256R1())

    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            await found(context)
            order = IssueOrder(
                ADMINISTRATOR, parse_csr(make_csr("a.example.test", key=key)), "issuing", "tls-server"
            )
            first, second = await issue(context, order), await issue(context, order)
            await revoke_certificate(
                context, ADMINISTRATOR, first.row.fingerprint.hex(), Reason.KEY_COMPROMISE, context.clock()
            )
            for profile in ("tls-server", "tls-server-client"):
                error = await refused(context, make_csr("b.example.test", key=key), profile=profile)
                assert "key.compromised" in codes_of(error)
            before = await counts(context.database)
            with pytest.raises(Refused, match=r"key\.compromised"):
                await renew_certificate(context, ADMINISTRATOR, second.row.fingerprint.hex())
            subordinate = parse_csr(raw_csr(subject=parse_name("CN=Sub").encode(), signer=key))
            with pytest.raises(Refused, match=r"key\.compromised"):
                await sign_subordinate(context, ADMINISTRATOR, "root", subordinate, "issuing-authority")
            assert await counts(context.database) == before

    asyncio.run(main())


def test_constraints_of_the_issuer(database) -> None:
    """Name constraints and path length (RFC 5280 4.2.1.9 and 10)."""
    permitted = NameConstraints((parse_subtree("dns:example.test"),), ())

    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            await found(context)
            order = AuthorityOrder(
                "narrow",
                "issuing",
                parse_name("CN=Narrow"),
                KeyAlgorithm.ECDSA_P256,
                "software",
                "root",
                terms=AuthorityTerms(name_constraints=permitted),
            )
            await found_authority(context, ADMINISTRATOR, order)
            for names in (["other.test"], ["a.example.test", "notexample.test"], ["*.test"]):
                error = await refused(context, make_csr(*names), authority="narrow", profile="tls-server")
                assert codes_of(error) == ["policy.name.issuer-constraints"]
            good = parse_csr(make_csr("a.example.test"))
            await issue(context, IssueOrder(ADMINISTRATOR, good, "narrow", "tls-server"))
            before = await counts(context.database)
            subordinate = parse_csr(raw_csr(subject=parse_name("CN=Sub").encode()))
            with pytest.raises(Refused, match=r"policy\.issuer\.path-length"):
                await sign_subordinate(context, ADMINISTRATOR, "issuing", subordinate, "issuing-authority")
            below = AuthorityOrder(
                "below", "issuing", parse_name("CN=B"), KeyAlgorithm.ECDSA_P256, "software", "root",
                terms=AuthorityTerms(path_length=5),
            )  # fmt: skip
            assert await counts(context.database) == before
            with pytest.raises(Refused, match=r"policy\.terms\.path-length"):
                await found_authority(context, ADMINISTRATOR, below)

    asyncio.run(main())


def test_an_end_entity_does_not_become_an_authority(database) -> None:
    """Whatever its CSR asks for: the profile decides."""
    wanted = [
        extension(general_names((DNS, b"a.example.test"))),
        extension(bytes.fromhex("30030101ff"), "2.5.29.19"),
        extension(bytes.fromhex("03020106"), "2.5.29.15"),
    ]

    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            await found(context)
            order = IssueOrder(ADMINISTRATOR, parse_csr(raw_csr(*wanted)), "issuing", "tls-server")
            made = x509.load_der_x509_certificate((await issue(context, order)).der)
            extensions = made.extensions
            assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
            assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
            error = await refused(context, raw_csr(*wanted), profile="issuing-authority")
            assert "policy.name.kind" in codes_of(error) or "policy.issuer.path-length" in codes_of(error)

    asyncio.run(main())


# -- over REST -----------------------------------------------------------------------------------


@pytest.fixture
def client(certwright: Site) -> Iterator[httpx.Client]:
    with certwright.client() as client:
        client.headers["authorization"] = f"Bearer {make_token(certwright.home)}"
        client.base_url = httpx.URL(certwright.url("https", ""))
        until(lambda: client.post(PATH, json={}).status_code == 400)  # the token has come through
        yield client


def stored(home: Home) -> dict[str, int]:
    return home.run(lambda context: counts(context.database))


def problem(answer: httpx.Response) -> dict[str, Any]:
    """RFC 9457, and nothing of our insides in it."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    assert "Traceback" not in answer.text
    return document


def test_over_rest(certwright: Site, client: httpx.Client) -> None:
    assert client.post(PATH, json=body(dns(b"warm.example.test"))).status_code == 201
    before = stored(certwright.home)
    for bad in bad_requests():
        answer = client.post(PATH, json=body(bad.csr))
        document = problem(answer)
        codes = [reason["code"] for reason in document.get("reasons", [])]
        check(bad, answer.status_code, document["detail"], codes)
    for name, content, status in bad_bodies():
        answer = client.post(PATH, content=content)
        assert answer.status_code == status, f"{name}: {answer.text[:500]}"
        problem(answer)
    assert stored(certwright.home) == before
    assert client.post(PATH, json=body(dns(b"after.example.test"))).status_code == 201


def body(csr: bytes, **changed: object) -> dict[str, object]:
    return {"csr": pem(csr, "CERTIFICATE REQUEST").decode(), "profile": "tls-server", **changed}


def bad_bodies() -> Iterator[tuple[str, bytes, int]]:
    good = body(dns(b"a.example.test"))
    yield "empty", b"", 400
    yield "no-json", b"{", 400
    yield "no-utf-8", b'{"csr": "\xff"}', 400
    yield "an-array", b"[]", 400
    yield "deep", b"[" * 100_000, 400
    yield "too-large", json.dumps(good | {"profile": "x" * 200_000}).encode(), 413
    for name, changed, status in (
        ("unknown-field", {"not_before": "2026-01-01"}, 400),
        ("csr-is-a-number", {"csr": 7}, 400),
        ("csr-is-null", {"csr": None}, 400),
        ("csr-not-ascii", {"csr": "\u00fc"}, 400),
        ("no-pem", {"csr": "hello"}, 400),
        ("no-such-profile", {"profile": "nothing"}, 404),
        ("half-a-character", {"profile": "\ud800"}, 400),
        ("no-such-authority", {"authority": "nobody'; DROP TABLE certificate; --"}, 404),
        ("the-root", {"authority": "root"}, 409),
        ("no-days", {"days": 0}, 400),
        ("too-many-days", {"days": 10**9}, 400),
        ("days-past-the-profile", {"days": 20_000}, 403),
        ("days-of-text", {"days": "7"}, 400),
        ("replaces-nothing", {"replaces": "ab" * 32}, 404),
    ):
        yield name, json.dumps(good | changed).encode(), status


def test_without_the_right_token(certwright: Site, client: httpx.Client) -> None:
    home = certwright.home

    async def auditor(context: Context) -> str:
        return (await create_token(context, ADMINISTRATOR, "reads", (Grant(Role.AUDITOR),), None)).secret

    reader = home.run(auditor)
    assert client.post(PATH, json=body(dns(b"warm.example.test"))).status_code == 201
    before = stored(home)
    for header, status in (
        ("", 401),
        ("Bearer", 401),
        ("Bearer cw_" + "A" * 43, 401),
        ("Basic " + "QQ" * 20, 401),
        ("Bearer " + "x" * 20_000, 401),
        (f"Bearer {reader}", 403),
    ):
        client.headers["authorization"] = header
        answer = client.post(PATH, json=body(dns(b"a.example.test")))
        assert answer.status_code == status, header[:40]
        problem(answer)
    assert stored(home) == before


def test_files_are_made_by_nobody(certwright: Site) -> None:
    """Names that look like paths reach no file."""
    before = sorted(Path(certwright.home.folder).iterdir())
    with certwright.client() as client:
        for path in ("/crl/../../etc/passwd", "/ca/..%2f..%2fetc/passwd.cer", "/crl/issuing/1/%00.crl"):
            assert client.get(certwright.url("http", path)).status_code in (400, 404, 308, 307, 301)
    assert sorted(Path(certwright.home.folder).iterdir()) == before
