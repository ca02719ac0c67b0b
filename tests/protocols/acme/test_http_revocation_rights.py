"""Who may not revoke (RFC 8555 section 7.6): accounts, certificates that speak for their issuer, and those
without names that could be proved."""

from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.distinguished_name import parse_name
from certwright.core.names import Identifier, parse_identifier
from certwright.core.request import request_for
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.find_certificate import certificate_der
from certwright.operations.found_authority import sign_subordinate
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.revoke import revoke_certificate
from certwright.site.wiring import recovery_provider
from certwright.store.rows import CertificateRow, CompromisedKeyRow
from tests.protocols.acme.raw_client import Key, RawClient, der, new_key, text64
from tests.protocols.acme.served import ZONE, Acme
from tests.real.certwright import ADMINISTRATOR


@dataclass(frozen=True)
class Made:
    row: CertificateRow
    der: bytes


def made(acme: Acme, profile: str, key: Key, *names: tuple[str, str], authority: str = "issuing") -> Made:
    """By the administrator, not through ACME."""
    identifiers: tuple[Identifier, ...] = tuple(parse_identifier(kind, value) for kind, value in names)

    async def act(context: Context) -> Made:
        wanted = request_for(key.public_key(), parse_name("CN=Somebody"), identifiers)
        issued = await issue(context, IssueOrder(ADMINISTRATOR, wanted, authority, profile))
        return Made(issued.row, issued.der)

    return acme.home.run(act)


def subordinate(acme: Acme, key: ec.EllipticCurvePrivateKey) -> Made:
    """An authority that somebody outside holds."""

    async def act(context: Context) -> Made:
        wanted = request_for(key.public_key(), parse_name("CN=Outside"))
        context.keyring.unlock(recovery_provider(acme.home.folder, acme.home.recovery_passphrase))
        made = await sign_subordinate(context, ADMINISTRATOR, "root", wanted, "issuing-authority")
        return Made(*made)

    return acme.home.run(act)


def ocsp_signer(acme: Acme) -> Made:
    async def act(context: Context) -> Made:
        signer = context.snapshot.signer(context.snapshot.issuing("issuing").id, context.clock())
        assert signer is not None
        certificate = x509.load_der_x509_certificate(signer.certificate)
        serial = certificate.serial_number.to_bytes(16, "big")
        [row] = await context.database.select(CertificateRow, '"serial" = ?', serial)
        return Made(row, await certificate_der(context.database, row.id))

    return acme.home.run(act)


def reason_of(acme: Acme, one: Made) -> int | None:
    async def read(context: Context) -> int | None:
        [row] = await context.database.select(CertificateRow, '"id" = ?', one.row.id)
        return row.revocation_reason

    return acme.home.run(read)


def compromised(acme: Acme, row: CertificateRow) -> bool:
    async def read(context: Context) -> bool:
        found = await context.database.select(CompromisedKeyRow, '"spki_sha256" = ?', row.spki_sha256)
        return bool(found)

    return acme.home.run(read)


def by_key(client: RawClient, one: Made, key: Key, reason: int) -> int:
    payload = {"certificate": text64(one.der), "reason": reason}
    return client.post_by_key(client.directory["revokeCert"], payload, key).status


@pytest.mark.parametrize("reason", [None, 1, 4])
def test_an_ocsp_signer_is_not_for_accounts(acme: Acme, client: RawClient, reason: int | None) -> None:
    signer = ocsp_signer(acme)
    more = {} if reason is None else {"reason": reason}
    assert client.revoke(signer.der, **more).refusal == (403, "unauthorized")
    assert reason_of(acme, signer) is None


def test_an_authority_is_not_for_accounts_but_for_its_own_key(acme: Acme) -> None:
    key = new_key()
    one = subordinate(acme, key)
    acme.home.endpoint("rooted", {}, None, ("tls-server",), "root")
    client = acme.registered("rooted")
    assert client.revoke(one.der).refusal == (403, "unauthorized")
    assert reason_of(acme, one) is None
    assert by_key(acme.client("rooted"), one, key, 5) == 200
    assert reason_of(acme, one) == 5


@pytest.mark.parametrize("names", [(), (("email", "a@acme.test"),), (("uri", "https://a.acme.test/"),)])
def test_names_that_nobody_can_prove_here(
    acme: Acme, client: RawClient, names: tuple[tuple[str, str], ...]
) -> None:
    key = new_key()
    one = made(acme, "tls-client", key, *names)
    assert client.revoke(one.der, reason=4).refusal == (403, "unauthorized")
    assert reason_of(acme, one) is None
    assert by_key(client, one, key, 4) == 200


def test_a_certificate_of_another_authority_is_not_known_here(acme: Acme, client: RawClient) -> None:
    key = new_key()
    one = subordinate(acme, key)
    assert client.revoke(one.der).refusal == (404, "malformed")
    assert by_key(client, one, key, 0) == 404
    assert reason_of(acme, one) is None


def test_who_holds_the_names_cannot_say_that_the_key_is_lost(acme: Acme, client: RawClient) -> None:
    name, key = acme.name(), new_key()
    _, (leaf, *_) = acme.issue(client, name, key=key)
    other = acme.registered()
    acme.ready(other, name)
    reply = other.revoke(der(leaf), reason=1)
    assert reply.refusal == (400, "badRevocationReason")
    assert "0, 3, 4, 5, 9" in reply.json["detail"]
    serial = leaf.serial_number.to_bytes(16, "big")

    async def read(context: Context) -> CertificateRow:
        return (await context.database.select(CertificateRow, '"serial" = ?', serial))[0]

    row = acme.home.run(read)
    assert (row.revoked_at, compromised(acme, row)) == (None, False)
    assert other.revoke(der(leaf), reason=5).status == 200
    assert not compromised(acme, row)
    assert client.revoke(der(leaf), reason=1).status == 200
    assert compromised(acme, row)


def test_an_administrators_certificate_with_names_is_for_who_proves_them(
    acme: Acme, client: RawClient
) -> None:
    name = acme.name()
    one = made(acme, "tls-server", new_key(), ("dns", name))
    assert client.revoke(one.der, reason=4).refusal == (403, "unauthorized")
    acme.ready(client, name)
    assert client.revoke(one.der, reason=4).status == 200
    assert name.endswith(ZONE)


def test_what_is_revoked_already_is_told_to_who_may_know(acme: Acme, client: RawClient) -> None:
    signer = ocsp_signer(acme)
    one = made(acme, "tls-client", new_key())

    async def act(context: Context) -> None:
        reference = one.row.fingerprint.hex()
        await revoke_certificate(context, ADMINISTRATOR, reference, Reason.SUPERSEDED, context.clock())

    acme.home.run(act)
    for each in (signer, one):
        assert client.revoke(each.der).refusal == (403, "unauthorized")
