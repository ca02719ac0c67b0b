import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st

from certwright.protocols.acme.encoding import encode_base64url
from certwright.protocols.acme.jwk import jwk_of, parse_jwk, public_key
from certwright.protocols.acme.problems import AcmeProblem

from .vectors import ED25519, P256, P521, RSA


@pytest.mark.parametrize(
    ("members", "thumbprint"),
    [
        (RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ED25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ],
)
def test_thumbprints_of_rfc_7638_and_8037(members: dict[str, str], thumbprint: str) -> None:
    assert parse_jwk(members).thumbprint == thumbprint


@pytest.mark.parametrize("members", [RSA, P256, P521, ED25519], ids=["RSA", "P-256", "P-521", "Ed25519"])
def test_a_key_comes_back_from_its_jwk(members: dict[str, str]) -> None:
    jwk = parse_jwk(members)
    assert jwk_of(public_key(jwk)) == jwk
    assert parse_jwk(json.loads(jwk.canonical)) == jwk
    assert list(json.loads(jwk.canonical)) == sorted(json.loads(jwk.canonical))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        rsa.generate_private_key(65537, 3072).public_key(),
    ],
)
def test_a_jwk_comes_back_from_its_key(key: Any) -> None:
    jwk = jwk_of(key)
    assert jwk is not None
    assert public_key(jwk) == key


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
        mldsa.MLDSA44PrivateKey.generate().public_key(),
        dsa.generate_private_key(2048).public_key(),
        None,
    ],
)
def test_keys_no_account_can_have_have_no_jwk(key: object) -> None:
    assert jwk_of(key) is None


def test_leading_zero_octets_of_an_rsa_modulus_do_not_count() -> None:
    jwk = parse_jwk(RSA)
    modulus = public_key(jwk).public_numbers().n  # type: ignore[union-attr]
    padded = encode_base64url(modulus.to_bytes(260, "big"))
    assert parse_jwk(RSA | {"n": padded, "e": "AAEAAQ"}) == jwk


@pytest.mark.parametrize(
    "members",
    [
        None, "text", [], {}, {"kty": 1}, {"kty": ["EC"]}, {"kty": "oct", "k": "AAAA"}, {"kty": "oct"},
        P256 | {"d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"},
        P256 | {"crv": "P-521"}, P256 | {"crv": "secp256k1"}, P256 | {"crv": None}, P256 | {"crv": {}},
        P256 | {"y": ""}, P256 | {"y": None}, P256 | {"y": 7}, P256 | {"y": P256["y"] + "="},
        P256 | {"y": "AA" + P256["y"]}, P256 | {"y": encode_base64url(b"\x01" * 31)},
        P256 | {"x": "A" * 10_000},
        ED25519 | {"crv": "X25519"}, ED25519 | {"crv": "Ed448"}, ED25519 | {"x": "AAAA"},
        RSA | {"n": ""}, RSA | {"n": "A" * 1025}, RSA | {"e": None}, RSA | {"p": "AAAA"}, RSA | {"n": "*"},
    ],
)  # fmt: skip
def test_jwks_refused(members: object) -> None:
    with pytest.raises(AcmeProblem) as refusal:
        parse_jwk(members)
    assert refusal.value.type == "badPublicKey"


def _rsa(bits: int, exponent: int = 65537, odd: int = 1) -> dict[str, str]:
    modulus = (1 << (bits - 1)) | odd
    octets = modulus.to_bytes((bits + 7) // 8, "big")
    return {"kty": "RSA", "n": encode_base64url(octets), "e": encode_base64url(exponent.to_bytes(9, "big"))}


@pytest.mark.parametrize(
    "members",
    [
        P256 | {"y": P256["x"]},  # not on the curve
        P256 | {"x": encode_base64url(b"\xff" * 32)},  # not in the field
        P256 | {"x": encode_base64url(bytes(32)), "y": encode_base64url(bytes(32))},
        _rsa(512), _rsa(2047), _rsa(4097), _rsa(2048, odd=0), _rsa(2048, 1), _rsa(2048, 3), _rsa(2048, 65538),
        _rsa(2048, 2**64 + 1), RSA | {"n": "AAAA"},
    ],
)  # fmt: skip
def test_numbers_that_are_no_key_are_refused(members: dict[str, str]) -> None:
    jwk = parse_jwk(members)
    with pytest.raises(AcmeProblem) as refusal:
        public_key(jwk)
    assert refusal.value.type == "badPublicKey"


TEXT = st.text(max_size=8) | st.sampled_from(
    ["EC", "RSA", "OKP", "P-256", "Ed25519", "AQAB", P256["x"], RSA["n"]]
)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "alg"]),
        TEXT | st.integers() | st.none() | st.lists(TEXT),
    )
)
def test_no_jwk_raises_anything_but_bad_public_key(members: dict[str, object]) -> None:
    try:
        jwk = parse_jwk(members)
        key = public_key(jwk)
    except AcmeProblem as problem:
        told = problem.type
    else:
        assert jwk_of(key) == jwk
        return
    assert told == "badPublicKey"


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_points_that_do_not_lie_on_the_curve(x: bytes, y: bytes) -> None:
    jwk = parse_jwk({"kty": "EC", "crv": "P-256", "x": encode_base64url(x), "y": encode_base64url(y)})
    with pytest.raises(AcmeProblem):
        public_key(jwk)


def test_ed25519_keys_load() -> None:
    assert isinstance(public_key(parse_jwk(ED25519)), ed25519.Ed25519PublicKey)
