"""Detached signatures over documents: CMS SignedData (RFC 5652 section 5) with signed attributes.

What is signed is a SET, which no certificate, list, answer or request is: the octets of one cannot pass for
another. RSA signs PKCS#1 v1.5 and ECDSA its curve's hash, by SHA-256, SHA-384 or SHA-512 (RFC 5754).
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from . import der
from .errors import Malformed
from .keys import SIGNATURES, KeyAlgorithm

SIGNING_ALGORITHMS = (
    KeyAlgorithm.ECDSA_P256,
    KeyAlgorithm.ECDSA_P384,
    KeyAlgorithm.ECDSA_P521,
    KeyAlgorithm.RSA_3072,
    KeyAlgorithm.RSA_4096,
    KeyAlgorithm.RSA_2048,
)
"""Those that every reader of CMS knows, the one to choose first."""

_SIGNED_DATA, _DATA = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1"
_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_TIME = (f"1.2.840.113549.1.9.{last}" for last in (3, 4, 5))
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_HASHES = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_IMPLICIT_0 = 0xA0


def signed_attributes(document: bytes, certificate: bytes, algorithm: KeyAlgorithm, at: datetime) -> bytes:
    """What is signed for a document: its digest, when, and by which certificate (DER; RFC 5035)."""
    digest = hashlib.new(_hash_of(algorithm), document).digest()
    identifier = der.sequence(der.sequence(der.octet_string(hashlib.sha256(certificate).digest())))
    attributes = [
        _attribute(_CONTENT_TYPE, der.object_identifier(_DATA)),
        _attribute(_SIGNING_TIME, der.time(at)),
        _attribute(_MESSAGE_DIGEST, der.octet_string(digest)),
        _attribute(_SIGNING_CERTIFICATE, der.sequence(identifier)),
    ]
    return der.tlv(der.SET, b"".join(sorted(attributes)))


def check_signed_attributes(encoded: bytes) -> None:
    """Raises Malformed when these are not signed attributes as `signed_attributes` makes them."""
    outer = der.Reader(encoded, "signed attributes")
    fields = outer.inside(der.SET)
    outer.finish()
    found = set()
    while not fields.at_end():
        attribute = fields.inside()
        found.add(attribute.object_identifier())
        attribute.element(der.SET)
        attribute.finish()
    if found != {_CONTENT_TYPE, _SIGNING_TIME, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE}:
        raise Malformed("signed attributes: not those of a document")


def signed_data(
    certificate: bytes, chain: Sequence[bytes], algorithm: KeyAlgorithm, attributes: bytes, signature: bytes
) -> bytes:
    """DER of the ContentInfo, detached, with the signer's certificate and those above it (DER)."""
    digest = der.sequence(der.object_identifier(_HASHES[_hash_of(algorithm)]))
    signer = der.sequence(
        der.integer(1),
        _issuer_and_serial(certificate),
        digest,
        bytes((_IMPLICIT_0,)) + attributes[1:],
        SIGNATURES[algorithm].identifier,
        der.octet_string(signature),
    )
    signed = der.sequence(
        der.integer(1),
        der.tlv(der.SET, digest),
        der.sequence(der.object_identifier(_DATA)),
        der.tlv(_IMPLICIT_0, b"".join(sorted((certificate, *chain)))),
        der.tlv(der.SET, signer),
    )
    return der.sequence(der.object_identifier(_SIGNED_DATA), der.tlv(_IMPLICIT_0, signed))


def _hash_of(algorithm: KeyAlgorithm) -> str:
    digest = SIGNATURES[algorithm].digest
    if digest is None:
        raise Malformed(f"documents are not signed with {algorithm}")
    return digest.name


def _attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.object_identifier(oid), der.tlv(der.SET, value))


def _issuer_and_serial(certificate: bytes) -> bytes:
    fields = der.Reader(certificate, "signer's certificate").inside().inside()
    fields.element(_IMPLICIT_0)
    serial = fields.whole(der.INTEGER)
    fields.element(der.SEQUENCE)
    return der.sequence(fields.whole(der.SEQUENCE), serial)
