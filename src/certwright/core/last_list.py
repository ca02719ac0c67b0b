"""The last revocation list that an authority from outside has signed, and how ours go on from it."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from .errors import Malformed, Reason, Refused
from .strangers_signatures import disbelief
from .unreadable import UNREADABLE

NUMBER_MAX = 1 << 52
"""Every reader of JSON has integers of 53 bits (RFC 8259 section 6), and many numbers come after it."""


def number_of_last_list(content: bytes, authority: x509.Certificate) -> int:
    """The number of the list (PEM or DER), 0 when it has none: ours must be larger (RFC 5280 5.2.3).

    Raises Malformed, and Refused when it is not a complete list of this authority's key and name, or names
    certificates: of those nothing but the serial number is known, and our lists cannot carry them on yet.
    """
    try:
        crl = _load(content)
        issuer, extensions = crl.issuer, [(found.value, found.critical) for found in crl.extensions]
    except UNREADABLE as error:
        raise Malformed(f"the revocation list cannot be read: {error}") from error
    number = next((value.crl_number for value, _ in extensions if isinstance(value, x509.CRLNumber)), 0)
    partial = any(critical for _, critical in extensions)
    if weak := disbelief(crl):
        raise _refused(weak)
    if issuer != authority.subject or not _is_signed_by(crl, authority):
        raise _refused("is not signed with the authority's key and in its name")
    if partial:
        raise _refused("speaks of some certificates only (a delta, or one of several); give a complete one")
    if len(crl):
        text = f"names {len(crl)} certificates, which cannot be carried on yet"
        raise _refused(f"{text}; take the authority over when those have left its lists")
    if number > NUMBER_MAX:
        raise _refused(f"has number {number}; {NUMBER_MAX} is the largest that can be carried on")
    return number


def _load(content: bytes) -> x509.CertificateRevocationList:
    if content.lstrip().startswith(b"-----BEGIN"):
        return x509.load_pem_x509_crl(content)
    return x509.load_der_x509_crl(content)


def _is_signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def _refused(text: str) -> Refused:
    return Refused((Reason("authority.crl", f"the revocation list {text}", "RFC 5280 5.2"),))
