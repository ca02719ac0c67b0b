"""Everything that was issued is looked at once more: record, certificate and profile still agree, and what
was changed behind the product's back is found."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core.access import Actor
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import Forbidden
from certwright.core.keys import KeyAlgorithm
from certwright.core.names import parse_identifier
from certwright.core.profile_document import to_document
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import request_for
from certwright.operations.check_records import check_records
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.lint_records import lint_records
from certwright.operations.save_profile import save_profile
from certwright.store.rows import CertificateRow
from tests.core.toy_pipeline import private_key
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened

SUBJECT = "CN=host.example.test,O=Test"
NAMES = {
    "dns": "host.example.test",
    "ip": "192.0.2.1",
    "email": "user@example.test",
    "uri": "https://host.example.test/",
    "upn": "user@example.test",
    "kerberos": "krbtgt/EXAMPLE.TEST@EXAMPLE.TEST",
    "guid": "6f1f4a4e-0d3c-4b7e-9d6f-0123456789ab",
}
AUTHORITY_ALGORITHMS = (
    KeyAlgorithm.ECDSA_P256,
    KeyAlgorithm.RSA_2048,
    KeyAlgorithm.ED25519,
    KeyAlgorithm.ML_DSA_65,
)


async def issue_everything(context: Context) -> int:
    """By authorities of several algorithms, every end-entity profile with every key it takes; how many."""
    made = 0
    for algorithm in AUTHORITY_ALGORITHMS:
        name = f"by-{algorithm.value}"
        order = AuthorityOrder(name, "issuing", parse_name(f"CN={name}"), algorithm, "software", "root")
        await found_authority(context, ADMINISTRATOR, order)
        for profile in built_in_profiles().values():
            if profile.is_authority:
                continue
            some = sorted(profile.keys)[made % 3 :: 3]
            for key_algorithm in some:
                kinds = sorted(profile.names.kinds)
                names = tuple(parse_identifier(kind, NAMES[kind]) for kind in kinds)[: profile.names.maximum]
                request = request_for(private_key(key_algorithm).public_key(), parse_name(SUBJECT), names)
                await issue(context, IssueOrder(ADMINISTRATOR, request, name, profile.name))
                made += 1
    return made


def run(url: str, body: Callable[[Context], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(url, Secrets(), MovableClock()) as context:
            await found(context)
            await body(context)

    asyncio.run(main())


async def findings(context: Context) -> list[str]:
    return [one.text async for one in lint_records(context.database, ADMINISTRATOR)]


async def everything_is_without_error(context: Context) -> None:
    made = await issue_everything(context)
    assert made > 100
    seen: list[tuple[int, int]] = []
    found_wrong = [
        one async for one in lint_records(context.database, ADMINISTRATOR, lambda *at: seen.append(at))
    ]
    assert found_wrong == []
    assert seen[-1][0] == seen[-1][1] > made
    assert [one async for one in check_records(context.database, context.snapshot, ADMINISTRATOR)] == []


def test_what_was_issued_is_without_error(database) -> None:
    run(database.url, everything_is_without_error)


def test_the_version_of_the_profile_is_the_one_it_was_issued_for(database) -> None:
    """A profile that has become stricter does not make older certificates wrong."""

    async def body(context: Context) -> None:
        await one_certificate(context)
        document = to_document(context.snapshot.profile("tls-server"))
        document["lifetime"] = {**document["lifetime"], "default": "1d", "maximum": "1d"}
        await save_profile(context, ADMINISTRATOR, document)
        await one_certificate(context)
        assert await findings(context) == []
        numbers = await context.database.query(
            """SELECT DISTINCT "profile_number" FROM "certificate" WHERE "profile" = 'tls-server'"""
        )
        assert sorted(row[0] for row in numbers) == [1, 2]

    run(database.url, body)


async def one_certificate(context: Context) -> CertificateRow:
    names = (parse_identifier("dns", "host.example.test"),)
    request = request_for(private_key(KeyAlgorithm.ECDSA_P256).public_key(), identifiers=names)
    return (await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))).row


async def write(context: Context, sql: str, *parameters: Any) -> None:
    """A hand in the database, beside the product."""
    async with context.database.transaction(0) as transaction:
        await transaction.execute(sql, parameters)


def forged(row: CertificateRow, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Another certificate in its place, with a lifetime no profile gives, and a key of its own."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Issuing")])
    builder = x509.CertificateBuilder(
        name,
        x509.Name([]),
        key.public_key(),
        int.from_bytes(row.serial, "big"),
        row.not_before,
        row.not_before + timedelta(days=9000),
    )
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.DNSName("host.example.test")]), critical=True
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_certificate_that_was_exchanged_is_found(database) -> None:
    async def body(context: Context) -> None:
        row = await one_certificate(context)
        der = forged(row, ec.generate_private_key(ec.SECP256R1()))
        await write(
            context, 'UPDATE "certificate_body" SET "der" = ? WHERE "certificate_id" = ?', der, row.id
        )
        assert any("[profile." in text for text in await findings(context))
        digest = hashlib.sha256(der).digest()
        await write(context, 'UPDATE "certificate" SET "fingerprint" = ? WHERE "id" = ?', digest, row.id)
        [wrong] = [one async for one in check_records(context.database, context.snapshot, ADMINISTRATOR)]
        assert "signature" in wrong.text
        assert "spki_sha256" in wrong.text

    run(database.url, body)


EXCHANGE = """UPDATE "certificate_body" SET "der" = "fingerprint" FROM "certificate"
WHERE "certificate_id" = "id" AND "id" = {}"""


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("""UPDATE "certificate" SET "profile" = 'tls-client' WHERE "id" = {}""", "[profile."),
        ("""UPDATE "certificate" SET "profile_number" = 7 WHERE "id" = {}""", "there is no version 7"),
        ("""DELETE FROM "certificate_body" WHERE "certificate_id" = {}""", "itself is missing"),
        (EXCHANGE, "cannot be judged"),
    ],
    ids=["profile", "version", "missing", "nonsense"],
)
def test_a_record_that_was_changed_is_found(database, sql: str, text: str) -> None:
    async def body(context: Context) -> None:
        row = await one_certificate(context)
        await write(context, sql.format(row.id))
        assert any(text in found for found in await findings(context))

    run(database.url, body)


def test_a_profile_that_was_changed_in_place_is_found(database) -> None:
    async def body(context: Context) -> None:
        await one_certificate(context)
        profile = context.snapshot.profile("tls-server")
        stricter = replace(profile, keys=frozenset({KeyAlgorithm.RSA_4096}))
        await write(
            context,
            """UPDATE "profile" SET "document" = ? WHERE "name" = 'tls-server'""",
            json.dumps(to_document(stricter)),
        )
        assert await findings(context)

    run(database.url, body)


def test_it_is_for_those_who_may_see_the_audit(database) -> None:
    async def body(context: Context) -> None:
        with pytest.raises(Forbidden):
            [one async for one in lint_records(context.database, Actor("token:nobody"))]

    run(database.url, body)
