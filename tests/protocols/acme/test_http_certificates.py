"""Revocation (RFC 8555 section 7.6) and renewal information (RFC 9773) over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.revoke import revoke_certificate
from certwright.store.enrolment import load_order
from certwright.store.ledger import Change
from certwright.store.rows import CertificateRow
from tests.protocols.acme.raw_client import (
    Key,
    RawClient,
    Reply,
    certificate_key_text,
    der,
    jwk,
    new_key,
    text64,
)
from tests.protocols.acme.served import Acme, make_csr
from tests.real.certificates import self_signed_pem
from tests.real.certwright import ADMINISTRATOR

KEYS = (new_key(), rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate())


def revocation_of(acme: Acme, certificate: x509.Certificate) -> int | None:
    """The reason it was revoked for."""

    async def read(context: Context) -> int | None:
        serial = certificate.serial_number.to_bytes(16, "big")
        rows = await context.database.select(CertificateRow, '"serial" = ?', serial)
        return rows[0].revocation_reason

    return acme.home.run(read)


# -- who may revoke ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, 0, 1, 3, 4, 5, 9])
def test_the_account_that_ordered(acme: Acme, client: RawClient, reason: int | None) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    more = {} if reason is None else {"reason": reason}
    reply = client.revoke(der(leaf), **more)
    assert (reply.status, reply.content) == (200, b"")
    assert revocation_of(acme, leaf) == (reason or 0)
    assert client.revoke(der(leaf)).refusal == (400, "alreadyRevoked")


@pytest.mark.parametrize("reason", [2, 6, 7, 8, 10, -1, 99])
def test_reasons_that_are_not_taken(acme: Acme, client: RawClient, reason: int) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    assert client.revoke(der(leaf), reason=reason).refusal == (400, "badRevocationReason")
    assert revocation_of(acme, leaf) is None


@pytest.mark.parametrize(
    "key", [new_key(), rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()]
)
def test_the_certificates_own_key(acme: Acme, client: RawClient, key: Key) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name(), key=key)
    stranger = acme.client()
    payload = {"certificate": text64(der(leaf)), "reason": 4}
    assert stranger.post_by_key(stranger.directory["revokeCert"], payload, key).status == 200
    assert revocation_of(acme, leaf) == 4


def test_another_key(acme: Acme, client: RawClient) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    stranger = acme.client()
    url, payload = stranger.directory["revokeCert"], {"certificate": text64(der(leaf))}
    assert stranger.post_by_key(url, payload, stranger.key).refusal == (403, "unauthorized")
    assert stranger.post_by_key(url, payload, client.key).refusal == (403, "unauthorized")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a003020102", "a003020103"),  # of version 4
        ("06072a8648ce3d0201", "06072a8648ce3d0209"),  # with a key of no known kind
        ("06082a8648ce3d030107", "06082a8648ce3d030177"),  # on no known curve
    ],
)
def test_what_is_hardly_a_certificate(acme: Acme, client: RawClient, before: str, after: str) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    octets = der(leaf).replace(bytes.fromhex(before), bytes.fromhex(after))
    assert octets != der(leaf)
    payload, stranger = {"certificate": text64(octets)}, acme.client()
    reply = stranger.post_by_key(stranger.directory["revokeCert"], payload, stranger.key)
    assert reply.refusal == (400, "malformed"), reply.content
    assert client.post(client.directory["revokeCert"], payload).status in (400, 403, 404)


def test_a_signature_that_is_none_learns_nothing(acme: Acme, client: RawClient) -> None:
    """Whether a certificate is ours is not told to one who has not signed with any key."""
    _, (leaf, *_) = acme.issue(client, acme.name())
    stranger, key = acme.client(), new_key()
    url = stranger.directory["revokeCert"]
    for certificate in (der(leaf), b"nothing"):
        payload = {"certificate": text64(certificate)}
        reply = stranger.post(url, payload, new_key(), jwk=jwk(key))
        assert reply.refusal == (400, "malformed")
        assert "signature" in reply.json["detail"]


def test_another_account_that_holds_the_names(acme: Acme, client: RawClient) -> None:
    names = (acme.name(), f"*.{acme.name()}")
    _, (leaf, *_) = acme.issue(client, *names)
    other = acme.registered()
    assert other.revoke(der(leaf)).refusal == (403, "unauthorized")
    acme.ready(other, names[0])
    assert other.revoke(der(leaf)).refusal == (403, "unauthorized")
    order = acme.ready(other, names[1])
    other.post(order["authorizations"][0], {"status": "deactivated"})
    assert other.revoke(der(leaf)).refusal == (403, "unauthorized")
    acme.ready(other, names[1])
    assert other.revoke(der(leaf), reason=5).status == 200


def test_the_name_alone_is_not_its_wildcard(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    _, (leaf, *_) = acme.issue(client, f"*.{name}")
    other = acme.registered()
    acme.ready(other, name)
    assert other.revoke(der(leaf)).refusal == (403, "unauthorized")


def test_names_proved_in_a_way_that_is_not_offered_any_more(acme: Acme) -> None:
    name, endpoint = acme.name(), acme.endpoint("withdrawn")
    _, (leaf, *_) = acme.issue(acme.registered(endpoint), name)
    other = acme.registered(endpoint)
    acme.ready(other, name)
    acme.endpoint(endpoint, {"challenges": ["http-01"]})
    assert other.revoke(der(leaf)).refusal == (403, "unauthorized")
    acme.endpoint(endpoint, {"challenges": ["dns-01"]})
    assert other.revoke(der(leaf)).status == 200


def test_whether_it_is_revoked_is_told_to_those_who_may(acme: Acme, client: RawClient) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    client.revoke(der(leaf))
    assert acme.registered().revoke(der(leaf)).refusal == (403, "unauthorized")


def test_certificates_that_are_not_ours(acme: Acme, client: RawClient) -> None:
    foreign = der(x509.load_pem_x509_certificate(self_signed_pem(acme.name())))
    root = der(x509.load_pem_x509_certificate(acme.home.root.read_bytes()))
    for certificate in (foreign, root, b"", b"\x30\x00", b"x" * 30_000):
        reply = client.revoke(certificate)
        assert reply.error == "malformed"
        assert reply.status in {400, 404}
    assert client.post(client.directory["revokeCert"]).refusal == (400, "malformed")
    assert client.post(client.directory["revokeCert"], {"certificate": 7}).refusal == (400, "malformed")


def test_a_certificate_of_another_endpoint(acme: Acme, client: RawClient) -> None:
    """One authority: the key proves enough, an account of another endpoint needs the names."""
    other = acme.registered(acme.endpoint("second"))
    key = new_key()
    _, (leaf, *_) = acme.issue(client, acme.name(), key=key)
    assert other.revoke(der(leaf)).refusal == (403, "unauthorized")
    payload = {"certificate": text64(der(leaf))}
    assert other.post_by_key(other.directory["revokeCert"], payload, key).status == 200


# -- more than once ----------------------------------------------------------------------------------


def test_twenty_revocations_at_once(acme: Acme, client: RawClient) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    clients = [acme.client(key=client.key) for _ in range(20)]
    for one in clients:
        one.kid = client.kid
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda one: one.revoke(der(leaf), reason=4), clients))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 19
    assert {reply.error for reply in replies if reply.status != 200} == {"alreadyRevoked"}


def test_two_certificates_of_a_key_that_is_lost(acme: Acme, client: RawClient) -> None:
    key = new_key()
    leaves = [acme.issue(client, acme.name(), key=key)[1][0] for _ in range(6)]
    clients = [acme.client() for _ in leaves]

    def revoke(client: RawClient, leaf: x509.Certificate) -> Reply:
        payload = {"certificate": text64(der(leaf)), "reason": 1}
        return client.post_by_key(client.directory["revokeCert"], payload, key)

    with ThreadPoolExecutor(6) as pool:
        assert [reply.status for reply in pool.map(revoke, clients, leaves)] == [200] * 6


def test_a_lost_key_is_said_afterwards(acme: Acme, client: RawClient) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    assert client.revoke(der(leaf), reason=4).status == 200
    assert client.revoke(der(leaf), reason=3).refusal == (400, "alreadyRevoked")
    assert client.revoke(der(leaf), reason=1).status == 200
    assert revocation_of(acme, leaf) == 1
    assert client.revoke(der(leaf), reason=1).refusal == (400, "alreadyRevoked")


def test_a_certificate_on_hold(acme: Acme, client: RawClient) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    reference = leaf.serial_number.to_bytes(16, "big").hex()

    async def hold(context: Context) -> None:
        held = Reason.CERTIFICATE_HOLD
        await revoke_certificate(context, ADMINISTRATOR, reference, held, context.clock())

    acme.home.run(hold)
    assert client.revoke(der(leaf), reason=4).status == 200
    assert revocation_of(acme, leaf) == 4


def test_a_revoked_certificate_can_still_be_read(acme: Acme, client: RawClient) -> None:
    order, (leaf, *_) = acme.issue(client, acme.name())
    client.revoke(der(leaf))
    reply = client.post(order["certificate"])
    assert x509.load_pem_x509_certificates(reply.content)[0] == leaf


# -- renewal information -----------------------------------------------------------------------------


def window(client: RawClient, leaf: x509.Certificate) -> tuple[datetime, datetime]:
    reply = client.get(f"{client.directory['renewalInfo']}/{certificate_key_text(leaf)}")
    assert reply.status == 200
    assert 60 <= int(reply.headers["retry-after"]) <= 6 * 3600
    assert "replay-nonce" not in reply.headers
    suggested = reply.json["suggestedWindow"]
    return datetime.fromisoformat(suggested["start"]), datetime.fromisoformat(suggested["end"])


def test_when_to_renew(acme: Acme, client: RawClient) -> None:
    _, (leaf, *_) = acme.issue(client, acme.name())
    start, end = window(client, leaf)
    assert leaf.not_valid_before_utc + timedelta(days=50) < start < end < leaf.not_valid_after_utc
    client.revoke(der(leaf))
    start, end = window(client, leaf)
    assert start < end <= leaf.not_valid_before_utc + timedelta(minutes=10)


def test_a_certificate_on_hold_is_not_to_be_renewed_at_once(acme: Acme, client: RawClient) -> None:
    """A hold may be lifted; a client that renews meanwhile would be given what it was to be denied."""
    _, (leaf, *_) = acme.issue(client, acme.name())
    usual = window(client, leaf)

    def revoke(reason: Reason) -> None:
        serial = f"{leaf.serial_number:x}"
        acme.home.run(
            lambda context: revoke_certificate(context, ADMINISTRATOR, serial, reason, context.clock())
        )

    revoke(Reason.CERTIFICATE_HOLD)
    assert window(client, leaf) == usual
    revoke(Reason.SUPERSEDED)
    assert window(client, leaf)[1] < usual[0]


@pytest.mark.parametrize("text", ["AAAA.AAAA", "AAAA", "AAAA.", "a b.AAAA", "A" * 300])
def test_certificates_that_are_not_known(acme: Acme, client: RawClient, text: str) -> None:
    reply = client.get(f"{client.directory['renewalInfo']}/{text}")
    assert reply.status in {400, 404}
    assert reply.error == "malformed"


def test_an_order_replaces_a_certificate(acme: Acme, client: RawClient) -> None:
    name, other = acme.name(), acme.name()
    _, (leaf, *_) = acme.issue(client, name)
    replaced = certificate_key_text(leaf)
    assert client.order(other, replaces=replaced).refusal == (400, "malformed")
    assert acme.registered().order(name, replaces=replaced).refusal == (403, "unauthorized")
    assert client.order(name, replaces="AAAA.AAAA").error == "malformed"
    order = client.order(name, other, replaces=replaced)
    assert order.json["replaces"] == replaced
    assert client.post(order.headers["location"]).json["replaces"] == replaced
    assert client.order(name, replaces=replaced).refusal == (409, "alreadyReplaced")
    client.post(order.json["authorizations"][1], {"status": "deactivated"})
    order, (successor, *_) = acme.issue(client, name, replaces=replaced)
    assert order["replaces"] == replaced
    assert client.order(name, replaces=replaced).refusal == (409, "alreadyReplaced")
    assert client.order(name, replaces=certificate_key_text(successor)).status == 201


@pytest.mark.parametrize("at_once", [False, True])
def test_a_certificate_is_replaced_once(acme: Acme, client: RawClient, at_once: bool) -> None:
    """Two orders for it, as two processes take them that are asked at the same time."""
    name = acme.name()
    _, (leaf, *_) = acme.issue(client, name)
    first = acme.ready(client, name, replaces=certificate_key_text(leaf))
    second = acme.ready(client, name)

    async def replaces_too(context: Context) -> None:
        one, other = [
            await load_order(context.database, int(order["url"].rpartition("/")[2]))
            for order in (first, second)
        ]
        after = other.row._replace(replaces=one.row.replaces)
        await context.ledger.commit(Change(replaced=[(other.row, after)]))

    acme.home.run(replaces_too)
    if at_once:
        clients = [acme.client(key=client.key) for _ in range(2)]
        for one in clients:
            one.kid = client.kid
        with ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(RawClient.finalize, clients, (first, second), [make_csr((name,))] * 2))
    else:
        replies = [client.finalize(order, make_csr((name,))) for order in (first, second)]
    done = [reply for reply in replies if reply.status == 200]
    assert len(done) == 1
    assert [reply.refusal for reply in replies if reply not in done] == [(409, "alreadyReplaced")]


def test_the_same_key_again(acme: Acme, client: RawClient) -> None:
    name, key = acme.name(), new_key()
    _, (first, *_) = acme.issue(client, name, key=key)
    order = client.order(name, replaces=certificate_key_text(first))
    assert client.finalize(order.json, make_csr((name,), key)).json["status"] == "valid"
