"""Signed requests: JSON Web Signatures as RFC 8555 section 6.2 permits them, and nothing else of RFC 7515.

`parse_request` reads a body once; the caller finds the key (`jwk` in the header, or the account of `kid`)
and gives it to `verify`. Nothing in the payload may be believed before that. Errors of form are Malformed;
those with a type of their own are AcmeProblem.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ...core.errors import Malformed
from .encoding import JsonObject, decode_base64url, decode_object, shown
from .jwk import CURVES, Jwk, JwkKey, parse_jwk
from .problems import AcmeProblem, ProblemType, malformed, unauthorized

CONTENT_TYPE = "application/jose+json"
BODY_MAX = 64 * 1024
URL_MAX = 2048
NONCE_MAX = 128
ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256")


@dataclass(frozen=True, slots=True)
class ProtectedHeader:
    """The protected header. Exactly one of `jwk` and `kid` (an account URL) is there; `nonce` is not checked
    yet."""

    algorithm: str
    nonce: str
    url: str
    jwk: Jwk | None
    kid: str


@dataclass(frozen=True, slots=True)
class ParsedJws:
    """A JWS whose signature is not verified yet."""

    header: ProtectedHeader
    payload: bytes
    signing_input: bytes
    signature: bytes


def check_content_type(value: str) -> None:
    """Raises AcmeProblem malformed with status 415. Parameters after the type are ignored."""
    if value.partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise malformed(f"the Content-Type must be {CONTENT_TYPE} (RFC 8555 section 6.2)", 415)


def parse_request(body: bytes, url: str) -> ParsedJws:
    """Read the body of a POST to `url`, the URL as it was given to clients.

    Raises Malformed; AcmeProblem with status 413 for more than 64 KiB, badSignatureAlgorithm, badPublicKey,
    badNonce when there is none, unauthorized when the header speaks of another URL (RFC 8555 section 6.4).
    """
    if len(body) > BODY_MAX:
        raise malformed(f"the request has more than {BODY_MAX} octets", 413)
    protected, payload, signature, signing_input = open_flattened(decode_object(body, "the request"))
    header = _request_header(protected)
    if header.url != url:
        raise unauthorized(f"the JWS is for url {shown(header.url)}, but was sent to {shown(url)}")
    return ParsedJws(header, payload, signing_input, signature)


def open_flattened(members: JsonObject) -> tuple[JsonObject, bytes, bytes, bytes]:
    """Protected header, payload, signature and signing input of a flattened JWS (RFC 7515 section 7.2.2).

    Raises Malformed. An unprotected header, a detached payload or several signatures are no flattened JWS
    here.
    """
    match members:
        case {"protected": str(protected), "payload": str(payload), "signature": str(signature)} if (
            len(members) == 3
        ):
            header = decode_object(decode_base64url(protected, '"protected"'), "the protected header")
            if "crit" in header or "b64" in header:
                raise Malformed('the protected header has "crit" or "b64", which RFC 8555 does not permit')
            return (
                header,
                decode_base64url(payload, '"payload"'),
                decode_base64url(signature, '"signature"'),
                f"{protected}.{payload}".encode("ascii"),
            )
    raise Malformed(
        'a JWS has exactly "protected", "payload" and "signature", all strings (RFC 8555 section 6.2)'
    )


def _request_header(members: JsonObject) -> ProtectedHeader:
    algorithm, url, jwk, kid = signer_of(members)
    nonce = members.get("nonce")
    if nonce is None:
        raise AcmeProblem(ProblemType.BAD_NONCE, "the protected header has no nonce")
    if not isinstance(nonce, str) or not 0 < len(nonce) <= NONCE_MAX:
        raise Malformed(f'"nonce" is not a string of 1 to {NONCE_MAX} characters')
    return ProtectedHeader(algorithm, nonce, url, jwk, kid)


def signer_of(members: JsonObject) -> tuple[str, str, Jwk | None, str]:
    """Algorithm, url, jwk and kid of a protected header, which has one of the last two."""
    algorithm, url, kid = members.get("alg"), members.get("url"), members.get("kid")
    if algorithm not in ALGORITHMS or not isinstance(algorithm, str):
        raise bad_algorithm(f"the signature algorithm {shown(str(algorithm))} is not supported", ALGORITHMS)
    if not isinstance(url, str) or len(url) > URL_MAX:
        raise Malformed(f'the protected header needs "url", a string of at most {URL_MAX} characters')
    if ("jwk" in members) == ("kid" in members):
        raise Malformed('the protected header needs exactly one of "jwk" and "kid"')
    if "jwk" in members:
        return algorithm, url, parse_jwk(members["jwk"]), ""
    if not isinstance(kid, str) or not 0 < len(kid) <= URL_MAX:
        raise Malformed(f'"kid" is not a string of 1 to {URL_MAX} characters')
    return algorithm, url, None, kid


def bad_algorithm(detail: str, supported: tuple[str, ...]) -> AcmeProblem:
    return AcmeProblem(ProblemType.BAD_SIGNATURE_ALGORITHM, detail, algorithms=supported)


def require_jwk(jws: ParsedJws) -> Jwk:
    """For newAccount, which is signed by a key no account has yet. Raises Malformed."""
    if jws.header.jwk is None:
        raise Malformed('this resource wants "jwk" in the protected header, not "kid" (RFC 8555 section 6.2)')
    return jws.header.jwk


def require_kid(jws: ParsedJws) -> str:
    """For all resources of an account: its URL. Raises Malformed."""
    if not jws.header.kid:
        raise Malformed('this resource wants "kid" in the protected header, not "jwk" (RFC 8555 section 6.2)')
    return jws.header.kid


# -- signatures ----------------------------------------------------------------------------------


def verify(jws: ParsedJws, key: JwkKey) -> None:
    """Check the signature with the key the header names.

    Raises Malformed when it does not match; when `alg` does not belong to this kind of key, AcmeProblem
    badPublicKey (the key came as `jwk`) or badSignatureAlgorithm (the key is the account's).
    """
    algorithm = jws.header.algorithm
    if algorithm != algorithm_for(key):
        _raise_mismatch(jws.header, key)
    try:
        _VERIFIERS[algorithm](key, jws.signature, jws.signing_input)
    except InvalidSignature:
        raise Malformed("the JWS signature does not match the key and the request") from None


def algorithm_for(key: object) -> str:
    """The one algorithm a key signs requests with; empty if there is none."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _BY_CURVE.get(key.curve.name, "")
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return "EdDSA"
    return "RS256" if isinstance(key, rsa.RSAPublicKey) else ""


def _raise_mismatch(header: ProtectedHeader, key: JwkKey) -> None:
    fitting = algorithm_for(key)
    detail = f"this key signs with {fitting or 'nothing we accept'}, not {header.algorithm}"
    if header.jwk is not None:
        raise AcmeProblem(ProblemType.BAD_PUBLIC_KEY, detail)
    raise bad_algorithm(detail, (fitting,) if fitting else ALGORITHMS)


_BY_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_PKCS1, _SHA256 = padding.PKCS1v15(), hashes.SHA256()


def _ecdsa(curve: str, digest: hashes.HashAlgorithm) -> Callable[[JwkKey, bytes, bytes], None]:
    """RFC 7518 section 3.4: the two numbers, each as long as the field, one after the other."""
    size, scheme = CURVES[curve][1], ec.ECDSA(digest)

    def check(key: JwkKey, signature: bytes, signed: bytes) -> None:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        if len(signature) != 2 * size:
            raise InvalidSignature
        first, second = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        key.verify(encode_dss_signature(first, second), signed, scheme)

    return check


def _check_rsa(key: JwkKey, signature: bytes, signed: bytes) -> None:
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(signature, signed, _PKCS1, _SHA256)


def _check_edwards(key: JwkKey, signature: bytes, signed: bytes) -> None:
    assert isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    key.verify(signature, signed)


_VERIFIERS: dict[str, Callable[[JwkKey, bytes, bytes], None]] = {
    "ES256": _ecdsa("P-256", hashes.SHA256()),
    "ES384": _ecdsa("P-384", hashes.SHA384()),
    "ES512": _ecdsa("P-521", hashes.SHA512()),
    "EdDSA": _check_edwards,
    "RS256": _check_rsa,
}
