import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import CertwrightError, Malformed
from certwright.protocols.acme import jws
from certwright.protocols.acme.encoding import decode_base64url, encode_base64url
from certwright.protocols.acme.jwk import Jwk
from certwright.protocols.acme.nested import Binding, parse_binding, read_key_change, verify_binding
from certwright.protocols.acme.problems import AcmeProblem, problem_of

from . import vectors
from .signing import ACCOUNT_URL, URL, Members, Signer, mac, make_signer

MAC_KEY = bytes(range(32))
OLD, NEW = make_signer("ES256"), make_signer("EdDSA")
JWK = json.loads(OLD.jwk.canonical)
HEADER: Members = {"alg": "HS256", "kid": "customer-17", "url": URL}


def test_the_mac_of_rfc_7515() -> None:
    protected, payload = vectors.MAC_PROTECTED, vectors.MAC_PAYLOAD
    binding = Binding(
        "", OLD.jwk, "HS256", f"{protected}.{payload}".encode(), decode_base64url(vectors.MAC, ""), {}
    )
    verify_binding(binding, decode_base64url(vectors.MAC_KEY, ""), OLD.jwk)


@pytest.mark.parametrize(
    ("algorithm", "digest"), [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")]
)
def test_a_binding_is_read_and_verified(algorithm: str, digest: str) -> None:
    members = mac(MAC_KEY, json.dumps(JWK).encode(), HEADER | {"alg": algorithm}, digest)
    binding = parse_binding(members, URL)
    assert binding.key_identifier == "customer-17"
    assert binding.document == members
    verify_binding(binding, MAC_KEY, OLD.jwk)
    with pytest.raises(AcmeProblem) as other_mac_key:
        verify_binding(binding, bytes(32), OLD.jwk)
    with pytest.raises(AcmeProblem) as other_account_key:
        verify_binding(binding, MAC_KEY, NEW.jwk)
    assert other_mac_key.value.type == other_account_key.value.type == "unauthorized"


BINDINGS: dict[str, tuple[Members, object, str]] = {
    "signed, not a MAC": ({"alg": "ES256"}, JWK, "badSignatureAlgorithm"),
    "none": ({"alg": "none"}, JWK, "badSignatureAlgorithm"),
    "no algorithm": ({"alg": None}, JWK, "badSignatureAlgorithm"),
    "alg is an array": ({"alg": ["HS256"]}, JWK, "badSignatureAlgorithm"),
    "no kid": ({"kid": None}, JWK, "malformed"),
    "kid is a number": ({"kid": 17}, JWK, "malformed"),
    "kid is not ASCII": ({"kid": "kündin"}, JWK, "malformed"),
    "long kid": ({"kid": "k" * 129}, JWK, "malformed"),
    "a nonce": ({"nonce": "AAAA"}, JWK, "malformed"),
    "a jwk": ({"jwk": JWK}, JWK, "malformed"),
    "another url": ({"url": URL + "x"}, JWK, "unauthorized"),
    "no url": ({"url": None}, JWK, "unauthorized"),
    "crit": ({"crit": ["b64"]}, JWK, "malformed"),
    "payload is no key": ({}, {"kty": "EC"}, "badPublicKey"),
    "payload is no object": ({}, [JWK], "malformed"),
}


@pytest.mark.parametrize(("changes", "payload", "problem"), BINDINGS.values(), ids=list(BINDINGS))
def test_bindings_refused(changes: Members, payload: object, problem: str) -> None:
    members = mac(MAC_KEY, json.dumps(payload).encode(), HEADER | changes)
    with pytest.raises(CertwrightError) as refusal:
        parse_binding(members, URL)
    assert problem_of(refusal.value).type == problem


@pytest.mark.parametrize(
    "members", [None, [], "text", {}, {"protected": "e30", "payload": "", "signature": 1}]
)
def test_bindings_that_are_no_jws(members: object) -> None:
    with pytest.raises(Malformed):
        parse_binding(members, URL)


# -- key change ----------------------------------------------------------------------------------


def _outer(payload: bytes) -> jws.ParsedJws:
    return jws.parse_request(OLD.body(payload, OLD.header()), URL)


def _inner(signer: Signer = NEW, change: object = None, **header: object) -> bytes:
    change = {"account": ACCOUNT_URL, "oldKey": JWK} if change is None else change
    return signer.body(json.dumps(change).encode(), signer.header_with_key(nonce=None) | header)


def test_a_key_change_is_read_and_verified() -> None:
    change = read_key_change(_outer(_inner()), OLD.jwk)
    assert change.jwk == NEW.jwk
    assert change.key == NEW.public


def _tampered() -> bytes:
    members = json.loads(_inner())
    other = json.dumps({"account": ACCOUNT_URL, "oldKey": JWK, "more": 1}).encode()
    return json.dumps(members | {"payload": encode_base64url(other)}).encode()


KEY_CHANGES: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"", "malformed"),
    "no JWS": (b"{}", "malformed"),
    "kid": (NEW.body(b"{}", NEW.header(nonce=None)), "malformed"),
    "a nonce": (_inner(nonce="AAAA"), "malformed"),
    "another url": (_inner(url=URL + "x"), "unauthorized"),
    "MAC": (_inner(alg="HS256"), "badSignatureAlgorithm"),
    "algorithm of another key": (_inner(alg="ES256"), "badPublicKey"),
    "not signed by the new key": (
        _inner(signer=OLD, jwk=json.loads(make_signer("ES256").jwk.canonical)),
        "malformed",
    ),
    "tampered": (_tampered(), "malformed"),
    "no key": (_inner(jwk={"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}), "badPublicKey"),
    "payload is an array": (_inner(change=[]), "malformed"),
    "no account": (_inner(change={"oldKey": JWK}), "malformed"),
    "another account": (_inner(change={"account": ACCOUNT_URL + "x", "oldKey": JWK}), "unauthorized"),
    "no old key": (_inner(change={"account": ACCOUNT_URL}), "badPublicKey"),
    "another old key": (
        _inner(change={"account": ACCOUNT_URL, "oldKey": json.loads(NEW.jwk.canonical)}),
        "unauthorized",
    ),
}


@pytest.mark.parametrize(("payload", "problem"), KEY_CHANGES.values(), ids=list(KEY_CHANGES))
def test_key_changes_refused(payload: bytes, problem: str) -> None:
    with pytest.raises(CertwrightError) as refusal:
        read_key_change(_outer(payload), OLD.jwk)
    assert problem_of(refusal.value).type == problem


PARTS = st.dictionaries(
    st.sampled_from(["alg", "kid", "url", "nonce", "jwk"]),
    st.none() | st.text(max_size=5) | st.sampled_from(["HS256", "EdDSA", URL]) | st.just(JWK) | st.integers(),
)


@given(PARTS, st.binary(max_size=60), st.binary(max_size=70))
def test_nothing_nested_raises_anything_else(header: Members, payload: bytes, signature: bytes) -> None:
    parts = {"protected": json.dumps(header).encode(), "payload": payload, "signature": signature}
    members: Members = {name: encode_base64url(octets) for name, octets in parts.items()}
    with pytest.raises((Malformed, AcmeProblem)):
        verify_binding(parse_binding(members, URL), MAC_KEY, OLD.jwk)
    outer = jws.ParsedJws(
        jws.ProtectedHeader("ES256", "", URL, None, ACCOUNT_URL), json.dumps(members).encode(), b"", b""
    )
    with pytest.raises((Malformed, AcmeProblem)):
        read_key_change(outer, Jwk("{}"))
