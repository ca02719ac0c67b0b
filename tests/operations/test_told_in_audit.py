"""What strangers say goes into the audit log bounded and visible, and never stands in the way of an act."""

import asyncio
import dataclasses
import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from certwright.core.audit import DETAIL_OCTETS_MAX
from certwright.core.errors import Refused, Unavailable
from certwright.core.names import parse_identifier
from certwright.core.orders import Target
from certwright.core.request import CertificateRequest, parse_csr
from certwright.operations.acme_accounts import AccountKey, Applicant, create_account
from certwright.operations.acme_orders import Wanted, create_order
from certwright.operations.acme_request import Signed
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.store.ledger import Change
from certwright.store.rows import AuditEventRow, CompromisedKeyRow
from tests.faults.interposed import BEGIN, Interposed, raising
from tests.operations.audit_logs import sequence, verify
from tests.real import pki
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, found, make_csr

ADDRESS = "192.0.2.7"
DOWN = Unavailable("the database went away")


def run(made: Database, act: Callable[[Context, Interposed], Awaitable[None]]) -> None:
    interposed: list[Interposed] = []

    def wrap(database: Any) -> Any:
        interposed.append(Interposed(database))
        return interposed[0]

    async def main() -> None:
        async with pki.opened(made.url, pki.Secrets(), lambda: datetime.now(UTC), wrap=wrap) as context:
            await found(context)
            await act(context, interposed[0])
            assert (await verify(context.database, await sequence(context, None))).sound

    asyncio.run(main())


async def told(context: Context, kind: str) -> list[tuple[AuditEventRow, dict[str, Any]]]:
    """Of what came from the address of these tests."""
    rows = await context.database.select(
        AuditEventRow, '"kind" = ? AND "source" = ? ORDER BY "id"', kind, ADDRESS
    )
    found = [(row, json.loads(row.body)["detail"]) for row in rows]
    for row, detail in found:
        assert len(json.dumps(detail).encode()) <= DETAIL_OCTETS_MAX
        assert row.body.isprintable()
    return found


def csr(key: Any, *names: x509.GeneralName, common_name: str = "") -> CertificateRequest:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return parse_csr(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def order(request: CertificateRequest, profile: str = "tls-server") -> IssueOrder:
    return IssueOrder(dataclasses.replace(ADMINISTRATOR, source=ADDRESS), request, "issuing", profile)


# -- refusals ------------------------------------------------------------------------------------


def test_what_policy_refuses_is_on_record(database: Database) -> None:
    async def act(context: Context, _: Interposed) -> None:
        request = csr(
            ec.generate_private_key(ec.SECP256R1()), x509.RFC822Name("a@example.test"), x509.DNSName("a.test")
        )
        with pytest.raises(Refused) as refusal:
            await issue(context, order(request))
        [(row, detail)] = await told(context, "certificate.refused")
        assert (row.actor, row.source, row.subject) == (ADMINISTRATOR.name, ADDRESS, "authority:issuing")
        assert detail["names"] == ["email:a@example.test", "dns:a.test"]
        assert [one["code"] for one in detail["reasons"]] == [one.code for one in refusal.value.reasons]
        assert detail["spki_sha256"] == hashlib.sha256(request.spki).hexdigest()

    run(database, act)


def test_what_the_check_of_keys_refuses_is_on_record(database: Database) -> None:
    async def act(context: Context, _: Interposed) -> None:
        weak = csr(rsa.generate_private_key(3, 2048), x509.DNSName("a.test"))
        known = csr(ec.generate_private_key(ec.SECP256R1()), x509.DNSName("b.test"))
        digest = hashlib.sha256(known.spki).digest()
        await context.ledger.commit(Change(inserted=[CompromisedKeyRow(digest, "test", context.clock())]))
        for request in (weak, known):
            with pytest.raises(Refused):
                await issue(context, order(request))
        codes = [detail["reasons"][0]["code"] for _, detail in await told(context, "certificate.refused")]
        assert codes[0].startswith("key.")
        assert codes[1] == "key.compromised"
        assert await told(context, "certificate.issued") == []

    run(database, act)


def test_a_refusal_reaches_the_caller_when_it_cannot_be_put_on_record(database: Database) -> None:
    async def act(context: Context, interposed: Interposed) -> None:
        request = csr(ec.generate_private_key(ec.SECP256R1()), x509.RFC822Name("a@example.test"))
        interposed.at(BEGIN, raising(DOWN))
        with pytest.raises(Refused) as refusal:
            await issue(context, order(request))
        assert refusal.value.__cause__ is DOWN
        assert await told(context, "certificate.refused") == []

    run(database, act)


@pytest.mark.parametrize(
    "name", ["\u202egnp.exe", "two\nlines", "\x1b[2Jgone", "back\\x0aslash", "\U0001f600" * 15, "\x01" * 60]
)
def test_a_refused_request_cannot_hide_or_grow_in_the_log(database: Database, name: str) -> None:
    """Whatever it says, what is told is bounded and can be seen."""

    async def act(context: Context, _: Interposed) -> None:
        names = [x509.UniformResourceIdentifier(f"urn:x:{number}:{'y' * 2000}") for number in range(20)]
        with pytest.raises(Refused):
            await issue(
                context, order(csr(ec.generate_private_key(ec.SECP256R1()), *names, common_name=name))
            )
        [(_, detail)] = await told(context, "certificate.refused")
        assert detail["names_count"] == 20
        assert detail["names"][0].endswith(")")
        assert detail["subject"].isprintable()

    run(database, act)


# -- what is permitted ---------------------------------------------------------------------------


def test_long_names_do_not_stand_in_the_way_of_a_certificate(database: Database) -> None:
    """Twenty of two thousand characters are more than an event may hold, and no reason to refuse."""

    async def act(context: Context, _: Interposed) -> None:
        names = [x509.UniformResourceIdentifier(f"urn:x:{number}:{'y' * 2000}") for number in range(20)]
        request = csr(ec.generate_private_key(ec.SECP256R1()), *names, common_name="a\\device")
        issued = await issue(context, order(request, "device"))
        [(row, detail)] = await told(context, "certificate.issued")
        assert row.subject == f"certificate:{issued.row.fingerprint.hex()}"
        assert detail["names_count"] == 20

    run(database, act)


def test_an_order_of_a_hundred_long_names_is_taken(database: Database) -> None:
    async def act(context: Context, _: Interposed) -> None:
        [endpoint] = context.snapshot.endpoints.values()
        signed = Signed(ADDRESS, Change(), context.clock(), context.snapshot.revision)
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        applicant = Applicant(AccountKey("{}", "t" * 43, key), ("mailto:a@example.test",), False, None, "")
        account = await create_account(context, endpoint, applicant, signed)
        labels = ".".join(["x" * 60] * 4)
        names = tuple(parse_identifier("dns", f"n{number}.{labels}") for number in range(100))
        wanted = Wanted(
            names, {Target(one, False): ("http-01",) for one in names}, "", None, None, timedelta(days=1)
        )
        made = await create_order(context, account, wanted, signed)
        assert len(made.authorizations) == 100
        [(_, detail)] = await told(context, "acme.order-created")
        assert detail["identifiers_count"] == 100
        assert detail["identifiers"] == [str(name) for name in names[:20]]

    run(database, act)


def test_an_ordinary_certificate_is_told_in_full(database: Database) -> None:
    async def act(context: Context, _: Interposed) -> None:
        await issue(context, order(parse_csr(make_csr("a.example.test", "b.example.test"))))
        [(_, detail)] = await told(context, "certificate.issued")
        assert detail["names"] == ["dns:a.example.test", "dns:b.example.test"]
        assert await told(context, "certificate.refused") == []

    run(database, act)
