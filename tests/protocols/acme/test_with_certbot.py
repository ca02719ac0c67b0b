"""Certbot's own library signs requests for us and reads our objects."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import josepy
import pytest
from acme import challenges as acme_challenges
from acme import jws as acme_jws
from acme import messages as acme_messages
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certwright.core.names import parse_identifier
from certwright.core.orders import (
    AccountStatus,
    AuthorizationFacts,
    OrderFacts,
    Problem,
    attempt,
    fail,
    finalize,
    issue,
    succeed,
    target_of,
)
from certwright.protocols.acme import challenges, jws, messages, nested, objects, problems, rules
from certwright.protocols.acme.encoding import JsonObject, encode_base64url, encode_object
from certwright.protocols.acme.jwk import parse_jwk, public_key
from certwright.protocols.acme.resources import Resource, Urls

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
URLS = Urls("https://pki.example/acme/default")
URL = URLS.of(Resource.NEW_ACCOUNT)
KID = URLS.of(Resource.ACCOUNT, "k1")
WILD = parse_identifier("dns", "*.example.org")
FACTS = AuthorizationFacts(
    "a1", target_of(WILD), challenges.DEFAULT_CHALLENGES, encode_base64url(bytes(range(16))), NOW + DAY
)

KEYS = {
    "RS256": (josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048)), josepy.RS256),
    "ES256": (josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1())), josepy.ES256),
    "ES384": (josepy.JWKEC(key=ec.generate_private_key(ec.SECP384R1())), josepy.ES384),
    "ES512": (josepy.JWKEC(key=ec.generate_private_key(ec.SECP521R1())), josepy.ES512),
}


def _object(members: JsonObject) -> Any:
    return json.loads(encode_object(members))


@pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))
@pytest.mark.parametrize("kid", [None, KID])
def test_we_read_what_it_signs(key: Any, kid: str | None) -> None:
    payload = acme_messages.NewRegistration.from_data(
        email="admin@example.org", terms_of_service_agreed=True
    ).json_dumps()
    signed = acme_jws.JWS.sign(payload.encode(), key[0], key[1], nonce=b"\x01" * 32, url=URL, kid=kid)
    parsed = jws.parse_request(signed.json_dumps(indent=2).encode(), URL)
    account_key = parse_jwk(json.loads(key[0].public_key().json_dumps()))
    assert parsed.header.jwk == (None if kid else account_key)
    jws.verify(parsed, public_key(account_key))
    assert parsed.header.kid == (kid or "")
    message = messages.parse_new_account(parsed.payload)
    assert rules.check_new_account(message, rules.EndpointRules(terms_of_service="x")) == (
        "mailto:admin@example.org",
    )


@pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))
def test_thumbprints_and_key_authorizations_agree(key: Any) -> None:
    signed = acme_jws.JWS.sign(b"", key[0], key[1], nonce=b"\x01", url=URL)
    jwk = jws.require_jwk(jws.parse_request(signed.json_dumps().encode(), URL))
    assert jwk.thumbprint == josepy.b64encode(key[0].thumbprint()).decode()
    for kind in (acme_challenges.HTTP01, acme_challenges.DNS01):
        challenge = kind(token=bytes(range(16)))
        assert challenge.key_authorization(key[0]) == challenges.key_authorization(FACTS.token, jwk)
    expected = acme_challenges.DNS01(token=bytes(range(16))).validation(key[0])
    assert challenges.dns_01_value(challenges.key_authorization(FACTS.token, jwk)) == expected


@pytest.mark.parametrize("algorithm", nested.MAC_ALGORITHMS)
def test_we_read_its_external_account_binding(algorithm: str) -> None:
    directory = acme_messages.Directory.from_json(
        _object(objects.directory_object(URLS, rules.EndpointRules()))
    )
    key, signature = KEYS["ES256"]
    mac_key = bytes(range(32))
    members = acme_messages.ExternalAccountBinding.from_data(
        key.public_key(), "customer-17", josepy.b64encode(mac_key).decode(), directory, algorithm
    )
    signed = acme_jws.JWS.sign(b"", key, signature, nonce=b"\x01", url=URL)
    jwk = jws.require_jwk(jws.parse_request(signed.json_dumps().encode(), URL))
    binding = nested.parse_binding(members, URL)
    assert binding.key_identifier == "customer-17"
    nested.verify_binding(binding, mac_key, jwk)


def test_it_reads_our_directory() -> None:
    endpoint = rules.EndpointRules(
        terms_of_service="https://pki.example/terms",
        website="https://pki.example/",
        caa_identities=("pki.example",),
        profiles=(("classic", "90 days"),),
    )
    directory = acme_messages.Directory.from_json(_object(objects.directory_object(URLS, endpoint)))
    assert directory["newOrder"] == URLS.of(Resource.NEW_ORDER)
    assert directory["renewalInfo"] == URLS.of(Resource.RENEWAL_INFO)
    assert directory.meta.terms_of_service == "https://pki.example/terms"
    assert directory.meta.external_account_required is False
    assert directory.meta.profiles == {"classic": "90 days"}


def test_it_reads_our_accounts() -> None:
    account = objects.account_object(
        URLS, "k1", AccountStatus.VALID, ("mailto:admin@example.org",), terms_agreed=True, binding=None
    )
    registration = acme_messages.Registration.from_json(_object(account))
    assert registration.emails == ("admin@example.org",)
    assert registration.status == "valid"


def test_it_reads_our_authorizations() -> None:
    tried = attempt(FACTS, "dns-01", NOW)
    failed = fail(tried, NOW, Problem("dns", "no TXT record"))
    for facts in (FACTS, tried, failed, succeed(tried, NOW, NOW + DAY)):
        shown = objects.authorization_object(URLS, facts, NOW)
        read = acme_messages.Authorization.from_json(_object(shown))
        assert read.identifier.value == "example.org"
        assert read.wildcard
        assert read.status.name == shown["status"]
        assert read.expires == facts.expires_at
    read = acme_messages.Authorization.from_json(_object(objects.authorization_object(URLS, FACTS, NOW)))
    assert [body.chall.to_json()["type"] for body in read.challenges] == ["http-01", "dns-01", "tls-alpn-01"]
    assert {body.chall.token for body in read.challenges[:2]} == {bytes(range(16))}
    read = acme_messages.Authorization.from_json(_object(objects.authorization_object(URLS, failed, NOW)))
    assert read.challenges[0].error.code == "dns"


def test_it_reads_our_orders() -> None:
    valid = succeed(attempt(FACTS, "dns-01", NOW), NOW, NOW + DAY)
    order = finalize(OrderFacts("o1", (WILD,), (valid,), NOW + DAY), NOW)
    request = rules.OrderRequest((WILD,), profile="classic")
    for facts in (order, issue(order, NOW, "c1"), replace(order, finalized_at=None)):
        shown = objects.order_object(URLS, facts, request, NOW)
        read = acme_messages.Order.from_json(_object(shown))
        assert read.status.name == shown["status"]
        assert read.identifiers[0].value == "*.example.org"
        assert read.certificate == shown.get("certificate")
        assert read.finalize == shown["finalize"]


def test_it_reads_our_problems() -> None:
    part = problems.Subproblem(problems.ProblemType.REJECTED_IDENTIFIER, "no", ("dns", "example.net"))
    problem = problems.AcmeProblem(problems.ProblemType.COMPOUND, "several", subproblems=(part,))
    read = acme_messages.Error.from_json(json.loads(problems.encode(problem)))
    assert read.code == "compound"
    assert read.subproblems[0].code == "rejectedIdentifier"
    unknown_to_it = {"alreadyReplaced", "invalidProfile", "userActionRequired"}
    assert set(problems.ProblemType) - unknown_to_it <= set(acme_messages.ERROR_CODES)
