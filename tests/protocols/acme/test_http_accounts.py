"""Accounts over HTTP: made, found, changed, given another key, deactivated (RFC 8555 section 7.3)."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certwright.core.acme_settings import AcmeSettings
from certwright.operations.acme_lookups import binding_context
from certwright.operations.acme_orders import attempt_challenge
from certwright.operations.acme_request import Signed
from certwright.operations.context import Context
from certwright.operations.external_account_keys import create_account_key, revoke_account_key
from certwright.operations.manage_acme_accounts import account_documents, list_accounts
from certwright.site.wiring import validations
from certwright.store.enrolment import load_authorization
from certwright.store.ledger import Change
from certwright.store.rows import AuditEventRow
from tests.protocols.acme.raw_client import RawClient, der, flattened, jwk, new_key
from tests.protocols.acme.served import Acme, make_csr
from tests.real.certwright import ADMINISTRATOR

TERMS = "https://pki.example/terms"


# -- made and found ----------------------------------------------------------------------------------


def test_a_new_account(acme: Acme) -> None:
    client = acme.client()
    reply = client.register(contact=["mailto:Admin@Example.org", "mailto:b@example.org"])
    assert reply.json == {
        "status": "valid",
        "contact": ["mailto:Admin@example.org", "mailto:b@example.org"],
        "orders": client.kid.replace("/account/", "/orders/"),
        "termsOfServiceAgreed": True,
    }
    assert client.post(client.kid).json == reply.json


@pytest.mark.parametrize("payload", [{}, {"onlyReturnExisting": True}, {"contact": ["tel:1"]}])
def test_a_key_that_has_an_account(acme: Acme, client: RawClient, payload: dict[str, Any]) -> None:
    again = acme.client(key=client.key)
    reply = again.post(again.directory["newAccount"], payload)
    assert reply.status == 200
    assert reply.headers["location"] == client.kid
    assert reply.json == client.post(client.kid).json


def test_only_an_existing_one(acme: Acme) -> None:
    client = acme.client()
    reply = client.post(client.directory["newAccount"], {"onlyReturnExisting": True})
    assert reply.refusal == (400, "accountDoesNotExist")


@pytest.mark.parametrize(
    ("contact", "error"),
    [
        (["tel:+1234"], "unsupportedContact"),
        (["https://example.org"], "unsupportedContact"),
        (["mailto:"], "invalidContact"),
        (["mailto:a@example.org,b@example.org"], "invalidContact"),
        (["mailto:a@example.org?subject=x"], "invalidContact"),
        (["mailto:a@example.org\n"], "invalidContact"),
        ([7], "invalidContact"),
        ("mailto:a@example.org", "invalidContact"),
        (["mailto:a@example.org"] * 11, "invalidContact"),
    ],
)
def test_contacts(acme: Acme, client: RawClient, contact: object, error: str) -> None:
    stranger = acme.client()
    assert stranger.post(stranger.directory["newAccount"], {"contact": contact}).refusal == (400, error)
    assert client.post(client.kid, {"contact": contact}).refusal == (400, error)
    assert client.post(client.kid).json["contact"] == []


def test_contacts_are_replaced(client: RawClient) -> None:
    reply = client.post(client.kid, {"contact": ["mailto:a@example.org"], "status": "revoked"})
    assert (reply.status, reply.json["contact"]) == (200, ["mailto:a@example.org"])
    assert client.post(client.kid, {}).json["contact"] == ["mailto:a@example.org"]
    assert client.post(client.kid, {"contact": []}).json["contact"] == []


def test_another_account_is_nobody_elses(acme: Acme, client: RawClient) -> None:
    other = acme.registered()
    for url in (other.kid, other.post(other.kid).json["orders"]):
        assert client.post(url).refusal == (403, "unauthorized")
    assert client.post(other.kid, {"status": "deactivated"}).refusal == (403, "unauthorized")


def test_terms_of_service(acme: Acme) -> None:
    acme.endpoint("terms", {"terms_of_service": TERMS})
    client = acme.client("terms")
    assert client.directory["meta"]["termsOfService"] == TERMS
    for payload in ({}, {"termsOfServiceAgreed": False}):
        reply = client.post(client.directory["newAccount"], payload)
        assert reply.refusal == (403, "userActionRequired")
        assert reply.json["instance"] == TERMS
        assert reply.links["terms-of-service"] == TERMS
    client.register()


def test_twenty_at_once_make_one_account(acme: Acme) -> None:
    key = new_key()
    clients = [acme.client(key=key) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda one: one.post(one.directory["newAccount"], {}), clients))
    assert sorted(reply.status for reply in replies) == [200] * 19 + [201]
    assert len({reply.headers["location"] for reply in replies}) == 1


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (ec.derive_private_key(1, ec.SECP256R1()), "key.weak.small-scalar"),
        (rsa.generate_private_key(65537, 1024), "1024 bits"),
        (rsa.generate_private_key(3, 2048), "exponent"),
    ],
)
def test_weak_keys(acme: Acme, client: RawClient, key: Any, why: str) -> None:
    weak = acme.client(key=key)
    reply = weak.post(weak.directory["newAccount"], {})
    assert reply.refusal == (400, "badPublicKey")
    assert why in reply.json["detail"]
    assert change_key(client, key).refusal == (400, "badPublicKey")


def test_a_private_key_is_refused(acme: Acme) -> None:
    client = acme.client()
    reply = client.post(client.directory["newAccount"], {}, jwk={**jwk(client.key), "d": "AQAB"})
    assert reply.refusal == (400, "badPublicKey")


def test_a_key_known_as_compromised(acme: Acme, client: RawClient) -> None:
    key = new_key()
    _, chain = acme.issue(client, acme.name(), key=key)
    assert client.revoke(der(chain[0]), reason=1).status == 200
    stranger = acme.client(key=key)
    assert stranger.post(stranger.directory["newAccount"], {}).refusal == (400, "badPublicKey")
    assert change_key(client, key).refusal == (400, "badPublicKey")


# -- another key -------------------------------------------------------------------------------------


def change_key(client: RawClient, new: Any, **changes: Any) -> Any:
    """A key change; `changes` to the inner JWS: its header, `account`, `old`, `signer`."""
    url = client.directory["keyChange"]
    kind = "ES256" if isinstance(new, ec.EllipticCurvePrivateKey) else "RS256"
    header = {"alg": kind, "jwk": jwk(new), "url": url, **changes.get("header", {})}
    header = {name: value for name, value in header.items() if value is not None}
    payload = {"account": changes.get("account", client.kid), "oldKey": jwk(changes.get("old", client.key))}
    return client.post(url, flattened(changes.get("signer", new), header, payload))


def test_another_key(acme: Acme, client: RawClient) -> None:
    old, new = client.key, new_key()
    reply = change_key(client, new)
    assert (reply.status, reply.json["status"]) == (200, "valid")
    assert client.post(client.kid).refusal == (400, "malformed")
    client.key = new
    assert client.post(client.kid).status == 200
    assert client.order(acme.name()).status == 201
    successor = acme.client(key=old)
    assert successor.register().headers["location"] != client.kid


def test_a_key_that_another_account_has(acme: Acme, client: RawClient) -> None:
    other = acme.registered()
    reply = change_key(client, other.key)
    assert reply.refusal == (409, "malformed")
    assert reply.headers["location"] == other.kid
    reply = change_key(client, client.key)
    assert reply.headers["location"] == client.kid


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"header": {"nonce": "AAAA"}}, 400),
        ({"header": {"jwk": None, "kid": "x"}}, 400),
        ({"header": {"url": "https://localhost/"}}, 403),
        ({"header": {"alg": "none"}}, 400),
        ({"account": "https://localhost/acme/default/account/1"}, 403),
        ({"old": new_key()}, 403),
        ({"signer": new_key()}, 400),
    ],
)
def test_key_changes_that_are_wrong(client: RawClient, changes: dict[str, Any], status: int) -> None:
    assert change_key(client, new_key(), **changes).status == status
    assert client.post(client.kid).status == 200


def test_two_accounts_want_the_same_key_at_once(acme: Acme) -> None:
    key = new_key()
    clients = [acme.registered() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda one: change_key(one, key), clients))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7


# -- deactivated -------------------------------------------------------------------------------------


def test_a_deactivated_account(acme: Acme, client: RawClient) -> None:
    order = acme.ready(client, acme.name())
    reply = client.post(client.kid, {"status": "deactivated"})
    assert (reply.status, reply.json["status"]) == (200, "deactivated")
    csr = make_csr((order["identifiers"][0]["value"],))
    for reply in (
        client.post(client.kid),
        client.order(acme.name()),
        client.post(order["url"]),
        client.finalize(order, csr),
        client.post(client.kid, {"status": "valid"}),
        change_key(client, new_key()),
    ):
        assert reply.refusal == (401, "unauthorized")
    again = acme.client(key=client.key)
    assert again.post(again.directory["newAccount"], {}).refusal == (401, "unauthorized")


def test_a_challenge_of_an_account_that_was_deactivated(acme: Acme, client: RawClient) -> None:
    """Responded to in time, checked too late: as when the process that was to check it has died."""
    url = client.order(acme.name()).json["authorizations"][0]
    acme.publish(client, url)
    identifier = int(url.rpartition("/")[2])

    async def respond(context: Context) -> None:
        authorization = await load_authorization(context.database, identifier)
        signed = Signed("127.0.0.1", Change(), context.clock(), context.snapshot.revision)
        await attempt_challenge(context, authorization, "dns-01", signed)

    async def check(context: Context) -> str:
        checks = validations(acme.home.configuration, context, lambda error: None)
        await checks.validate(identifier, AcmeSettings())
        problem = (await load_authorization(context.database, identifier)).facts.problem
        assert problem is not None
        return problem.type

    acme.home.run(respond)
    client.post(client.kid, {"status": "deactivated"})
    assert acme.home.run(check) == "unauthorized"


# -- external account binding ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bound(acme: Acme) -> str:
    """An endpoint that wants accounts bound."""
    return acme.endpoint("bound", {"require_account_binding": True})


def account_key(acme: Acme, endpoint: str, name: str, minutes: float = 60) -> bytes:
    """Make a key for one account; its MAC key."""

    async def create(context: Context) -> str:
        until = datetime.now(UTC) + timedelta(minutes=minutes)
        return (await create_account_key(context, ADMINISTRATOR, endpoint, name, until)).key

    return base64.urlsafe_b64decode(acme.home.run(create) + "==")


def test_no_client_takes_a_key_for_an_option(acme: Acme, bound: str) -> None:
    """certbot and lego read an argument that begins with a hyphen as an option, and base64url has it."""

    async def create(context: Context) -> list[str]:
        system, told = context.random, []
        for first in range(0xF8, 0xFC):
            context.random = lambda count, first=first: bytes([first]) + system(count - 1)
            name = f"option-{first}"
            made = await create_account_key(context, ADMINISTRATOR, bound, name, None)
            told.append(made.key)
            secret = base64.urlsafe_b64decode(made.key + "=")
            assert context.keyring.decrypt(made.row.key, binding_context(name)) == secret
        return told

    for key in acme.home.run(create):
        assert len(key) == 43
        assert key[0] != "-"


def test_an_account_must_be_bound(acme: Acme, bound: str) -> None:
    client = acme.client(bound)
    assert client.directory["meta"]["externalAccountRequired"] is True
    reply = client.post(client.directory["newAccount"], {})
    assert reply.refusal == (403, "externalAccountRequired")


def test_a_bound_account(acme: Acme, bound: str) -> None:
    mac_key = account_key(acme, bound, "customer-1")
    client = acme.client(bound)
    binding = client.binding("customer-1", mac_key)
    reply = client.register(externalAccountBinding=binding)
    assert reply.json["externalAccountBinding"] == binding
    assert client.post(client.kid).json["externalAccountBinding"] == binding
    again = acme.client(bound, key=client.key)
    assert again.post(again.directory["newAccount"], {}).headers["location"] == client.kid
    other = acme.client(bound)
    reply = other.post(
        other.directory["newAccount"], {"externalAccountBinding": other.binding("customer-1", mac_key)}
    )
    assert reply.refusal == (403, "unauthorized")

    async def told(context: Context) -> list[object]:
        rows = await list_accounts(context.database, context.snapshot, ADMINISTRATOR, bound, 100)
        documents = await account_documents(context.database, rows)
        return [one["external_account_key"] for one in documents if one["id"] == client.kid.split("/")[-1]]

    assert acme.home.run(told) == ["customer-1"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"identifier": "nobody"}, 403),
        ({"mac_key": bytes(32)}, 403),
        ({"header": {"url": "https://localhost/acme/bound/new-order"}}, 403),
        ({"header": {"nonce": "AAAA"}}, 400),
        ({"header": {"alg": "none"}}, 400),
        ({"header": {"alg": "ES256"}}, 400),
        ({"key": new_key()}, 403),
    ],
)
def test_bindings_that_are_wrong(acme: Acme, bound: str, changes: dict[str, Any], status: int) -> None:
    name = f"customer-{acme.name()}"
    mac_key = account_key(acme, bound, name)
    client = acme.client(bound)
    signer = acme.client(bound, key=changes["key"]) if "key" in changes else client
    binding = signer.binding(
        changes.get("identifier", name), changes.get("mac_key", mac_key), **changes.get("header", {})
    )
    reply = client.post(client.directory["newAccount"], {"externalAccountBinding": binding})
    assert reply.status == status
    assert reply.error in {"unauthorized", "malformed", "badSignatureAlgorithm"}
    client.register(externalAccountBinding=client.binding(name, mac_key))


def test_a_binding_key_that_was_revoked(acme: Acme, bound: str) -> None:
    mac_key = account_key(acme, bound, "customer-2")
    acme.home.run(lambda context: revoke_account_key(context, ADMINISTRATOR, "customer-2"))
    client = acme.client(bound)
    payload = {"externalAccountBinding": client.binding("customer-2", mac_key)}
    assert client.post(client.directory["newAccount"], payload).refusal == (403, "unauthorized")


def test_a_binding_key_of_another_endpoint(acme: Acme, bound: str) -> None:
    mac_key = account_key(acme, bound, "customer-3")
    client = acme.client()
    payload = {"externalAccountBinding": client.binding("customer-3", mac_key)}
    assert client.post(client.directory["newAccount"], payload).refusal == (403, "unauthorized")


def test_a_binding_key_binds_one_of_many_at_once(acme: Acme, bound: str) -> None:
    mac_key = account_key(acme, bound, "customer-4")
    clients = [acme.client(bound) for _ in range(8)]

    def register(client: RawClient) -> int:
        payload = {"externalAccountBinding": client.binding("customer-4", mac_key)}
        return client.post(client.directory["newAccount"], payload).status

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(register, clients)) == [201] + [403] * 7


def test_what_happened_is_in_the_audit(acme: Acme) -> None:
    client = acme.client()
    client.register()
    client.post(client.kid, {"contact": ["mailto:a@example.org"]})
    change_key(client, key := new_key())
    client.key = key
    client.post(client.kid, {"status": "deactivated"})
    account = client.kid.rpartition("/")[2]

    async def events(context: Context) -> list[str]:
        rows = await context.database.select(AuditEventRow, '1 = 1 ORDER BY "number"')
        return [row.kind for row in rows if row.subject == f"acme-account:{account}"]

    assert acme.home.run(events) == [
        "acme.account-created",
        "acme.account-changed",
        "acme.account-key-changed",
        "acme.account-deactivated",
    ]
