"""Public keys as JSON Web Keys (RFC 7517, 7518 section 6, 8037), as far as ACME accounts and certificates
use them.

A `Jwk` holds its canonical JSON only: the required members in order, without white space. That is what RFC
7638 hashes, what is stored with an account, and what makes two keys equal exactly when they are the same
key.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from ...core.errors import Malformed
from .encoding import JsonObject, decode_base64url, encode_base64url, shown
from .problems import AcmeProblem, ProblemType

JwkKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey

RSA_BITS_MIN, RSA_BITS_MAX = 2048, 4096
RSA_EXPONENT_MIN, RSA_EXPONENT_MAX = 65537, 2**32 - 1

CURVES: dict[str, tuple[ec.EllipticCurve, int]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
    "P-521": (ec.SECP521R1(), 66),
}
_CURVE_NAMES = {curve.name: name for name, (curve, _) in CURVES.items()}
_EDWARDS: dict[str, tuple[int, Callable[[bytes], JwkKey]]] = {
    "Ed25519": (32, ed25519.Ed25519PublicKey.from_public_bytes),
    "Ed448": (57, ed448.Ed448PublicKey.from_public_bytes),
}
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


@dataclass(frozen=True, slots=True)
class Jwk:
    """A public key. Make it with `parse_jwk` or `jwk_of`, or from the stored canonical text."""

    canonical: str

    @property
    def thumbprint(self) -> str:
        """RFC 7638 with SHA-256, in base64url: 43 characters."""
        return encode_base64url(hashlib.sha256(self.canonical.encode("ascii")).digest())


def _bad_key(detail: str) -> AcmeProblem:
    return AcmeProblem(ProblemType.BAD_PUBLIC_KEY, detail)


def parse_jwk(members: object) -> Jwk:
    """Check the form of a client's JWK. Members that do not make the key are ignored (RFC 7517 section 4).

    Raises AcmeProblem badPublicKey. That the numbers are a key at all is checked by `public_key`.
    """
    if not isinstance(members, dict):
        raise _bad_key("the jwk is not a JSON object")
    if any(name in members for name in _PRIVATE):
        raise _bad_key(
            "the jwk holds a private or symmetric key; make a new key, this one is known to others now"
        )
    reader = _READERS.get(str(members.get("kty")))
    if reader is None:
        raise _bad_key(f"the jwk has key type {shown(str(members.get('kty')))}; known are EC, OKP and RSA")
    try:
        return Jwk(json.dumps(reader(members), separators=(",", ":")))
    except Malformed as error:
        raise _bad_key(error.detail) from error


def _octets(members: JsonObject, name: str, limit: int) -> bytes:
    text = members.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= limit:
        raise _bad_key(f'the jwk needs "{name}", a string of 1 to {limit} characters')
    return decode_base64url(text, f'"{name}" of the jwk')


def _fixed(members: JsonObject, name: str, size: int) -> str:
    """RFC 7518 section 6.2.1.2, RFC 8037 section 2: a field element has its full length."""
    octets = _octets(members, name, 4 * size)
    if len(octets) != size:
        raise _bad_key(f'"{name}" of the jwk has {len(octets)} octets, not {size}')
    return encode_base64url(octets)


def _number(members: JsonObject, name: str, limit: int) -> str:
    """RFC 7518 section 2, Base64urlUInt. Leading zero octets are taken off (RFC 8555 section 8.1)."""
    return encode_base64url(_octets(members, name, limit).lstrip(b"\x00") or b"\x00")


def _curve(members: JsonObject, known: tuple[str, ...]) -> str:
    curve = members.get("crv")
    if not isinstance(curve, str) or curve not in known:
        raise _bad_key(f"the jwk has curve {shown(str(curve))}; known here are {', '.join(known)}")
    return curve


def _read_ec(members: JsonObject) -> dict[str, str]:
    curve = _curve(members, tuple(CURVES))
    size = CURVES[curve][1]
    return {"crv": curve, "kty": "EC", "x": _fixed(members, "x", size), "y": _fixed(members, "y", size)}


def _read_rsa(members: JsonObject) -> dict[str, str]:
    return {"e": _number(members, "e", 16), "kty": "RSA", "n": _number(members, "n", 1024)}


def _read_okp(members: JsonObject) -> dict[str, str]:
    curve = _curve(members, tuple(_EDWARDS))
    return {"crv": curve, "kty": "OKP", "x": _fixed(members, "x", _EDWARDS[curve][0])}


_READERS: dict[str, Callable[[JsonObject], dict[str, str]]] = {
    "EC": _read_ec,
    "OKP": _read_okp,
    "RSA": _read_rsa,
}


def public_key(jwk: Jwk) -> JwkKey:
    """The key itself, its numbers checked. Worth keeping: 10 us. Raises AcmeProblem badPublicKey."""
    members: dict[str, str] = json.loads(jwk.canonical)
    try:
        return _LOADERS[members["kty"]](members)
    except ValueError:
        raise _bad_key("the jwk is not a valid public key") from None


def _load_ec(members: dict[str, str]) -> JwkKey:
    octets = b"\x04" + decode_base64url(members["x"], "x") + decode_base64url(members["y"], "y")
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[members["crv"]][0], octets)


def _load_rsa(members: dict[str, str]) -> JwkKey:
    modulus, exponent = (int.from_bytes(decode_base64url(members[name], name), "big") for name in "ne")
    if not RSA_BITS_MIN <= modulus.bit_length() <= RSA_BITS_MAX:
        raise _bad_key(
            f"the RSA key has {modulus.bit_length()} bits; {RSA_BITS_MIN} to {RSA_BITS_MAX} are accepted"
        )
    if not RSA_EXPONENT_MIN <= exponent <= RSA_EXPONENT_MAX or not exponent & 1 or not modulus & 1:
        raise _bad_key("the RSA key needs an odd modulus and an odd exponent of 65537 or more, below 2^32")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _load_okp(members: dict[str, str]) -> JwkKey:
    return _EDWARDS[members["crv"]][1](decode_base64url(members["x"], "x"))


_LOADERS: dict[str, Callable[[dict[str, str]], JwkKey]] = {
    "EC": _load_ec,
    "OKP": _load_okp,
    "RSA": _load_rsa,
}


def jwk_of(key: object) -> Jwk | None:
    """The JWK of a certificate's or a CSR's public key; None for kinds of keys ACME accounts cannot have."""
    members = _members(key)
    return None if members is None else Jwk(json.dumps(members, separators=(",", ":")))


def _members(key: object) -> dict[str, str] | None:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVE_NAMES:
        curve = _CURVE_NAMES[key.curve.name]
        numbers, size = key.public_numbers(), CURVES[curve][1]
        x, y = (encode_base64url(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
        return {"crv": curve, "kty": "EC", "x": x, "y": y}
    if isinstance(key, rsa.RSAPublicKey):
        pair = key.public_numbers()
        e, n = (encode_base64url(v.to_bytes((v.bit_length() + 7) // 8, "big")) for v in (pair.e, pair.n))
        return {"e": e, "kty": "RSA", "n": n}
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        curve = "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "Ed448"
        return {"crv": curve, "kty": "OKP", "x": encode_base64url(key.public_bytes_raw())}
    return None
