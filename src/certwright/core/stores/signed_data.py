"""Certificates in CMS SignedData (RFC 5652 section 5.1), PKCS #7 before: a file that holds a chain."""

from collections.abc import Iterator, Sequence

from .. import ber, der
from ..errors import Malformed
from .chains import Findings
from .values import Store, StoreFormat

SIGNED_DATA = "1.2.840.113549.1.7.2"


def is_cms(octets: bytes) -> bool:
    """Whether it begins as a ContentInfo (definite lengths) does."""
    try:
        fields = der.Reader(octets, "CMS").inside()
        return fields.object_identifier().startswith("1.2.840.113549.1.7.") and fields.peek() == 0xA0
    except Malformed:
        return False


def signed_fields(contents: der.Reader) -> der.Reader:
    """The fields of a SignedData in definite lengths, from its certificates on. Raises Malformed for what is
    none."""
    fields = contents.inside()
    kind = fields.object_identifier()
    if kind != SIGNED_DATA:
        raise Malformed(f"it is CMS of type {kind}; certificates are in signed data only")
    signed = fields.inside(0xA0).inside()
    signed.integer()
    signed.element(der.SET)
    signed.element(der.SEQUENCE)
    return signed


def certificates_of(fields: der.Reader) -> Iterator[bytes]:
    """Those that stand next in `signed_fields`; such as only speak of attributes are left out."""
    if fields.peek() != 0xA0:
        return
    certificates = fields.inside(0xA0)
    while not certificates.at_end():
        if certificates.peek() == der.SEQUENCE:
            yield certificates.whole()
        else:
            certificates.element()


def certificates_in(octets: bytes) -> Sequence[bytes]:
    """DER of its certificates, in the order in which they stand; those that only speak of attributes are left
    out. Raises Malformed for what is no SignedData, TooLarge."""
    return list(certificates_of(signed_fields(der.Reader(ber.definite(octets, "CMS"), "CMS"))))


def read_cms(octets: bytes) -> Store:
    """Raises Malformed, TooLarge."""
    findings = Findings.none()
    for number, one in enumerate(certificates_in(octets), 1):
        findings.certificate(one, f"certificate {number}")
    return Store(StoreFormat.PKCS7, findings.entries())
