import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import CertwrightError, Malformed
from certwright.protocols.acme import jws
from certwright.protocols.acme.encoding import decode_base64url, encode_base64url
from certwright.protocols.acme.jwk import parse_jwk, public_key
from certwright.protocols.acme.problems import AcmeProblem, problem_of

from .signing import ACCOUNT_URL, NONCE, URL, Members, Signer, make_signer
from .vectors import ED25519, P256, SIGNATURES

PAYLOAD = b'{"identifiers":[{"type":"dns","value":"www.example.org"}]}'
SIGNERS = {algorithm: make_signer(algorithm) for algorithm in jws.ALGORITHMS}
ES256 = SIGNERS["ES256"]


@pytest.mark.parametrize(
    ("algorithm", "key", "protected", "payload", "signature"), SIGNATURES.values(), ids=list(SIGNATURES)
)
def test_signatures_of_the_rfcs(
    algorithm: str, key: dict[str, str], protected: str, payload: str, signature: str
) -> None:
    header, octets, mark, signed = jws.open_flattened(
        {"protected": protected, "payload": payload, "signature": signature}
    )
    assert header == {"alg": algorithm}
    jwk = parse_jwk(key)
    good = jws.ParsedJws(jws.ProtectedHeader(algorithm, "", "", jwk, ""), octets, signed, mark)
    jws.verify(good, public_key(jwk))
    for wrong in (bytes(len(mark)), mark[:-1], mark + b"\x00", b"", mark[::-1], b"\xff" * len(mark)):
        with pytest.raises(Malformed):
            jws.verify(jws.ParsedJws(good.header, octets, signed, wrong), public_key(jwk))


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=list(SIGNERS))
def test_a_request_is_read_and_verified(signer: Signer) -> None:
    parsed = jws.parse_request(signer.body(PAYLOAD, signer.header()), URL)
    jws.verify(parsed, signer.public)
    assert parsed.header == jws.ProtectedHeader(signer.algorithm, NONCE, URL, None, ACCOUNT_URL)
    assert parsed.payload == PAYLOAD
    assert jws.require_kid(parsed) == ACCOUNT_URL
    with pytest.raises(Malformed, match='wants "jwk"'):
        jws.require_jwk(parsed)

    parsed = jws.parse_request(signer.body(b"", signer.header_with_key()), URL)
    jws.verify(parsed, public_key(jws.require_jwk(parsed)))
    assert parsed.header.jwk == signer.jwk
    assert parsed.payload == b""
    with pytest.raises(Malformed, match='wants "kid"'):
        jws.require_kid(parsed)


def test_ed448_verifies_too() -> None:
    signer = Signer(ed448.Ed448PrivateKey.generate(), "EdDSA")
    jws.verify(jws.parse_request(signer.body(PAYLOAD, signer.header()), URL), signer.public)


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=list(SIGNERS))
def test_another_key_or_another_payload_does_not_verify(signer: Signer) -> None:
    parsed = jws.parse_request(signer.body(PAYLOAD, signer.header()), URL)
    with pytest.raises(Malformed, match="does not match"):
        jws.verify(parsed, make_signer(signer.algorithm).public)
    members = signer.flattened(PAYLOAD, signer.header()) | {"payload": encode_base64url(PAYLOAD + b" ")}
    with pytest.raises(Malformed, match="does not match"):
        jws.verify(jws.parse_request(json.dumps(members).encode(), URL), signer.public)


def test_an_algorithm_that_does_not_belong_to_the_key() -> None:
    rsa = SIGNERS["RS256"]
    with_account = jws.parse_request(rsa.body(PAYLOAD, rsa.header()), URL)
    with pytest.raises(AcmeProblem) as refusal:
        jws.verify(with_account, ES256.public)
    assert (refusal.value.type, refusal.value.algorithms) == ("badSignatureAlgorithm", ("ES256",))

    with_jwk = jws.parse_request(ES256.body(PAYLOAD, ES256.header_with_key(alg="RS256")), URL)
    with pytest.raises(AcmeProblem) as refusal:
        jws.verify(with_jwk, ES256.public)
    assert refusal.value.type == "badPublicKey"

    odd = ec.generate_private_key(ec.SECP256K1()).public_key()
    with pytest.raises(AcmeProblem) as refusal:
        jws.verify(with_account, odd)
    assert refusal.value.algorithms == jws.ALGORITHMS


HEADERS: dict[str, tuple[Members, str]] = {
    "no algorithm": ({"alg": None}, "badSignatureAlgorithm"),
    "alg none": ({"alg": "none"}, "badSignatureAlgorithm"),
    "a MAC": ({"alg": "HS256"}, "badSignatureAlgorithm"),
    "PSS": ({"alg": "PS256"}, "badSignatureAlgorithm"),
    "alg in lower case": ({"alg": "es256"}, "badSignatureAlgorithm"),
    "alg is an array": ({"alg": ["ES256"]}, "badSignatureAlgorithm"),
    "no nonce": ({"nonce": None}, "badNonce"),
    "empty nonce": ({"nonce": ""}, "malformed"),
    "nonce is a number": ({"nonce": 7}, "malformed"),
    "long nonce": ({"nonce": "A" * 129}, "malformed"),
    "no url": ({"url": None}, "malformed"),
    "url is a number": ({"url": 7}, "malformed"),
    "long url": ({"url": URL + "a" * 2048}, "malformed"),
    "another url": ({"url": URL + "/"}, "unauthorized"),
    "url in another case": ({"url": URL.upper()}, "unauthorized"),
    "neither jwk nor kid": ({"kid": None}, "malformed"),
    "both jwk and kid": ({"jwk": P256}, "malformed"),
    "kid is a number": ({"kid": 7}, "malformed"),
    "empty kid": ({"kid": ""}, "malformed"),
    "long kid": ({"kid": "a" * 2049}, "malformed"),
    "jwk is null": ({"kid": None, "jwk": []}, "badPublicKey"),
    "symmetric jwk": ({"kid": None, "jwk": {"kty": "oct", "k": "AAAA"}}, "badPublicKey"),
    "private jwk": ({"kid": None, "jwk": P256 | {"d": "AAAA"}}, "badPublicKey"),
    "crit": ({"crit": ["exp"]}, "malformed"),
    "empty crit": ({"crit": []}, "malformed"),
    "b64": ({"b64": False}, "malformed"),
}


@pytest.mark.parametrize(("changes", "problem"), HEADERS.values(), ids=list(HEADERS))
def test_headers_refused(changes: Members, problem: str) -> None:
    with pytest.raises(CertwrightError) as refusal:
        jws.parse_request(ES256.body(PAYLOAD, ES256.header(**changes)), URL)
    told = problem_of(refusal.value)
    assert told.type == problem
    assert told.algorithms == (jws.ALGORITHMS if problem == "badSignatureAlgorithm" else ())


GOOD = ES256.flattened(PAYLOAD, ES256.header())
PROTECTED = str(GOOD["protected"])
BODIES: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"GET / HTTP/1.1",
    "an array": b"[]",
    "compact serialization": ".".join(map(str, GOOD.values())).encode(),
    "general serialization": json.dumps(
        {"payload": GOOD["payload"], "signatures": [{"protected": PROTECTED, "signature": GOOD["signature"]}]}
    ).encode(),
    "unprotected header": json.dumps(GOOD | {"header": {"kid": "x"}}).encode(),
    "a member more": json.dumps(GOOD | {"extra": 1}).encode(),
    "detached payload": json.dumps({name: GOOD[name] for name in ("protected", "signature")}).encode(),
    "no signature": json.dumps({name: GOOD[name] for name in ("protected", "payload")}).encode(),
    "null payload": json.dumps(GOOD | {"payload": None}).encode(),
    "payload as JSON": json.dumps(GOOD | {"payload": {}}).encode(),
    "payload twice": json.dumps(GOOD)[:-1].encode() + b', "payload": ""}',
    "padded payload": json.dumps(GOOD | {"payload": "e30="}).encode(),
    "payload in standard base64": json.dumps(GOOD | {"payload": "++//"}).encode(),
    "padded signature": json.dumps(GOOD | {"signature": str(GOOD["signature"]) + "=="}).encode(),
    "spaces in the signature": json.dumps(GOOD | {"signature": " " + str(GOOD["signature"])}).encode(),
    "empty protected header": json.dumps(GOOD | {"protected": ""}).encode(),
    "protected header is no JSON": json.dumps(GOOD | {"protected": encode_base64url(b"{")}).encode(),
    "protected header is an array": json.dumps(GOOD | {"protected": encode_base64url(b"[]")}).encode(),
    "alg twice": json.dumps(
        GOOD | {"protected": encode_base64url(decode_base64url(PROTECTED, "")[:-1] + b',"alg":"none"}')}
    ).encode(),
    "not UTF-8": b'{"protected":"\xff"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_bodies_refused_as_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        jws.parse_request(body, URL)


def test_a_body_above_the_bound_is_not_read() -> None:
    body = ES256.body(b"{}" + b" " * 64 * 1024, ES256.header())
    with pytest.raises(AcmeProblem) as refusal:
        jws.parse_request(body, URL)
    assert (refusal.value.type, refusal.value.status) == ("malformed", 413)
    jws.parse_request(ES256.body(b"{}" + b" " * 45_000, ES256.header()), URL)


def test_content_type() -> None:
    for value in ("application/jose+json", "Application/JOSE+JSON", "application/jose+json; charset=utf-8"):
        jws.check_content_type(value)
    for value in ("", "application/json", "application/jose", "text/plain; application/jose+json"):
        with pytest.raises(AcmeProblem) as refusal:
            jws.check_content_type(value)
        assert (refusal.value.type, refusal.value.status) == ("malformed", 415)


@given(st.binary(max_size=300))
def test_no_body_raises_anything_else(body: bytes) -> None:
    _parse(body)


VALUES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.lists(st.text(max_size=3))
    | st.sampled_from(["ES256", "RS256", "EdDSA", URL, ACCOUNT_URL, NONCE]) | st.just(P256) | st.just(ED25519)
)  # fmt: skip
NAMES = st.sampled_from(["alg", "nonce", "url", "kid", "jwk", "crit", "b64", "typ"])


@given(st.dictionaries(NAMES, VALUES), st.binary(max_size=40), st.binary(max_size=140))
def test_no_header_raises_anything_else(header: Members, payload: bytes, signature: bytes) -> None:
    parts = (json.dumps(header).encode(), payload, signature)
    members = dict(zip(("protected", "payload", "signature"), map(encode_base64url, parts), strict=True))
    _parse(json.dumps(members).encode())


@given(st.data())
def test_no_change_to_a_good_request_verifies(data: st.DataObject) -> None:
    body = bytearray(json.dumps(GOOD).encode())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    try:
        parsed = jws.parse_request(bytes(body), URL)
        jws.verify(parsed, ES256.public)
    except (Malformed, AcmeProblem):
        return
    assert (parsed.payload, parsed.header.url) == (PAYLOAD, URL)


def _parse(body: bytes) -> None:
    try:
        jws.verify(jws.parse_request(body, URL), ES256.public)
    except (Malformed, AcmeProblem) as error:
        told = problem_of(error)
        assert told.detail.isprintable()
        assert 400 <= told.status < 500
