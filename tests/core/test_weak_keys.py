"""Weak and compromised keys: each weakness made for real, and good keys let through."""

import hashlib
from collections.abc import Container

import gmpy2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from certwright.core import keys
from certwright.core.errors import Malformed, Refused
from certwright.core.key_lists import DEBIAN_OCTETS, SPKI_OCTETS, Digests, parse_digests
from certwright.core.keys import KeyAlgorithm, PublicKey
from certwright.core.weak_keys import REASONS, check_key
from tests.core.toy_pipeline import QUICK_ALGORITHMS, private_key

EXPONENT = 65537


def digest(key: PublicKey) -> bytes:
    return hashlib.sha256(keys.spki(key)).digest()


def codes(key: PublicKey, debian: Container[bytes] | None = None) -> set[str]:
    with pytest.raises(Refused) as refusal:
        check_key(key, digest(key), frozenset(), debian)
    found = {reason.code for reason in refusal.value.reasons}
    assert found <= REASONS.keys()
    return found


def rsa_key(modulus: int, exponent: int = EXPONENT) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(exponent, int(modulus)).public_key()


def prime(bits: int, seed: int) -> int:
    return int(gmpy2.next_prime((3 << (bits - 2)) + (seed << (bits // 2)) + seed))


@pytest.mark.parametrize("algorithm", QUICK_ALGORITHMS)
def test_good_keys_pass(algorithm: KeyAlgorithm) -> None:
    key = private_key(algorithm).public_key()
    verdict = check_key(key, digest(key), frozenset())
    assert "key.compromised" in verdict.checks
    assert not verdict.debian_list
    assert check_key(key, digest(key), frozenset(), frozenset()).debian_list


def test_known_compromised_keys() -> None:
    key = private_key(KeyAlgorithm.ECDSA_P256).public_key()
    with pytest.raises(Refused) as refusal:
        check_key(key, digest(key), {digest(key)})
    assert [reason.code for reason in refusal.value.reasons] == ["key.compromised"]


def test_close_primes() -> None:
    first = prime(1024, 77)
    assert "key.weak.close-primes" in codes(rsa_key(first * int(gmpy2.next_prime(first + 10_000))))


def test_roca() -> None:
    """Primes of the form k*M + 65537^a mod M, as Infineon's library made them."""
    product = int(gmpy2.primorial(701))

    def made(start: int, power: int) -> int:
        candidate = start * product + pow(EXPONENT, power, product)
        while not gmpy2.is_prime(candidate):
            candidate += product
        return candidate

    bits = 1024 - product.bit_length()
    modulus = made((3 << (bits - 2)) + 12345, 99) * made((3 << (bits - 2)) + 777777777, 1234)
    assert modulus.bit_length() == 2048
    assert "key.weak.roca" in codes(rsa_key(modulus))


def test_small_factors() -> None:
    modulus = 641 * prime(2040, 5)
    assert "key.weak.small-factor" in codes(rsa_key(modulus))


def test_small_private_exponent() -> None:
    first, second = prime(1024, 5), prime(1024, 1 << 500)
    phi = (first - 1) * (second - 1)
    private = int(gmpy2.next_prime(1 << 400))
    assert "key.weak.small-private-exponent" in codes(rsa_key(first * second, pow(private, -1, phi)))


@pytest.mark.parametrize("exponent", [3, 17, 65539 - 4])
def test_small_exponents(exponent: int) -> None:
    assert "key.weak.exponent" in codes(rsa_key(prime(1024, 5) * prime(1024, 1 << 500), exponent))


def test_patterns() -> None:
    assert "key.weak.pattern" in codes(rsa_key((1 << 2047) + (1 << 100) + 1))


def test_debian_list() -> None:
    key = rsa_key(prime(1024, 5) * prime(1024, 1 << 500))
    line = f"Modulus={key.public_numbers().n:X}\n".encode()
    lines = ["# comment\n", "\n", f"{hashlib.sha1(line).hexdigest()[20:]}\n", "ab" * 10]
    listed = parse_digests([text.encode() for text in lines], DEBIAN_OCTETS, "the list")
    assert "key.weak.debian" in codes(key, listed)
    other = private_key(KeyAlgorithm.RSA_2048).public_key()
    verdict = check_key(other, digest(other), frozenset(), listed)
    assert verdict.debian_list
    assert "key.weak.debian" in verdict.checks


@pytest.mark.parametrize("octets", [SPKI_OCTETS, DEBIAN_OCTETS])
def test_lists_of_digests(octets: int) -> None:
    digests = [hashlib.sha256(bytes((number,))).digest()[:octets] for number in range(200)]
    lines = [f" {digest.hex().upper()}\r\n".encode() for digest in digests[:100]]
    listed = parse_digests([b"# a comment\n", *lines, b"\n", lines[0]], octets, "the list")
    assert len(listed) == 101
    assert [digest in listed for digest in digests] == [True] * 100 + [False] * 100
    assert bytes(octets) not in listed
    assert b"\xff" * octets not in listed
    assert bytes(octets) not in Digests([], octets)


@pytest.mark.parametrize("line", [b"zz", b"ab" * 31, b"ab" * 33, b"ab" * 32 + b" x", b"\xff" * 32])
def test_what_is_no_digest_is_named(line: bytes) -> None:
    with pytest.raises(Malformed, match="the list, line 2: 64 hexadecimal digits expected"):
        parse_digests([b"# x\n", line], SPKI_OCTETS, "the list")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_the_generator_as_public_key(curve: ec.EllipticCurve) -> None:
    assert codes(ec.derive_private_key(1, curve).public_key()) == {"key.weak.small-scalar"}


def low_order_25519() -> list[bytes]:
    """Every encoding whose point, eight times itself, is the neutral element; computed, not quoted."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    root = pow(2, (p - 1) // 4, p)

    def square_root(value: int) -> int | None:
        candidate = pow(value, (p + 3) // 8, p)
        for found in (candidate, candidate * root % p):
            if found * found % p == value % p:
                return found
        return None

    # points of order 8 double to y = 0: d*y^4 + 2*y^2 - 1 = 0
    inner = square_root(4 + 4 * d)
    assert inner is not None
    values = {0, 1, p - 1}
    for sign in (inner, -inner):
        y = square_root((-2 + sign) * pow(2 * d, -1, p))
        if y is not None:
            values |= {y, p - y}
    return [(y | bit << 255).to_bytes(32, "little") for y in values for bit in (0, 1)]


def test_points_of_small_order() -> None:
    encodings = low_order_25519()
    assert len(encodings) == 10
    for octets in encodings:
        assert codes(ed25519.Ed25519PublicKey.from_public_bytes(octets)) == {"key.weak.low-order"}
    for octets in (bytes(57), b"\x01" + bytes(56)):
        assert codes(ed448.Ed448PublicKey.from_public_bytes(octets)) == {"key.weak.low-order"}
