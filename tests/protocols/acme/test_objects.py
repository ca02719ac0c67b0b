import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from certwright.core.names import parse_identifier
from certwright.core.orders import (
    AccountStatus,
    AuthorizationFacts,
    OrderFacts,
    Problem,
    attempt,
    fail,
    fail_order,
    finalize,
    issue,
    succeed,
    target_of,
)
from certwright.protocols.acme import objects
from certwright.protocols.acme.encoding import JsonObject, encode_object
from certwright.protocols.acme.renewal import parse_certificate_key
from certwright.protocols.acme.resources import Urls
from certwright.protocols.acme.rules import EndpointRules, OrderRequest

URLS = Urls("https://pki.example/acme/default")
NOW = datetime(2016, 1, 1, 12, 0, 0, 990_000, tzinfo=UTC)
DAY = timedelta(days=1)
WWW = parse_identifier("dns", "www.example.org")
WILD = parse_identifier("dns", "*.example.org")
KINDS = ("http-01", "dns-01", "tls-alpn-01")
PENDING = AuthorizationFacts("a1", target_of(WWW), KINDS, "DGyRejmCefe7v4NfDGDKfA", NOW + 7 * DAY)
TRIED = attempt(PENDING, "http-01", NOW)
VALID = succeed(TRIED, NOW, NOW + 30 * DAY)


def _json(members: JsonObject) -> object:
    return json.loads(encode_object(members))


def test_directory() -> None:
    assert _json(objects.directory_object(URLS, EndpointRules())) == {
        "newNonce": "https://pki.example/acme/default/new-nonce",
        "newAccount": "https://pki.example/acme/default/new-account",
        "newOrder": "https://pki.example/acme/default/new-order",
        "revokeCert": "https://pki.example/acme/default/revoke-cert",
        "keyChange": "https://pki.example/acme/default/key-change",
        "renewalInfo": "https://pki.example/acme/default/renewal-info",
        "meta": {"externalAccountRequired": False},
    }
    full = EndpointRules(
        terms_of_service="https://pki.example/terms",
        website="https://pki.example/",
        caa_identities=("pki.example",),
        profiles=(("classic", "90 days"), ("short", "6 days")),
        external_account_required=True,
    )
    assert objects.directory_object(URLS, full)["meta"] == {
        "termsOfService": "https://pki.example/terms",
        "website": "https://pki.example/",
        "caaIdentities": ["pki.example"],
        "profiles": {"classic": "90 days", "short": "6 days"},
        "externalAccountRequired": True,
    }


def test_account_and_its_orders() -> None:
    status, contacts = AccountStatus.VALID, ("mailto:admin@example.org",)
    account = objects.account_object(URLS, "k1", status, contacts, terms_agreed=False, binding=None)
    assert _json(account) == {
        "status": "valid",
        "contact": ["mailto:admin@example.org"],
        "orders": "https://pki.example/acme/default/orders/k1",
    }
    binding: JsonObject = {"protected": "e30", "payload": "", "signature": "AA"}
    account = objects.account_object(URLS, "k1", status, (), terms_agreed=True, binding=binding)
    assert account["externalAccountBinding"] == binding
    assert account["termsOfServiceAgreed"] is True
    assert objects.orders_object(URLS, ["o1", "o2"]) == {
        "orders": [f"https://pki.example/acme/default/order/{key}" for key in ("o1", "o2")]
    }


def test_a_pending_authorization_offers_http_01_first_and_one_token() -> None:
    token = "DGyRejmCefe7v4NfDGDKfA"
    base = "https://pki.example/acme/default/challenge/a1"
    assert _json(objects.authorization_object(URLS, PENDING, NOW)) == {
        "status": "pending",
        "expires": "2016-01-08T12:00:00Z",
        "identifier": {"type": "dns", "value": "www.example.org"},
        "challenges": [
            {"type": kind, "url": f"{base}/{kind}", "status": "pending", "token": token} for kind in KINDS
        ],
    }


def test_a_valid_authorization_shows_how_it_became_so() -> None:
    facts = replace(VALID, target=target_of(WILD))
    assert _json(objects.authorization_object(URLS, facts, NOW)) == {
        "status": "valid",
        "expires": "2016-01-31T12:00:00Z",
        "identifier": {"type": "dns", "value": "example.org"},
        "wildcard": True,
        "challenges": [
            {
                "type": "http-01",
                "url": "https://pki.example/acme/default/challenge/a1/http-01",
                "status": "valid",
                "token": "DGyRejmCefe7v4NfDGDKfA",
                "validated": "2016-01-01T12:00:00Z",
            }
        ],
    }


def test_an_invalid_authorization_shows_why() -> None:
    failed = fail(TRIED, NOW, Problem("incorrectResponse", "the body is another"))
    (challenge,) = objects.authorization_object(URLS, failed, NOW)["challenges"]  # type: ignore[misc]
    assert challenge["status"] == "invalid"
    assert challenge["error"]["type"] == "urn:ietf:params:acme:error:incorrectResponse"
    assert objects.challenge_object(URLS, TRIED, "http-01", NOW)["status"] == "processing"
    assert "error" not in objects.challenge_object(URLS, TRIED, "http-01", NOW)


def test_orders() -> None:
    facts = OrderFacts("o1", (WWW, WILD), (VALID, replace(VALID, key="a2")), NOW + 7 * DAY)
    request = OrderRequest((WWW, WILD))
    ready = objects.order_object(URLS, facts, request, NOW)
    assert _json(ready) == {
        "status": "ready",
        "expires": "2016-01-08T12:00:00Z",
        "identifiers": [
            {"type": "dns", "value": "www.example.org"},
            {"type": "dns", "value": "*.example.org"},
        ],
        "authorizations": [f"https://pki.example/acme/default/authorization/a{n}" for n in (1, 2)],
        "finalize": "https://pki.example/acme/default/finalize/o1",
    }
    processing = finalize(facts, NOW)
    request = replace(
        request,
        not_before=NOW,
        not_after=NOW + DAY,
        profile="short",
        replaces=parse_certificate_key("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"),
    )
    issued = objects.order_object(URLS, issue(processing, NOW, "c1"), request, NOW)
    assert issued == ready | {
        "status": "valid",
        "certificate": "https://pki.example/acme/default/certificate/c1",
        "notBefore": "2016-01-01T12:00:00Z",
        "notAfter": "2016-01-02T12:00:00Z",
        "profile": "short",
        "replaces": "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
    }
    failed = objects.order_object(URLS, fail_order(processing, NOW, Problem("caa", "no")), request, NOW)
    assert failed["status"] == "invalid"
    assert failed["error"] == {"type": "urn:ietf:params:acme:error:caa", "detail": "no", "status": 403}
