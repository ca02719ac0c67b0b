"""A certificate read back from its octets, as the values that lints and the seal look at.

`cryptography` does the reading, our own reader only finds where the parts stand. What is read back
shares no code with what encoded it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from .. import der, keys, unreadable
from ..distinguished_name import DistinguishedName, name_from_x509
from ..errors import IntegrityError, Malformed, Refused
from ..extensions import (
    SUBJECT_ALTERNATIVE_NAME,
    SUBJECT_KEY_IDENTIFIER,
    AuthorityInformationAccess,
    CrlDistributionPoints,
    Extension,
    ExtensionValue,
    SubjectAlternativeName,
    SubjectKeyIdentifier,
    read_extension,
)
from ..keys import KeyAlgorithm, PublicKey
from ..names import Identifier

T = TypeVar("T", bound=ExtensionValue)

VARYING = frozenset({SUBJECT_ALTERNATIVE_NAME, SUBJECT_KEY_IDENTIFIER})
_NO_SIGNATURE = der.bit_string(bytes(8))


@dataclass(frozen=True, slots=True)
class Frame:
    """What certificates of one shape share.

    `heads` has OID and critical flag of every extension in order; `extensions` the values of all but those
    that vary (subject alternative name, subject key identifier).
    """

    version: int
    signature_identifier: bytes
    issuer: bytes
    key_algorithm: KeyAlgorithm
    has_subject: bool
    heads: tuple[tuple[str, bool], ...]
    extensions: tuple[Extension, ...]

    def value(self, kind: type[T]) -> T | None:
        """The value of the extension of this type, None when there is none."""
        return next((found.value for found in self.extensions if isinstance(found.value, kind)), None)

    def pointers(self) -> tuple[str, ...]:
        """Every URL that the certificate gives for its validation."""
        lists, access = self.value(CrlDistributionPoints), self.value(AuthorityInformationAccess)
        urls = lists.urls if lists else ()
        return (*urls, *access.ocsp, *access.ca_issuers) if access else urls

    def critical(self, oid: str) -> bool | None:
        """The critical flag of an extension, None when there is none."""
        return next((critical for found, critical in self.heads if found == oid), None)

    def has(self, oid: str) -> bool:
        return any(found == oid for found, _ in self.heads)


@dataclass(frozen=True, slots=True)
class Decoded:
    """One certificate. `serial_octets` counts the content octets of the INTEGER, `time_tags` are DER tags."""

    frame: Frame
    serial: int
    serial_octets: int
    not_before: datetime
    not_after: datetime
    time_tags: tuple[int, int]
    subject: DistinguishedName
    names: tuple[Identifier, ...]
    public_key: PublicKey
    spki: bytes
    key_identifier: bytes | None


class Layout(NamedTuple):
    """Where the parts of a TBSCertificate stand, as their octets. `basic` are all fields before the
    extensions."""

    basic: bytes
    version: bytes
    signature_identifier: bytes
    issuer: bytes
    serial_octets: int
    time_tags: tuple[int, int]
    subject: bytes
    spki: bytes
    extensions: bytes

    @property
    def fixed(self) -> tuple[bytes, bytes, bytes]:
        """What all certificates of one shape have in common before the extensions."""
        return self.version, self.signature_identifier, self.issuer


_WRAPPED = 0xA3
_FIELDS = (0xA0, der.INTEGER, der.SEQUENCE, der.SEQUENCE, der.SEQUENCE, der.SEQUENCE, der.SEQUENCE, _WRAPPED)


def layout_of(tbs: bytes) -> Layout:
    """Find the parts (RFC 5280 section 4.1). Raises Malformed for anything that is not of this form."""
    outer = der.Reader(tbs, "TBSCertificate")
    fields = outer.inside()
    outer.finish()
    begin = fields.position
    version, serial, signature, issuer, validity, subject, spki, wrapped = map(fields.element, _FIELDS)
    fields.finish()
    times = der.Reader(tbs, "Validity", *validity[2:])
    tags = times.element()[0], times.element()[0]
    times.finish()
    inner = der.Reader(tbs, "Extensions", *wrapped[2:])
    _, _, start, end = inner.element(der.SEQUENCE)
    inner.finish()
    return Layout(
        tbs[begin : spki[3]],
        tbs[version[1] : version[3]],
        tbs[signature[1] : signature[3]],
        tbs[issuer[1] : issuer[3]],
        serial[3] - serial[2],
        tags,
        tbs[subject[1] : subject[3]],
        tbs[spki[1] : spki[3]],
        tbs[start:end],
    )


def parse(tbs: bytes, layout: Layout, skipped: int = 0) -> x509.Certificate:
    """`cryptography`'s reading of the octets, given a signature that means nothing.

    Of the extensions the first `skipped` octets are left out: those that were read before, octet for octet.
    """
    if skipped:
        extensions = layout.extensions[skipped:]
        wrapped = der.tlv(_WRAPPED, der.tlv(der.SEQUENCE, extensions)) if extensions else b""
        tbs = der.tlv(der.SEQUENCE, layout.basic + wrapped)
    whole = der.tlv(der.SEQUENCE, tbs + layout.signature_identifier + _NO_SIGNATURE)
    try:
        return x509.load_der_x509_certificate(whole)
    except unreadable.UNREADABLE as error:
        raise Malformed(f"TBSCertificate: {error}") from error


def decode(tbs: bytes) -> Decoded:
    """Read a TBSCertificate back in full. Raises IntegrityError for what no certificate of ours can hold."""
    try:
        layout = layout_of(tbs)
        certificate = parse(tbs, layout)
        extensions = tuple(certificate.extensions)
        frame = read_frame(certificate, layout, extensions)
        return read_varying(certificate, layout, extensions, frame)
    except UNREADABLE as error:
        raise IntegrityError(f"the certificate to be signed cannot be read back: {error}") from error


UNREADABLE = (*unreadable.UNREADABLE, UnsupportedAlgorithm, Malformed, Refused)


def read_frame(
    certificate: x509.Certificate, layout: Layout, extensions: tuple[x509.Extension[Any], ...]
) -> Frame:
    """The part that certificates of one shape share."""
    constant = [found for found in extensions if found.oid.dotted_string not in VARYING]
    public_key: Any = certificate.public_key()
    return Frame(
        certificate.version.value,
        layout.signature_identifier,
        layout.issuer,
        keys.algorithm_of(public_key),
        has_subject=layout.subject != b"\x30\x00",
        heads=tuple([(found.oid.dotted_string, found.critical) for found in extensions]),
        extensions=tuple(map(read_extension, constant)),
    )


def read_varying(
    certificate: x509.Certificate, layout: Layout, extensions: tuple[x509.Extension[Any], ...], frame: Frame
) -> Decoded:
    """The parts that vary, read anew for every certificate; `extensions` hold at least those that do."""
    names: tuple[Identifier, ...] = ()
    key_identifier: bytes | None = None
    for found in extensions:
        if found.oid.dotted_string in VARYING:
            value = read_extension(found).value
            if isinstance(value, SubjectAlternativeName):
                names = value.identifiers
            elif isinstance(value, SubjectKeyIdentifier):
                key_identifier = value.value
    public_key: Any = certificate.public_key()
    return Decoded(
        frame,
        certificate.serial_number,
        layout.serial_octets,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        layout.time_tags,
        name_from_x509(certificate.subject),
        names,
        public_key,
        layout.spki,
        key_identifier,
    )
