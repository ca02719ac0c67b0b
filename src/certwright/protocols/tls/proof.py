"""Has the server the key of its certificate? Its signature over the handshake says so."""

import hashlib
from collections.abc import Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa

from ...core.unreadable import UNREADABLE
from .registry import Scheme

_CONTEXT_1_3 = b" " * 64 + b"TLS 1.3, server CertificateVerify\x00"

_SHA1 = 2
_HASHES: Mapping[int, hashes.HashAlgorithm] = {
    _SHA1: hashes.SHA1(),  # noqa: S303
    4: hashes.SHA256(),
    5: hashes.SHA384(),
    6: hashes.SHA512(),
}
_PSS: Mapping[int, hashes.HashAlgorithm] = {
    Scheme.RSA_PSS_RSAE_SHA256: hashes.SHA256(),
    Scheme.RSA_PSS_RSAE_SHA384: hashes.SHA384(),
    Scheme.RSA_PSS_RSAE_SHA512: hashes.SHA512(),
    Scheme.RSA_PSS_PSS_SHA256: hashes.SHA256(),
    Scheme.RSA_PSS_PSS_SHA384: hashes.SHA384(),
    Scheme.RSA_PSS_PSS_SHA512: hashes.SHA512(),
}
_BRAINPOOL: Mapping[int, hashes.HashAlgorithm] = {
    Scheme.ECDSA_BRAINPOOLP256R1_SHA256: hashes.SHA256(),
    Scheme.ECDSA_BRAINPOOLP384R1_SHA384: hashes.SHA384(),
    Scheme.ECDSA_BRAINPOOLP512R1_SHA512: hashes.SHA512(),
}


def proved_1_3(certificate: bytes, scheme: int, signature: bytes, transcript: bytes) -> bool | None:
    """CertificateVerify; `transcript` is the hash from ClientHello to Certificate (RFC 8446 section 4.4.3).
    None where the key or the scheme is not known here."""
    return _proved(certificate, scheme, signature, _CONTEXT_1_3 + transcript)


def proved_before(certificate: bytes, scheme: int, signature: bytes, signed: bytes) -> bool | None:
    """ServerKeyExchange; `signed` are both randoms and the parameters (RFC 5246 section 7.4.3), `scheme` is 0
    before TLS 1.2."""
    return _proved(certificate, scheme, signature, signed)


def _proved(certificate: bytes, scheme: int, signature: bytes, signed: bytes) -> bool | None:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        return _verify(key, scheme, signature, signed)
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, *UNREADABLE):
        return None


def _verify(key: object, scheme: int, signature: bytes, signed: bytes) -> bool | None:
    """Raises InvalidSignature; `scheme` 0 is that of TLS 1.1 and before."""
    if isinstance(key, rsa.RSAPublicKey):
        return _verify_rsa(key, scheme, signature, signed)
    digest = _BRAINPOOL.get(scheme) or _HASHES.get(scheme >> 8 if scheme else _SHA1)
    if isinstance(key, ec.EllipticCurvePublicKey) and digest:
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, dsa.DSAPublicKey) and digest:
        key.verify(signature, signed, digest)
    elif isinstance(
        key,
        ed25519.Ed25519PublicKey
        | ed448.Ed448PublicKey
        | mldsa.MLDSA44PublicKey
        | mldsa.MLDSA65PublicKey
        | mldsa.MLDSA87PublicKey,
    ):
        key.verify(signature, signed)
    else:
        return None
    return True


def _verify_rsa(key: rsa.RSAPublicKey, scheme: int, signature: bytes, signed: bytes) -> bool | None:
    if scheme == 0:  # MD5 and SHA-1 one after the other, without an algorithm (RFC 2246 section 7.4.3)
        both = hashlib.md5(signed, usedforsecurity=False).digest()
        both += hashlib.sha1(signed, usedforsecurity=False).digest()
        return key.recover_data_from_signature(signature, padding.PKCS1v15(), None) == both
    if pss := _PSS.get(scheme):
        key.verify(signature, signed, padding.PSS(padding.MGF1(pss), pss.digest_size), pss)
        return True
    digest = _HASHES.get(scheme >> 8)
    if digest is None or scheme & 0xFF != 1:
        return None
    key.verify(signature, signed, padding.PKCS1v15(), digest)
    return True
