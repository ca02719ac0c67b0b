"""PEM (RFC 7468): DER values as text."""

import base64
import re


def pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """One DER value with its lines of 64 characters."""
    text = base64.b64encode(der)
    lines = b"\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label.encode(), lines, label.encode())


_LIST = re.compile(rb"-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----")


def der_of_list(octets: bytes) -> bytes:
    """A CRL in DER, from DER or from the first one in PEM. Raises ValueError for broken base64."""
    found = _LIST.search(octets)
    return base64.b64decode(found[1]) if found else octets


_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def ders_of_certificates(text: str) -> tuple[bytes, ...]:
    """What stands in PEM as certificates, in its order; none of it is read. Raises ValueError for broken
    base64."""
    return tuple(base64.b64decode(block) for block in _CERTIFICATE.findall(text))
