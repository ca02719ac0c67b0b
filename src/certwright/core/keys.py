"""Keys by their names, and signatures by the algorithm that belongs to each key.

A private key anywhere in the product is one of the key classes of `cryptography`, or a subclass whose
`sign` goes elsewhere (a hardware module). Signature choice follows the key: RSA signs PKCS#1 v1.5 with
SHA-256, ECDSA with the hash of its curve's strength, the others with their own.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa

from .der import BIT_STRING, Reader
from .errors import Malformed, Reason, Refused

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
PublicKey = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)


class KeyAlgorithm(StrEnum):
    """Key algorithm and size, by the name used in configuration, on the wire of our API and in tables."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    ECDSA_P521 = "ecdsa-p521"
    ED25519 = "ed25519"
    ED448 = "ed448"
    ML_DSA_44 = "ml-dsa-44"
    ML_DSA_65 = "ml-dsa-65"
    ML_DSA_87 = "ml-dsa-87"


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """`identifier` is the whole DER AlgorithmIdentifier; `digest` is None where the scheme hashes itself."""

    name: str
    identifier: bytes
    digest: hashes.HashAlgorithm | None


_RSA = SignatureAlgorithm(
    "sha256WithRSAEncryption", bytes.fromhex("300d06092a864886f70d01010b0500"), hashes.SHA256()
)


def _scheme(name: str, identifier: str, digest: hashes.HashAlgorithm | None = None) -> SignatureAlgorithm:
    return SignatureAlgorithm(name, bytes.fromhex(identifier), digest)


# RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3, RFC 9881 section 2
SIGNATURES: dict[KeyAlgorithm, SignatureAlgorithm] = {
    KeyAlgorithm.RSA_2048: _RSA,
    KeyAlgorithm.RSA_3072: _RSA,
    KeyAlgorithm.RSA_4096: _RSA,
    KeyAlgorithm.ECDSA_P256: _scheme("ecdsa-with-SHA256", "300a06082a8648ce3d040302", hashes.SHA256()),
    KeyAlgorithm.ECDSA_P384: _scheme("ecdsa-with-SHA384", "300a06082a8648ce3d040303", hashes.SHA384()),
    KeyAlgorithm.ECDSA_P521: _scheme("ecdsa-with-SHA512", "300a06082a8648ce3d040304", hashes.SHA512()),
    KeyAlgorithm.ED25519: _scheme("Ed25519", "300506032b6570"),
    KeyAlgorithm.ED448: _scheme("Ed448", "300506032b6571"),
    KeyAlgorithm.ML_DSA_44: _scheme("id-ml-dsa-44", "300b0609608648016503040311"),
    KeyAlgorithm.ML_DSA_65: _scheme("id-ml-dsa-65", "300b0609608648016503040312"),
    KeyAlgorithm.ML_DSA_87: _scheme("id-ml-dsa-87", "300b0609608648016503040313"),
}
_ECDSA = {
    name: ec.ECDSA(scheme.digest)
    for name, scheme in SIGNATURES.items()
    if name.value.startswith("ecdsa") and scheme.digest
}
_CURVES = {
    "secp256r1": KeyAlgorithm.ECDSA_P256,
    "secp384r1": KeyAlgorithm.ECDSA_P384,
    "secp521r1": KeyAlgorithm.ECDSA_P521,
}
_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()
_BY_CLASS: tuple[tuple[type, KeyAlgorithm], ...] = (
    (ed25519.Ed25519PublicKey, KeyAlgorithm.ED25519),
    (ed448.Ed448PublicKey, KeyAlgorithm.ED448),
    (mldsa.MLDSA44PublicKey, KeyAlgorithm.ML_DSA_44),
    (mldsa.MLDSA65PublicKey, KeyAlgorithm.ML_DSA_65),
    (mldsa.MLDSA87PublicKey, KeyAlgorithm.ML_DSA_87),
)


def algorithm_of(key: object) -> KeyAlgorithm:
    """The name of a public key's algorithm and size. Raises Refused for a key we do not support."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and f"rsa-{key.key_size}" in KeyAlgorithm._value2member_map_:
        return KeyAlgorithm(f"rsa-{key.key_size}")
    for key_class, name in _BY_CLASS:
        if isinstance(key, key_class):
            return name
    size = getattr(key, "key_size", None)
    kind = type(key).__name__.removesuffix("PublicKey") + (f" of {size} bits" if size else "")
    raise Refused((Reason("key.unsupported", f"this product does not take a key of kind {kind}"),))


def sign(key: PrivateKey, data: bytes) -> bytes:
    """Sign with the scheme that `SIGNATURES` gives the key's algorithm. Raises what the key raises."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, _ECDSA[_CURVES[key.curve.name]])
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, _PKCS1, _SHA256)
    return key.sign(data)


def verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    """Check a signature made by `sign`. Raises Malformed when it does not match."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, _ECDSA[_CURVES[key.curve.name]])
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, _PKCS1, _SHA256)
        else:
            key.verify(signature, data)
    except InvalidSignature as error:
        raise Malformed("the signature does not match the key and the signed bytes") from error


def spki(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@lru_cache(maxsize=1024)
def key_identifier(spki_der: bytes) -> bytes:
    """160-bit SHA-1 of the subjectPublicKey bits (RFC 5280 section 4.2.1.2 method 1). Not a security use."""
    fields = Reader(spki_der, "SubjectPublicKeyInfo").inside()
    fields.element()
    return hashlib.sha1(fields.content(BIT_STRING)[1:], usedforsecurity=False).digest()
