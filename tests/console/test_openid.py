"""What an OpenID provider says, judged: forged tokens, keys and metadata of every kind we know."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from certwright.console.login.openid import (
    Expected,
    Provider,
    authorization_url,
    check_token,
    join_claims,
    metadata_url,
    person,
    read_metadata,
)
from certwright.core.errors import Malformed, Unauthenticated

ISSUER, CLIENT, NONCE = "https://id.example/realm", "certwright", "n" * 40
ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
OTHER = ec.generate_private_key(ec.SECP256R1())
PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def as_jwk(algorithm: str, key: Any, **more: str) -> dict[str, Any]:
    made: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return made | more


KEYS = {
    "keys": [
        as_jwk("RS256", RSA, kid="rsa"),
        as_jwk("ES256", EC, kid="ec", use="sig"),
        as_jwk("EdDSA", ED, kid="ed"),
        as_jwk("ES256", OTHER, kid="for-encryption", use="enc"),
        {"kty": "oct", "k": base64.urlsafe_b64encode(b"shared" * 8).decode(), "kid": "shared"},
    ]
}


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"iss": ISSUER, "aud": CLIENT, "sub": "7", "exp": now + 300, "iat": now, "nonce": NONCE} | more
    return {name: value for name, value in made.items() if value is not None}


def token(key: Any = EC, algorithm: str = "ES256", kid: str | None = "ec", **more: Any) -> str:
    return jwt.encode(claims(**more), key, algorithm, {"kid": kid} if kid else {})


def judged(text: str, keys: dict[str, Any] = KEYS, **more: Any) -> dict[str, Any]:
    expected: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": CLIENT,
        "nonce": NONCE,
        "algorithms": ALGORITHMS,
    }
    return check_token(text, keys, Expected(**(expected | more)))


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "rsa"), (RSA, "PS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")],
)
def test_a_good_token_is_believed(key: Any, algorithm: str, kid: str) -> None:
    assert judged(token(key, algorithm, kid))["sub"] == "7"
    assert judged(token(key, algorithm, kid, aud=[CLIENT, "other"], azp=CLIENT))["sub"] == "7"


def _unsigned() -> str:
    return jwt.encode(claims(), None, "none", {"kid": "ec"})


def _by_hand(header: dict[str, str], secret: bytes) -> str:
    """A token by HMAC with any octets, a public key in PEM too, which PyJWT would not make."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims())]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")
    return (signed + b"." + signature).decode()


def _spoiled() -> str:
    head, _, signature = token().rsplit(".", 2)
    body = base64.urlsafe_b64encode(json.dumps(claims(sub="1")).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


PUBLIC_OCTETS = EC.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
FORGED = {
    "no algorithm": _unsigned(),
    "HMAC with the public key": _by_hand({"alg": "HS256", "kid": "rsa"}, PEM),
    "HMAC with the public point": _by_hand({"alg": "HS256", "kid": "ec"}, PUBLIC_OCTETS),
    "HMAC with a shared key of the key list": _by_hand({"alg": "HS256", "kid": "shared"}, b"shared" * 8),
    "HMAC that says ES256": _by_hand({"alg": "ES256", "kid": "ec"}, PUBLIC_OCTETS),
    "another key": token(OTHER),
    "a key for encryption": token(OTHER, kid="for-encryption"),
    "an unknown key": token(OTHER, kid="unknown"),
    "a key of another kind": token(EC, kid="rsa"),
    "an algorithm that is not set": token(RSA, "RS512", "rsa"),
    "another payload": _spoiled(),
    "no token": "x",
    "empty": "",
    "critical extension": jwt.encode(claims(), EC, "ES256", {"kid": "ec", "crit": ["x"], "x": 1}),
}
LATER = object()
"""Ten minutes from when it is asked for, which may be long after this was read."""
WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://id.example/realm/"},
    "another client": {"aud": "other"},
    "another party": {"aud": [CLIENT, "other"], "azp": "other"},
    "many clients without a party": {"aud": [CLIENT, "other"]},
    "over": {"exp": int(time.time()) - 120},
    "from the future": {"iat": LATER},
    "another nonce": {"nonce": "m" * 40},
    "no nonce": {"nonce": None},
    "no end": {"exp": None},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a long subject": {"sub": "s" * 256},
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_token_is_not(case: str) -> None:
    with pytest.raises(Unauthenticated):
        judged(FORGED[case])


@pytest.mark.parametrize("case", WRONG)
def test_nor_is_one_that_says_something_else(case: str) -> None:
    said = {name: int(time.time()) + 600 if value is LATER else value for name, value in WRONG[case].items()}
    with pytest.raises(Unauthenticated):
        judged(token(**said))


def test_keys_that_do_not_tell_which_or_are_weak_are_none() -> None:
    twice = {"keys": [as_jwk("ES256", EC), as_jwk("ES256", OTHER)]}
    weak = rsa.generate_private_key(65537, 1024)
    for text, keys in (
        (token(kid=None), twice),
        (token(), {}),
        (token(), {"keys": "none"}),
        (token(), {"keys": [None, {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "?", "y": "?"}]}),
        (token(weak, "RS256", "weak"), {"keys": [as_jwk("RS256", weak, kid="weak")]}),
    ):
        with pytest.raises(Unauthenticated):
            judged(text, keys)
    assert judged(token(kid=None), {"keys": [as_jwk("ES256", EC)]})["sub"] == "7"


def test_a_fresh_proof_is_one_that_is_dated() -> None:
    now = datetime.now(UTC)
    assert judged(token(auth_time=int(now.timestamp())), proved_since=now)
    for auth_time in (None, int((now - timedelta(minutes=5)).timestamp()), "now", True):
        with pytest.raises(Unauthenticated, match="anew"):
            judged(token(auth_time=auth_time), proved_since=now)


@given(
    st.text(),
    st.dictionaries(st.text(), st.none() | st.text() | st.lists(st.dictionaries(st.text(), st.text()))),
)
def test_nothing_else_than_a_refusal_comes_of_rubbish(text: str, keys: dict[str, Any]) -> None:
    for one in (text, token(), f"{text}.{text}.{text}"):
        with pytest.raises(Unauthenticated):
            judged(one, keys)


def document(**more: Any) -> dict[str, Any]:
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
    return {"issuer": ISSUER, **{name: f"https://id.example/{name}" for name in names}} | more


def test_metadata_is_of_the_very_issuer_and_leads_to_https() -> None:
    assert metadata_url(ISSUER) == f"{ISSUER}/.well-known/openid-configuration"
    assert read_metadata(ISSUER, document()).keys == "https://id.example/jwks_uri"
    for more in (
        {"issuer": f"{ISSUER}/"},
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://id.example/token"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"userinfo_endpoint": 7},
    ):
        with pytest.raises(Malformed):
            read_metadata(ISSUER, document(**more))


def test_one_is_sent_with_a_challenge_and_keeps_what_the_address_had() -> None:
    provider = Provider(ISSUER, "https://id.example/go?tenant=1", "", "", "", False)
    url = urlsplit(authorization_url(provider, {"state": "s&t"}, "v" * 64))
    asked = parse_qs(url.query)
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 64).digest()).decode().rstrip("=")
    assert asked["tenant"] == ["1"]
    assert (asked["state"], asked["code_challenge"]) == (["s&t"], [digest])
    assert (asked["response_type"], asked["code_challenge_method"]) == (["code"], ["S256"])


def test_a_person_is_read_from_the_claims() -> None:
    found = person(
        {"sub": "7", "preferred_username": "Alice", "groups": "one", "name": 1},
        "preferred_username",
        "groups",
    )
    assert (found.external_id, found.name, found.groups, found.display_name) == ("7", "Alice", ("one",), "")
    for more in ({"preferred_username": None}, {"groups": [1]}, {"groups": {}}, {"groups": ["g"] * 1001}):
        with pytest.raises(Unauthenticated):
            person({"sub": "7", "preferred_username": "Alice"} | more, "preferred_username", "groups")
    with pytest.raises(Unauthenticated):
        join_claims({"sub": "7"}, {"sub": "8", "groups": ["admins"]})
    assert join_claims({"sub": "7", "name": "signed"}, {"sub": "7", "name": "x", "a": 1})["name"] == "signed"
