"""What certifying needs to know of one generation of an authority."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from . import keys
from .der import SEQUENCE, Reader
from .distinguished_name import DistinguishedName
from .errors import Malformed, Reason, Refused
from .extensions import (
    BasicConstraints,
    NameConstraints,
    SubjectKeyIdentifier,
    read_extension,
)
from .keys import KeyAlgorithm, PublicKey

_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_FIRST = datetime(1950, 1, 1, tzinfo=UTC)
# TypeError is cryptography's word about a BIT STRING in a name
_UNREADABLE = (
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_READ = ("2.5.29.19", "2.5.29.30", "2.5.29.14")


@dataclass(frozen=True, slots=True)
class Pointers:
    """Where relying parties find validation data of this authority; empty for none.

    `crl` holds `{shard}` where the number of the shard goes.
    """

    ocsp: str = ""
    ca_issuers: str = ""
    crl: str = ""


NO_POINTERS = Pointers()


@dataclass(frozen=True, slots=True)
class Issuer:
    """`name` is the DER of the authority's subject, exactly as its certificate has it (RFC 5280 4.1.2.4).

    `path_length` is how many more authorities may follow below it, None for any number.
    """

    name: bytes
    key_identifier: bytes
    algorithm: KeyAlgorithm
    not_before: datetime
    not_after: datetime
    path_length: int | None = None
    name_constraints: NameConstraints | None = None
    pointers: Pointers = NO_POINTERS

    def __hash__(self) -> int:
        return hash((self.name, self.key_identifier))


def self_issuer(subject: DistinguishedName, public_key: PublicKey) -> Issuer:
    """The issuer of a self-signed certificate: the subject and key of the certificate to be."""
    return Issuer(
        subject.encode(),
        keys.key_identifier(keys.spki(public_key)),
        keys.algorithm_of(public_key),
        _FIRST,
        _LAST,
    )


def issuer_of(certificate: bytes, pointers: Pointers = NO_POINTERS) -> Issuer:
    """The issuer that holds this authority certificate (DER).

    Raises Malformed when it cannot be read or is no authority's, Refused for an unsupported key.
    """
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        values = {found.oid.dotted_string: found for found in parsed.extensions}
        public_key = parsed.public_key()
    except UnsupportedAlgorithm as error:
        raise Refused((Reason("key.unsupported", f"the authority's key: {error}"),)) from error
    except _UNREADABLE as error:
        raise Malformed(f"the authority's certificate cannot be read: {error}") from error
    read = [read_extension(values[oid]).value for oid in _READ if oid in values]
    basic = next((value for value in read if isinstance(value, BasicConstraints)), None)
    constraints = next((value for value in read if isinstance(value, NameConstraints)), None)
    identifier = next((value.value for value in read if isinstance(value, SubjectKeyIdentifier)), None)
    if basic is None or not basic.authority:
        raise Malformed(
            "the certificate is not an authority's: basicConstraints without cA (RFC 5280 4.2.1.9)"
        )
    algorithm = keys.algorithm_of(public_key)
    return Issuer(
        _subject(certificate),
        identifier or keys.key_identifier(_spki(certificate)),
        algorithm,
        parsed.not_valid_before_utc,
        parsed.not_valid_after_utc,
        basic.path_length,
        constraints,
        pointers,
    )


def _after_validity(certificate: bytes) -> Reader:
    """A reader that stands before the subject of a TBSCertificate."""
    fields = Reader(certificate, "certificate").inside().inside()
    if fields.peek() == 0xA0:
        fields.element()
    for _ in range(4):
        fields.element()
    return fields


def _subject(certificate: bytes) -> bytes:
    return _after_validity(certificate).whole(SEQUENCE)


def _spki(certificate: bytes) -> bytes:
    fields = _after_validity(certificate)
    fields.element()
    return fields.whole(SEQUENCE)
