"""A chain of certificates as one file: certs-only CMS (RFC 5652 section 5.1, RFC 8551 section 3.8), which RFC
5280 section 4.2.2.1 names for where an issuer's certificates are found.
"""

from collections.abc import Iterable

from . import der

_SIGNED_DATA, _DATA = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1"
_NONE = der.tlv(der.SET, b"")


def certs_only(certificates: Iterable[bytes]) -> bytes:
    """DER of the ContentInfo that holds these certificates (DER), in the order of a DER set."""
    signed = der.sequence(
        der.integer(1),
        _NONE,
        der.sequence(der.object_identifier(_DATA)),
        der.tlv(0xA0, b"".join(sorted(certificates))),
        _NONE,
    )
    return der.sequence(der.object_identifier(_SIGNED_DATA), der.tlv(0xA0, signed))
