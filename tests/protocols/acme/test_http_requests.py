"""What every request has in common: methods, header fields, signatures, URLs, nonces (RFC 8555 section 6)."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from certwright.operations.context import Context
from certwright.protocols.acme.nonces import UNIQUE_OCTETS, NonceMaker
from certwright.site.installation import NONCE_CONTEXT
from tests.protocols.acme.raw_client import RawClient, flattened, jwk, new_key, octets64, text64
from tests.protocols.acme.served import Acme

RESOURCES = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")


# -- methods and header fields -----------------------------------------------------------------------


def test_the_directory_names_every_resource(acme: Acme) -> None:
    client = acme.client()
    assert client.last is not None
    base = acme.site.directory.removesuffix("directory")
    assert {name: url for name, url in client.directory.items() if name != "meta"} == {
        "newNonce": f"{base}new-nonce",
        "newAccount": f"{base}new-account",
        "newOrder": f"{base}new-order",
        "revokeCert": f"{base}revoke-cert",
        "keyChange": f"{base}key-change",
        "renewalInfo": f"{base}renewal-info",
    }
    assert client.directory["meta"]["externalAccountRequired"] is False
    assert list(client.directory["meta"]["profiles"]) == ["tls-server", "tls-server-client"]
    assert client.last.headers["content-type"] == "application/json"
    assert "replay-nonce" not in client.last.headers
    assert "link" not in client.last.headers


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
def test_new_nonce(acme: Acme, method: str, status: int) -> None:
    client = acme.client()
    first, second = (client.send(method, client.directory["newNonce"]) for _ in range(2))
    assert first.status == second.status == status
    assert first.content == b""
    assert first.headers["cache-control"] == "no-store"
    assert first.links == {"index": acme.site.directory}
    assert first.headers["replay-nonce"] != second.headers["replay-nonce"]


@pytest.mark.parametrize("resource", ["directory", "newNonce"])
def test_directory_and_new_nonce_by_post_as_get(acme: Acme, client: RawClient, resource: str) -> None:
    url = client.directory.get(resource, acme.site.directory)
    reply = client.post(url)
    assert reply.status == (204 if resource == "newNonce" else 200)
    assert reply.headers["replay-nonce"]
    assert client.post(url, {}).refusal == (400, "malformed")


def test_what_must_be_signed_for_is_not_given_to_get(acme: Acme, client: RawClient) -> None:
    order = client.order(acme.name())
    account = client.post(client.kid).json
    urls = [
        *(client.directory[name] for name in RESOURCES[1:]),
        client.kid,
        account["orders"],
        order.headers["location"],
        order.json["finalize"],
        order.json["authorizations"][0],
        client.challenge(order.json["authorizations"][0], "http-01")["url"],
        f"{acme.site.directory.removesuffix('directory')}certificate/1",
    ]
    for url in urls:
        reply = client.get(url)
        assert reply.refusal == (405, "malformed"), url
        assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods(acme: Acme, client: RawClient, method: str) -> None:
    assert client.send(method, acme.site.directory).refusal == (405, "malformed")
    reply = client.send(method, client.directory["newNonce"])
    assert reply.headers["allow"] == "GET, HEAD, POST"


def test_renewal_information_is_not_signed_for(acme: Acme, client: RawClient) -> None:
    reply = client.post(f"{client.directory['renewalInfo']}/AAAA.AAAA")
    assert reply.refusal == (405, "malformed")
    assert reply.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path", ["", "nothing", "order", "order/", "order/1/2", "new-order/1", "certificate/1/x"]
)
def test_paths_that_are_nowhere(acme: Acme, client: RawClient, path: str) -> None:
    url = acme.site.directory.removesuffix("directory") + path
    reply = client.post(url)
    assert reply.refusal == (404, "malformed")
    assert reply.headers["replay-nonce"]


@pytest.mark.parametrize("key", ["9" * 18, "9" * 19, "9" * 64, "0", "a" * 10])
def test_rows_that_are_not_there(acme: Acme, client: RawClient, key: str) -> None:
    base = acme.site.directory.removesuffix("directory")
    for resource in ("order", "authorization", "certificate"):
        assert client.post(f"{base}{resource}/{key}").refusal == (404, "malformed")
    assert client.post(f"{base}challenge/{key}/http-01", {}).refusal == (404, "malformed")
    assert client.post(f"{base}account/{key}").refusal == (403, "unauthorized")


def test_an_endpoint_that_is_not_there(acme: Acme, client: RawClient) -> None:
    assert client.get(acme.site.acme("nowhere")).refusal == (404, "malformed")
    assert client.get(acme.site.url("https", "/acme/")).refusal == (404, "malformed")


@pytest.mark.parametrize("content_type", ["", "application/json", "application/jose", "text/plain"])
def test_the_content_type(acme: Acme, client: RawClient, content_type: str) -> None:
    url = client.directory["newOrder"]
    reply = client.post_body(url, client.signed(url, {}), content_type)
    assert reply.refusal == (415, "malformed")
    assert reply.headers["replay-nonce"]


def test_parameters_of_the_content_type_are_ignored(client: RawClient) -> None:
    body = client.signed(client.kid, None)
    assert client.post_body(client.kid, body, "application/jose+json; charset=utf-8").status == 200


def test_every_answer_to_a_post_brings_a_nonce(acme: Acme, client: RawClient) -> None:
    replies = [client.post(client.kid), client.order(acme.name()), client.order(), client.revoke(b"x")]
    assert [reply.status for reply in replies] == [200, 201, 400, 404]
    for reply in replies:
        assert len(octets64(reply.headers["replay-nonce"])) == 32
        assert reply.headers["cache-control"] == "no-store"
        assert reply.links["index"] == acme.site.directory


# -- signatures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", [new_key(), rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()]
)
def test_kinds_of_account_keys(acme: Acme, key: Any) -> None:
    client = acme.registered(key=key)
    assert client.post(client.kid).json["status"] == "valid"
    assert client.order(acme.name()).status == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"protected": 1, "payload": "", "signature": ""}',
        b'{"protected": "e30", "payload": "", "signature": ""}',
        b'{"payload": "", "signature": ""}',
        b"\xff" * 100,
        b"[" * 60_000,
    ],
)
def test_bodies_that_are_no_jws(client: RawClient, body: bytes) -> None:
    reply = client.post_body(client.directory["newOrder"], body)
    assert reply.status == 400
    assert reply.error in {"malformed", "badSignatureAlgorithm", "badNonce"}


def test_a_body_that_is_too_large(client: RawClient) -> None:
    url = client.directory["newOrder"]
    assert client.post(url, {"x": "y" * 70_000}).refusal == (413, "malformed")


def test_a_signature_by_another_key(client: RawClient) -> None:
    assert client.post(client.kid, None, new_key()).refusal == (400, "malformed")


def test_a_changed_payload(acme: Acme, client: RawClient) -> None:
    url = client.directory["newOrder"]
    body = json.loads(client.signed(url, {"identifiers": [{"type": "dns", "value": acme.name()}]}))
    body["payload"] = text64(json.dumps({"identifiers": [{"type": "dns", "value": acme.name()}]}).encode())
    assert client.post_body(url, json.dumps(body).encode()).refusal == (400, "malformed")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "ES512", "PS256", ""])
def test_signature_algorithms(client: RawClient, algorithm: str) -> None:
    reply = client.post(client.kid, None, alg=algorithm)
    assert reply.refusal == (400, "badSignatureAlgorithm")
    assert "ES256" in reply.json["algorithms"]


def test_a_key_where_the_account_is_wanted(acme: Acme, client: RawClient) -> None:
    for resource in ("newOrder", "keyChange"):
        url = client.directory[resource]
        assert client.post_by_key(url, {}, client.key).refusal == (400, "malformed")
    assert client.post_by_key(client.kid, None, client.key).refusal == (400, "malformed")


def test_the_account_where_a_key_is_wanted(client: RawClient) -> None:
    assert client.post(client.directory["newAccount"], {}).refusal == (400, "malformed")


def test_both_or_neither(client: RawClient) -> None:
    url = client.directory["newOrder"]
    assert client.post(url, {}, jwk=jwk(client.key)).refusal == (400, "malformed")
    assert client.post(url, {}, kid=None).refusal == (400, "malformed")


def test_accounts_that_are_not_there(acme: Acme, client: RawClient) -> None:
    base = acme.site.directory.removesuffix("directory")
    strangers = (
        f"{base}account/1",
        f"{base}account/{'9' * 19}",
        f"{base}order/1",
        client.kid.replace("/default/", "/other/"),
        client.kid.replace("https://localhost", "https://stranger.example"),
        client.kid.replace("https:", "http:"),
        client.kid.partition("/acme/")[2],
        "1",
        "https://[",
    )
    for kid in strangers:
        assert client.post(client.directory["newOrder"], {}, kid=kid).refusal == (
            400,
            "accountDoesNotExist",
        ), kid


def test_an_account_of_another_endpoint(acme: Acme, client: RawClient) -> None:
    acme.endpoint("other-accounts")
    other = acme.registered("other-accounts")
    assert other.post(client.directory["newOrder"], {}).refusal == (400, "accountDoesNotExist")
    moved = other.kid.replace("/other-accounts/", "/default/")
    assert other.post(client.directory["newOrder"], {}, kid=moved).refusal == (400, "accountDoesNotExist")


# -- URLs and hosts ----------------------------------------------------------------------------------


def test_the_url_must_be_the_one_asked(client: RawClient) -> None:
    url = client.directory["newOrder"]
    for other in (client.directory["newAccount"], url + "?", url + "/", url.replace("https", "http"), ""):
        assert client.post(url, {}, url=other).refusal == (403, "unauthorized"), other
    assert client.post(url, {}, url=None).refusal == (400, "malformed")
    assert client.post(url, {}, url=1).refusal == (400, "malformed")


def test_a_query_is_part_of_the_url(client: RawClient) -> None:
    url = client.kid + "?x=1"
    assert client.post(url).status == 200
    assert client.post(url, None, url=client.kid).refusal == (403, "unauthorized")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_an_account_is_the_same_under_all_our_names(acme: Acme, client: RawClient, host: str) -> None:
    """Its URL keeps the name under which it was made."""
    port = acme.site.ports["https"]
    url = client.kid.replace("localhost", host)
    assert url == f"https://{host}:{port}/acme/default/account/{client.kid.rpartition('/')[2]}"
    client.port = port
    body = client.signed(url, None)
    reply = client.send(
        "POST", client.kid, body, {"content-type": "application/jose+json", "host": f"{host}:{port}"}
    )
    assert reply.json["orders"] == url.replace("/account/", "/orders/")


@pytest.mark.parametrize("host", ["stranger.example", "10.1.2.3", "[fe80::1]", "localhost.stranger.example"])
def test_a_host_that_is_not_ours(acme: Acme, client: RawClient, host: str) -> None:
    """A request passed on by one to whom it was sent, whose name is under its signature."""
    url = client.kid.replace("localhost", host)
    headers = {"content-type": "application/jose+json", "host": f"{host}:{acme.site.ports['https']}"}
    reply = client.send("POST", client.kid, client.signed(url, None), headers)
    assert reply.status == 400


# -- nonces ------------------------------------------------------------------------------------------


def replayed(client: RawClient, url: str, payload: object) -> list[tuple[int, str]]:
    """What the second and third sending of a request get."""
    body = client.signed(url, payload)
    client.post_body(url, body)
    return [client.post_body(url, body).refusal for _ in range(2)]


def test_no_request_is_taken_twice(acme: Acme, client: RawClient) -> None:
    order = {"identifiers": [{"type": "dns", "value": acme.name()}]}
    assert replayed(client, client.directory["newOrder"], order) == [(400, "badNonce")] * 2
    assert replayed(client, client.kid, {"contact": []}) == [(400, "badNonce")] * 2
    assert replayed(client, client.kid, None) == [(400, "badNonce")] * 2
    assert len(client.post(client.post(client.kid).json["orders"]).json["orders"]) == 1


@pytest.mark.parametrize("nonce", ["", "AAAA", "A" * 43, text64(bytes(32)), "not base64!", 7])
def test_nonces_that_are_not_ours(client: RawClient, nonce: object) -> None:
    reply = client.post(client.kid, None, nonce=nonce)
    assert reply.status == 400
    assert reply.error in {"badNonce", "malformed"}


def test_a_request_without_a_nonce(client: RawClient) -> None:
    assert client.post(client.kid, None, nonce=None).refusal == (400, "badNonce")


def nonce_key(acme: Acme) -> bytes:
    async def read(context: Context) -> bytes:
        return context.keyring.decrypt(context.snapshot.installation.nonce_key, NONCE_CONTEXT)

    return acme.home.run(read)


@pytest.mark.parametrize(
    ("age", "good"),
    [
        (timedelta(minutes=61), False),
        (timedelta(minutes=50), True),
        (timedelta(seconds=-30), True),
        (timedelta(minutes=-5), False),
    ],
)
def test_the_age_of_nonces(acme: Acme, client: RawClient, age: timedelta, good: bool) -> None:
    made = NonceMaker(nonce_key(acme)).make(datetime.now(UTC) - age, secrets.token_bytes(UNIQUE_OCTETS))
    reply = client.post(client.kid, None, nonce=made)
    assert reply.status == 200 if good else reply.refusal == (400, "badNonce")


def test_nonces_of_a_former_process_are_good(acme: Acme, client: RawClient) -> None:
    """Another process with the same database is as good as the same one after a restart."""
    with acme.home.served(ports=acme.other_ports()) as other:
        elsewhere = acme.client(key=client.key, port=other.ports["https"])
        elsewhere.kid = client.kid
        nonce = client.nonce()
        assert elsewhere.post(client.kid, None, nonce=nonce).status == 200


def test_what_changed_something_is_not_replayed_to_another_process(acme: Acme, client: RawClient) -> None:
    with acme.home.served(ports=acme.other_ports()) as other:
        elsewhere = acme.client(key=client.key, port=other.ports["https"])
        elsewhere.kid = client.kid
        order = {"identifiers": [{"type": "dns", "value": acme.name()}]}
        for url, payload in ((client.directory["newOrder"], order), (client.kid, {"contact": []})):
            body = client.signed(url, payload)
            assert client.post_body(url, body).status in {200, 201}
            assert elsewhere.post_body(url, body).refusal == (400, "badNonce")
            assert elsewhere.post_body(url, body).refusal == (400, "badNonce")


def test_what_was_refused_is_not_replayed_into_success(acme: Acme, client: RawClient) -> None:
    """Refused by policy here; the policy is changed, and the same request comes to another process."""
    name = acme.name()
    acme.endpoint("strict", policy={"names": {"deny": {"dns": [name]}}})
    strict = acme.registered("strict")
    url = strict.directory["newOrder"]
    body = strict.signed(url, {"identifiers": [{"type": "dns", "value": name}]})
    assert strict.post_body(url, body).refusal == (403, "rejectedIdentifier")
    acme.endpoint("strict")
    with acme.home.served(ports=acme.other_ports()) as other:
        elsewhere = acme.client("strict", port=other.ports["https"])
        assert elsewhere.post_body(url, body).refusal == (400, "badNonce")
        elsewhere.key, elsewhere.kid = strict.key, strict.kid
        assert elsewhere.order(name).status == 201


def test_a_read_may_be_repeated_at_another_process(acme: Acme, client: RawClient) -> None:
    """See docs/divergences/acme.md: it reads what its signer may read, and changes nothing."""
    with acme.home.served(ports=acme.other_ports()) as other:
        elsewhere = acme.client(key=client.key, port=other.ports["https"])
        body = client.signed(client.kid, None)
        assert client.post_body(client.kid, body).status == 200
        assert elsewhere.post_body(client.kid, body).status == 200
        assert elsewhere.post_body(client.kid, body).refusal == (400, "badNonce")


def test_the_signature_of_a_mac_is_none(client: RawClient) -> None:
    """A key that both sides know is no proof: alg says MAC, and the MAC key is the public key."""
    header = client.header(client.kid, alg="HS256")
    body = json.dumps(flattened(json.dumps(jwk(client.key)).encode(), header, None)).encode()
    assert client.post_body(client.kid, body).refusal == (400, "badSignatureAlgorithm")
