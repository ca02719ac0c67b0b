"""CRLs of other authorities (RFC 5280 section 5): which are believed, and what they say of certificates.

A list is believed when it is signed by the key that has signed the certificates, and speaks for that
authority alone. What it says is revoked is revoked, however old the list is; what it does not say is another
matter.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from . import der
from .distinguished_name import name_text
from .errors import Malformed
from .pem import der_of_list
from .revocation import Reason
from .strangers_signatures import disbelief
from .unreadable import UNREADABLE

AHEAD = timedelta(minutes=5)
"""How far an authority's clock may be ahead of ours."""
FEW = 64


@dataclass(frozen=True, slots=True)
class Entry:
    revoked_at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class OutsideList:
    """A list that may be believed. `number` is empty where it has none; `next_update` None where it does not
    say. What a list leaves out that is only a `part` of all is revoked or not: it is for those certificates
    that name it (RFC 5280 section 5.2.5)."""

    this_update: datetime
    next_update: datetime | None
    number: str
    part: bool
    parsed: x509.CertificateRevocationList = field(repr=False)

    def entries(self, serials: Iterable[bytes]) -> Mapping[bytes, Entry]:
        """Those of these serial numbers (content octets) that are revoked or on hold. Raises Malformed: what
        the authority has signed need not be an entry that can be read."""
        wanted = {int.from_bytes(serial, "big", signed=True): serial for serial in serials}
        try:
            rows = self._rows(wanted)
            return {wanted[row.serial_number]: entry for row in rows if (entry := _entry(row)) is not None}
        except UNREADABLE as error:
            raise Malformed("the CRL that is there has an entry that cannot be read") from error

    def _rows(self, wanted: Collection[int]) -> list[x509.RevokedCertificate]:
        if len(wanted) > FEW:
            return [row for row in self.parsed if row.serial_number in wanted]
        one = self.parsed.get_revoked_certificate_by_serial_number
        return [row for number in wanted if number > 0 and (row := one(number)) is not None]


def _entry(row: x509.RevokedCertificate) -> Entry | None:
    """None for what a complete list does not have: removeFromCRL (section 5.3.1)."""
    try:
        flag = row.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return Entry(row.revocation_date_utc, Reason.UNSPECIFIED)
    if flag is x509.ReasonFlags.remove_from_crl:
        return None
    return Entry(row.revocation_date_utc, _REASONS.get(flag, Reason.UNSPECIFIED))


_REASONS = {
    x509.ReasonFlags.key_compromise: Reason.KEY_COMPROMISE,
    x509.ReasonFlags.ca_compromise: Reason.CA_COMPROMISE,
    x509.ReasonFlags.affiliation_changed: Reason.AFFILIATION_CHANGED,
    x509.ReasonFlags.superseded: Reason.SUPERSEDED,
    x509.ReasonFlags.cessation_of_operation: Reason.CESSATION_OF_OPERATION,
    x509.ReasonFlags.certificate_hold: Reason.CERTIFICATE_HOLD,
    x509.ReasonFlags.privilege_withdrawn: Reason.PRIVILEGE_WITHDRAWN,
    x509.ReasonFlags.aa_compromise: Reason.AA_COMPROMISE,
}


def issuer_of_list(octets: bytes) -> str:
    """Whose list it says that it is, as RFC 4514 text (section 5.1.2.3). Raises Malformed."""
    try:
        parsed = x509.load_der_x509_crl(der_of_list(octets))
        fields = der.Reader(parsed.tbs_certlist_bytes, "TBSCertList").inside()
        if fields.peek() == der.INTEGER:
            fields.element()  # version
        fields.element()  # signature
        return name_text(fields.whole())
    except (UnsupportedAlgorithm, *UNREADABLE) as error:
        raise Malformed("what is there is no CRL that can be read") from error


def read_list(octets: bytes, issuer: x509.Certificate, now: datetime) -> OutsideList:
    """A complete list of this issuer, DER or PEM. Raises Malformed for one that is not to be believed."""
    try:
        parsed = x509.load_der_x509_crl(der_of_list(octets))
        weak = disbelief(parsed)
        signed = parsed.issuer == issuer.subject and parsed.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
        begins, ends = parsed.last_update_utc, parsed.next_update_utc
        scope = _scope(parsed)
        number = _number(parsed)
    except (UnsupportedAlgorithm, *UNREADABLE) as error:
        raise Malformed("what is there is no CRL that can be read") from error
    if weak:
        raise Malformed(f"the CRL that is there {weak}")
    if not signed:
        raise Malformed("the CRL that is there is not signed by the authority")
    if scope:
        raise Malformed(f"the CRL that is there is {scope}")
    if begins > now + AHEAD:
        raise Malformed(f"the CRL that is there is of the future ({begins:%Y-%m-%d})")
    return OutsideList(begins, ends, number, _is_part(parsed), parsed)


def _scope(parsed: x509.CertificateRevocationList) -> str:
    """Why a list cannot be used as the complete list of its issuer, empty where it can."""
    for extension in parsed.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            return "a delta to another"
        if isinstance(value, x509.IssuingDistributionPoint):
            if value.indirect_crl:
                return "for several issuers"
            if value.only_contains_attribute_certs:
                return "for attribute certificates"
        elif extension.critical and not isinstance(value, (x509.CRLNumber, x509.AuthorityKeyIdentifier)):
            return "bound to something that is not known here"
    return ""


def _is_part(parsed: x509.CertificateRevocationList) -> bool:
    return any(isinstance(extension.value, x509.IssuingDistributionPoint) for extension in parsed.extensions)


def _number(parsed: x509.CertificateRevocationList) -> str:
    try:
        return str(parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    except x509.ExtensionNotFound:
        return ""
