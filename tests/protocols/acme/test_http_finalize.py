"""Finalize: CSRs that do not fit, keys that must not be certified, many at once (RFC 8555 section 7.4)."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from certwright.core.keys import spki
from certwright.operations.context import Context
from certwright.store.rows import CertificateRow
from tests.protocols.acme.raw_client import RawClient, der, new_key, text64
from tests.protocols.acme.served import Acme, make_csr


async def certificates(context: Context) -> int:
    """How many there are."""
    return len(await context.database.select(CertificateRow, "1 = 1"))


def refused(client: RawClient, order: dict[str, Any], csr: bytes) -> str:
    """The detail of a badCSR; the order is as ready as it was."""
    reply = client.finalize(order, csr)
    assert reply.refusal == (400, "badCSR")
    assert client.post(order["url"]).json["status"] == "ready"
    detail: str = reply.json["detail"]
    return detail


def test_names_that_were_not_ordered(acme: Acme, client: RawClient) -> None:
    first, second = acme.name(), acme.name()
    order = acme.ready(client, first, second)
    assert "lacks" in refused(client, order, make_csr((first,)))
    assert "beyond" in refused(client, order, make_csr((first, second, acme.name())))
    assert "beyond" in refused(client, order, make_csr((first, second, "192.0.2.1")))
    assert "beyond" in refused(client, order, make_csr((first, second), common_name=acme.name()))
    assert "beyond" in refused(client, order, make_csr((first, f"*.{second}")))
    assert "lacks" in refused(client, order, make_csr(()))
    csr = make_csr((second,), common_name=first.upper())
    assert client.finalize(order, csr).json["status"] == "valid"


def csr_with_subject(name: str, *attributes: tuple[x509.ObjectIdentifier, str]) -> bytes:
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("profile", ["vpn-gateway", "device", "tls-client"])
def test_nothing_but_what_was_proved_is_certified(acme: Acme, profile: str) -> None:
    """A profile may take a subject, and names out of it, from a request: not from one of ACME's."""
    client = acme.registered(acme.endpoint(f"takes-{profile}", profiles=(profile,)))
    name = acme.name()
    order = acme.ready(client, name)
    csr = csr_with_subject(
        name,
        (NameOID.COMMON_NAME, name.upper()),
        (NameOID.COMMON_NAME, "victim.example."),
        (NameOID.COMMON_NAME, "Domain Admins"),
        (NameOID.EMAIL_ADDRESS, "ceo@victim.example"),
        (NameOID.ORGANIZATION_NAME, "Victim Corp"),
    )
    url = client.finalize(order, csr).json["certificate"]
    leaf = x509.load_pem_x509_certificates(client.post(url).content)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName(name)]
    assert leaf.subject.rfc4514_string() in ("", f"CN={name}")


def test_other_kinds_of_names(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = acme.ready(client, name)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    names = [x509.DNSName(name), x509.RFC822Name("a@example.org")]
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    csr = builder.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    assert "a@example.org" in refused(client, order, csr)


def test_csrs_that_cannot_be_read(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = acme.ready(client, name)
    good = make_csr((name,))
    for csr in (b"", b"\x30\x00", good[:-1], good + b"\x00", b"\x00" * 30_000):
        reply = client.finalize(order, csr)
        assert reply.status == 400
        assert reply.error in {"badCSR", "malformed"}
    for payload in ({}, {"csr": 7}, {"csr": "a b"}, {"csr": "x" * 66_000}, [], "csr"):
        assert client.post(order["finalize"], payload).status in {400, 413}
    assert client.post(order["finalize"]).refusal == (400, "malformed")
    assert client.post(order["url"]).json["status"] == "ready"


def test_absurd_names(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = acme.ready(client, name)
    assert "101" in refused(client, order, make_csr(tuple(f"n{number}.{name}" for number in range(101))))
    too_large = client.finalize(order, make_csr(tuple(f"n{number}.test" for number in range(10_000))))
    assert too_large.refusal == (413, "malformed")
    for odd in (f"a\x00.{name}", f"xn--a.{name}", f"-.{name}", "", f"{'x' * 64}.{name}", f"a b.{name}"):
        refused(client, order, make_csr((name, odd)))
    assert client.finalize(order, make_csr((name, name))).json["status"] == "valid"


def test_a_wrong_signature(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = acme.ready(client, name)
    csr = bytearray(make_csr((name,), ed25519.Ed25519PrivateKey.generate()))
    csr[-1] ^= 1
    assert "request.proof-of-possession" in refused(client, order, bytes(csr))


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (ec.derive_private_key(1, ec.SECP256R1()), "key.weak.small-scalar"),
        (rsa.generate_private_key(3, 2048), "key.weak.exponent"),
        (rsa.generate_private_key(65537, 1024), "key.unsupported"),
        (ec.generate_private_key(ec.SECP256K1()), "key.unsupported"),
    ],
)
def test_keys_that_are_not_certified(acme: Acme, client: RawClient, key: Any, code: str) -> None:
    name = acme.name()
    assert code in refused(client, acme.ready(client, name), make_csr((name,), key))


def test_a_key_on_a_supplied_list(acme: Acme, client: RawClient) -> None:
    name, key = acme.name(), new_key()
    listed = acme.home.folder / "compromised.txt"
    listed.write_text(f"{sha256(spki(key.public_key())).hexdigest()}\n")
    with acme.home.served(
        ports=acme.other_ports(), environment={"CERTWRIGHT_KEYS__COMPROMISED": str(listed)}
    ) as other:
        strict = acme.client(key=client.key, port=other.ports["https"])
        strict.kid = client.kid
        order = acme.ready(strict, name)
        assert "key.compromised" in refused(strict, order, make_csr((name,), key))
        assert strict.finalize(order, make_csr((name,))).json["status"] == "valid"


def test_the_accounts_own_key(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = acme.ready(client, name)
    assert "account's own key" in refused(client, order, make_csr((name,), client.key))


def test_a_key_of_a_kind_the_endpoint_does_not_take(acme: Acme) -> None:
    client = acme.registered(acme.endpoint("rsa-only", policy={"keys": ["rsa-2048", "rsa-3072"]}))
    name = acme.name()
    order = acme.ready(client, name)
    assert "policy.key.endpoint" in refused(client, order, make_csr((name,)))
    csr = make_csr((name,), rsa.generate_private_key(65537, 2048))
    assert client.finalize(order, csr).json["status"] == "valid"


def test_a_key_revoked_as_compromised(acme: Acme, client: RawClient) -> None:
    name, key = acme.name(), new_key()
    _, chain = acme.issue(client, name, key=key)
    assert client.revoke(der(chain[0]), reason=1).status == 200
    order = client.order(name)
    wanted = {**order.json, "url": order.headers["location"]}
    assert "key.compromised" in refused(client, wanted, make_csr((name,), key))
    assert client.finalize(wanted, make_csr((name,))).json["status"] == "valid"


def test_a_policy_that_has_changed_since_the_order(acme: Acme) -> None:
    endpoint = acme.endpoint("moving")
    client = acme.registered(endpoint)
    name = acme.name()
    order = acme.ready(client, name)
    acme.endpoint(endpoint, policy={"names": {"deny": {"dns": [name]}}})
    reply = client.finalize(order, make_csr((name,)))
    assert reply.refusal == (403, "rejectedIdentifier")
    assert reply.json["subproblems"][0]["identifier"] == {"type": "dns", "value": name}
    acme.endpoint(endpoint)
    assert client.finalize(order, make_csr((name,))).json["status"] == "valid"


def test_an_order_is_finalized_twenty_times_at_once(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = acme.ready(client, name)
    before = acme.home.run(certificates)
    clients = [acme.client(key=client.key) for _ in range(20)]
    for one in clients:
        one.kid = client.kid
    csrs = [make_csr((name,)) for _ in clients]
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda one, csr: one.finalize(order, csr), clients, csrs))
    done = [reply for reply in replies if reply.status == 200]
    assert len(done) == 1
    assert {reply.refusal for reply in replies if reply.status != 200} == {(403, "orderNotReady")}
    assert acme.home.run(certificates) == before + 1
    assert client.post(order["url"]).json["certificate"] == done[0].json["certificate"]


def test_an_order_is_finalized_at_two_processes_at_once(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = acme.ready(client, name)
    before = acme.home.run(certificates)
    with acme.home.served(ports=acme.other_ports()) as other:
        ports = (acme.site.ports["https"], other.ports["https"])
        clients = [acme.client(key=client.key, port=port) for port in ports for _ in range(4)]
        for one in clients:
            one.kid = client.kid
        csrs = [make_csr((name,)) for _ in clients]
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda one, csr: one.finalize(order, csr), clients, csrs))
    assert sorted(reply.status for reply in replies) == [200] + [403] * 7
    assert acme.home.run(certificates) == before + 1


def test_one_request_twenty_times_at_once(acme: Acme, client: RawClient) -> None:
    """The same octets: one nonce."""
    name = acme.name()
    order = acme.ready(client, name)
    body = client.signed(order["finalize"], {"csr": text64(make_csr((name,)))})
    clients = [acme.client() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda one: one.post_body(order["finalize"], body), clients))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 19
    assert {reply.error for reply in replies if reply.status != 200} == {"badNonce"}


def test_orders_of_many_accounts_at_once(acme: Acme) -> None:
    def issue(client: RawClient) -> str:
        _, chain = acme.issue(client, acme.name())
        return str(chain[0].serial_number)

    clients = [acme.registered() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(issue, clients))) == 10
