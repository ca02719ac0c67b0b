"""Keys that must not be certified: known to others, or made so that others can find them.

The RSA checks are those of badkeys that need neither a file nor long arithmetic: ROCA, close primes
(Fermat, 100 rounds), small factors, small private exponents, implausible moduli. A verdict depends on the
key alone, so callers keep it by the digest of the key.
"""

import hashlib
from collections.abc import Container
from dataclasses import dataclass

from badkeys.rsakeys import fermat, pattern, roca, rsabias, rsainvalid, rsapoly, smalld, smallfactors
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from .errors import Reason, Refused
from .key_lists import DEBIAN_OCTETS
from .keys import PublicKey

REASONS: dict[str, str] = {
    "key.compromised": "The key is known to be compromised: revoked as such, or on a supplied list.",
    "key.weak.debian": "The key comes from Debian's broken random number generator of 2006 to 2008.",
    "key.weak.exponent": "The RSA public exponent is even or below 65537.",
    "key.weak.invalid": "The RSA numbers are not those of a key.",
    "key.weak.roca": "The key was made by an Infineon library with the ROCA flaw (CVE-2017-15361).",
    "key.weak.close-primes": "The RSA primes are so close that Fermat's method finds them.",
    "key.weak.small-factor": "The RSA modulus has a factor up to 65537.",
    "key.weak.small-private-exponent": "The RSA private exponent is small enough for Wiener's attack.",
    "key.weak.pattern": "The RSA modulus has a pattern or bias that random primes do not give.",
    "key.weak.low-order": "The Edwards curve point has small order.",
    "key.weak.small-scalar": "The private key of the elliptic curve key is 1.",
}
_RSA_CHECKS = (
    ("key.weak.invalid", rsainvalid),
    ("key.weak.roca", roca),
    ("key.weak.close-primes", fermat),
    ("key.weak.small-factor", smallfactors),
    ("key.weak.small-private-exponent", smalld),
    ("key.weak.pattern", rsapoly),
    ("key.weak.pattern", rsabias),
    ("key.weak.pattern", pattern),
)
_EXPONENT_MIN = 65537

# x coordinate of each curve's generator: the public key of the private key 1 (and of the order minus 1)
_GENERATOR_X = {
    "secp256r1": 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    "secp384r1": int(
        "AA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7",
        16,
    ),
    "secp521r1": int(
        "00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3D"
        "BAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66",
        16,
    ),
}
_P25519 = 2**255 - 19
_P448 = 2**448 - 2**224 - 1
# y coordinates of the points of order 1, 2, 4 and 8 (the last two only on edwards25519)
_LOW_25519 = frozenset(
    {0, 1, _P25519 - 1, _P25519, _P25519 + 1}
    | {
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        _P25519 - 2707385501144840649318225287225658788936804267575313519463743609750303402022,
    }
)
_LOW_448 = frozenset({0, 1, _P448 - 1, _P448, _P448 + 1})


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """The key passed. `checks` names what was looked at; `debian_list` says whether that list was there."""

    checks: tuple[str, ...]
    debian_list: bool


def check_key(
    public_key: PublicKey,
    spki_sha256: bytes,
    compromised: Container[bytes],
    debian_list: Container[bytes] | None = None,
) -> KeyVerdict:
    """Refuse a weak or compromised key. `compromised` holds SHA-256 digests of SubjectPublicKeyInfo;
    `debian_list` the last 10 octets of the SHA-1 of `Modulus=...`, None when no list was supplied.

    Raises Refused with every reason.
    """
    if spki_sha256 in compromised:
        raise _refused(["key.compromised"])
    if isinstance(public_key, rsa.RSAPublicKey):
        checks, codes = _check_rsa(public_key, debian_list)
    elif isinstance(public_key, ec.EllipticCurvePublicKey):
        checks, codes = ("key.weak.small-scalar",), _check_ec(public_key)
    elif isinstance(public_key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        checks, codes = ("key.weak.low-order",), _check_edwards(public_key)
    else:
        checks, codes = (), []
    if codes:
        raise _refused(codes)
    return KeyVerdict(("key.compromised", *checks), debian_list is not None)


def _refused(codes: list[str]) -> Refused:
    return Refused(tuple([Reason(code, REASONS[code]) for code in dict.fromkeys(codes)]))


def _check_rsa(
    key: rsa.RSAPublicKey, debian_list: Container[bytes] | None
) -> tuple[tuple[str, ...], list[str]]:
    numbers = key.public_numbers()
    codes = [code for code, check in _RSA_CHECKS if check(numbers.n, numbers.e)]
    checks = [code for code, _ in _RSA_CHECKS]
    if numbers.e < _EXPONENT_MIN or numbers.e % 2 == 0:
        codes.append("key.weak.exponent")
    if debian_list is not None:
        checks.append("key.weak.debian")
        if _debian_entry(numbers.n) in debian_list:
            codes.append("key.weak.debian")
    return tuple(dict.fromkeys(["key.weak.exponent", *checks])), codes


def _debian_entry(modulus: int) -> bytes:
    line = f"Modulus={modulus:X}\n".encode()
    return hashlib.sha1(line, usedforsecurity=False).digest()[-DEBIAN_OCTETS:]


def _check_ec(key: ec.EllipticCurvePublicKey) -> list[str]:
    x = key.public_numbers().x
    return ["key.weak.small-scalar"] if x == _GENERATOR_X.get(key.curve.name) else []


def _check_edwards(key: ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) -> list[str]:
    octets = key.public_bytes_raw()
    y = int.from_bytes(octets, "little") & (1 << (8 * len(octets) - 1)) - 1
    low = _LOW_25519 if isinstance(key, ed25519.Ed25519PublicKey) else _LOW_448
    return ["key.weak.low-order"] if y in low else []
