"""By which algorithms the signatures of others are believed where they tell what is revoked.

Libraries verify what they know, and some of them SHA-1 and MD5 still; with those a list can be forged that an
authority never signed (RFC 9155, RFC 6194). So there is one list of what is believed, and what is not on it
is told by its name.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import SignatureAlgorithmOID as Oid

from .decoded import SIGNATURE_NAMES

_BELIEVED = (
    *(hashes.SHA224, hashes.SHA256, hashes.SHA384, hashes.SHA512),
    *(hashes.SHA3_224, hashes.SHA3_256, hashes.SHA3_384, hashes.SHA3_512),
)
_RSA = {
    Oid.RSA_WITH_SHA224: hashes.SHA224(),
    Oid.RSA_WITH_SHA256: hashes.SHA256(),
    Oid.RSA_WITH_SHA384: hashes.SHA384(),
    Oid.RSA_WITH_SHA512: hashes.SHA512(),
}
_ECDSA = {
    Oid.ECDSA_WITH_SHA224: hashes.SHA224(),
    Oid.ECDSA_WITH_SHA256: hashes.SHA256(),
    Oid.ECDSA_WITH_SHA384: hashes.SHA384(),
    Oid.ECDSA_WITH_SHA512: hashes.SHA512(),
}
_Own = (
    ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)
_OWN: dict[str, type[_Own]] = {
    "1.3.101.112": ed25519.Ed25519PublicKey,
    "1.3.101.113": ed448.Ed448PublicKey,
    "2.16.840.1.101.3.4.3.17": mldsa.MLDSA44PublicKey,
    "2.16.840.1.101.3.4.3.18": mldsa.MLDSA65PublicKey,
    "2.16.840.1.101.3.4.3.19": mldsa.MLDSA87PublicKey,
}
"""Schemes that bring their own digest, each for keys of one kind."""


def disbelief(signed: x509.CertificateRevocationList | x509.Certificate) -> str:
    """Why the signature of a list or a certificate would say nothing, whoever has made it; empty where it
    would."""
    oid = signed.signature_algorithm_oid
    if oid.dotted_string in _OWN:
        return ""
    try:
        digest = signed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    if isinstance(digest, _BELIEVED):
        return ""
    return _not_believed(oid, f" and {digest.name}" if digest and oid == Oid.RSASSA_PSS else "")


def disbelief_of_answer(oid: x509.ObjectIdentifier) -> str:
    """As `disbelief`, by the algorithm of an OCSP answer. RSASSA-PSS is not believed there, since its
    parameters cannot be had."""
    return "" if oid in _RSA or oid in _ECDSA or oid.dotted_string in _OWN else _not_believed(oid)


def _not_believed(oid: x509.ObjectIdentifier, digest: str = "") -> str:
    name = SIGNATURE_NAMES.get(oid.dotted_string, oid.dotted_string[:60])
    return f"is signed with {name}{digest}, which is not believed"


def fits(key: CertificatePublicKeyTypes, oid: x509.ObjectIdentifier, signature: bytes, signed: bytes) -> bool:
    """Has this key made the signature of an answer? Never by an algorithm that is not believed."""
    try:
        if isinstance(key, rsa.RSAPublicKey) and oid in _RSA:
            key.verify(signature, signed, padding.PKCS1v15(), _RSA[oid])
        elif isinstance(key, ec.EllipticCurvePublicKey) and oid in _ECDSA:
            key.verify(signature, signed, ec.ECDSA(_ECDSA[oid]))
        elif (kind := _OWN.get(oid.dotted_string)) is not None and isinstance(key, kind):
            key.verify(signature, signed)
        else:
            return False
    except InvalidSignature:
        return False
    return True
