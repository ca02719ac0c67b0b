"""Public keys as tokens give them: whatever they give is the key that was asked for, or an error."""

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der
from certwright.core.errors import IntegrityError
from certwright.core.keys import KeyAlgorithm, PublicKey, algorithm_of
from certwright.plugins.keys.pkcs11 import _public_key
from tests.changed import changed

KEYS: dict[KeyAlgorithm, PublicKey] = {
    KeyAlgorithm.ECDSA_P256: ec.generate_private_key(ec.SECP256R1()).public_key(),
    KeyAlgorithm.ECDSA_P384: ec.generate_private_key(ec.SECP384R1()).public_key(),
    KeyAlgorithm.ECDSA_P521: ec.generate_private_key(ec.SECP521R1()).public_key(),
    KeyAlgorithm.ED25519: ed25519.Ed25519PrivateKey.generate().public_key(),
    KeyAlgorithm.ED448: ed448.Ed448PrivateKey.generate().public_key(),
}
RSA = rsa.generate_private_key(65537, 2048).public_key().public_numbers()


def point(key: PublicKey) -> bytes:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


POINTS = [point(key) for key in KEYS.values()]


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_point_is_read_bare_or_inside_an_octet_string(algorithm: KeyAlgorithm) -> None:
    bare = point(KEYS[algorithm])
    for value in (bare, der.octet_string(bare)):
        assert _public_key(algorithm, [value]) == KEYS[algorithm]


@given(
    st.sampled_from(KeyAlgorithm),
    st.binary(max_size=150)
    | st.sampled_from(POINTS)
    | st.sampled_from([*POINTS, *map(der.octet_string, POINTS)]).flatmap(changed),
)
def test_any_point_is_a_key_of_the_algorithm_or_an_error(algorithm: KeyAlgorithm, value: bytes) -> None:
    with contextlib.suppress(IntegrityError):
        assert algorithm_of(_public_key(algorithm, [value])) is algorithm


def octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


@given(
    st.integers(0, 2**2050).map(octets) | changed(octets(RSA.n)) | st.just(octets(RSA.n >> 2 | 1)),
    st.integers(0, 2**40).map(octets) | st.just(octets(RSA.e)),
)
def test_any_numbers_are_a_key_of_the_algorithm_or_an_error(modulus: bytes, exponent: bytes) -> None:
    """A key of 2046 bits is of no algorithm that we have."""
    try:
        found = _public_key(KeyAlgorithm.RSA_2048, [modulus, exponent])
    except IntegrityError:
        return
    assert algorithm_of(found) is KeyAlgorithm.RSA_2048
    assert _public_key(KeyAlgorithm.RSA_2048, [octets(RSA.n), octets(RSA.e)]).public_numbers() == RSA
