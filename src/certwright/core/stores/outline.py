"""The few fields of a certificate that put it in its place (RFC 5280 section 4.1), whatever else is in it."""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from .. import der
from ..errors import Malformed, TooLarge
from ..unreadable import UNREADABLE
from .values import CERTIFICATE_OCTETS_MAX


@dataclass(frozen=True, slots=True)
class Outline:
    """`der` is the whole certificate, `serial` the content of its INTEGER; the others are DER too."""

    der: bytes
    serial: bytes
    issuer: bytes
    subject: bytes
    spki: bytes

    @property
    def self_issued(self) -> bool:
        return self.issuer == self.subject

    @property
    def spki_sha256(self) -> str:
        return hashlib.sha256(self.spki).hexdigest()

    def digests(self) -> frozenset[str]:
        """SHA-256 of the public key, in hexadecimal: as it stands here and as it is usually written."""
        return frozenset({self.spki_sha256, _usual_digest(self.spki)} - {""})

    def title(self) -> str:
        """The subject as text (RFC 4514); of one that cannot be read or is empty, a digest."""
        try:
            text = x509.load_der_x509_certificate(self.der).subject.rfc4514_string()
        except (*UNREADABLE, UnsupportedAlgorithm):
            text = ""
        return text or f"sha256:{hashlib.sha256(self.der).hexdigest()[:32]}"


def outline(certificate: bytes) -> Outline:
    """Raises Malformed for what is no certificate in DER, TooLarge past CERTIFICATE_OCTETS_MAX."""
    if len(certificate) > CERTIFICATE_OCTETS_MAX:
        raise TooLarge(f"the certificate has {len(certificate)} octets, more than {CERTIFICATE_OCTETS_MAX}")
    outer = der.Reader(certificate, "certificate")
    parts = outer.inside()
    outer.finish()
    fields = parts.inside()
    parts.element(der.SEQUENCE)
    parts.element(der.BIT_STRING)
    parts.finish()
    if fields.peek() == 0xA0:
        fields.element()
    serial = fields.content(der.INTEGER)
    fields.element(der.SEQUENCE)
    issuer = fields.whole(der.SEQUENCE)
    _check_validity(fields.inside())
    return Outline(certificate, serial, issuer, fields.whole(der.SEQUENCE), fields.whole(der.SEQUENCE))


def _check_validity(dates: der.Reader) -> None:
    for _ in range(2):
        if dates.element()[0] not in {der.UTC_TIME, der.GENERALIZED_TIME}:
            raise Malformed("certificate: its dates are no dates")
    dates.finish()


def _usual_digest(spki: bytes) -> str:
    """Of the key as `cryptography` writes it: points uncompressed, RSA without the parameters of PSS."""
    try:
        key = load_der_public_key(spki)
        usual = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (*UNREADABLE, UnsupportedAlgorithm):
        return ""
    return hashlib.sha256(usual).hexdigest()
