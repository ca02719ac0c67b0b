"""What certifying needs to know of one generation of an authority."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from . import keys
from .compared_name import ComparedName, compared
from .constraints import normalized
from .der import SEQUENCE, Reader
from .distinguished_name import DistinguishedName, decode_name
from .errors import Malformed, Reason, Refused
from .extensions import (
    ANY_POLICY,
    CERTIFICATE_POLICIES,
    PURPOSES,
    BasicConstraints,
    ExtendedKeyUsage,
    KeyUsage,
    NameConstraints,
    SubjectKeyIdentifier,
    read_extension,
)
from .keys import KeyAlgorithm, PublicKey
from .unreadable import UNREADABLE

_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_FIRST = datetime(1950, 1, 1, tzinfo=UTC)
# TypeError is cryptography's word about a BIT STRING in a name
_READ = ("2.5.29.19", "2.5.29.30", "2.5.29.14", "2.5.29.15", "2.5.29.37")


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

    `path_length` is how many more authorities may follow below it, None for any number, and
    `name_constraints` what it and those above it say of names, in normal form. `not_after` is the end of its
    own certificate, `path_not_after` that of the first to end above it. `purposes` and `policies` (OIDs) are
    those that its certificate and all above it have in common, None where none of them says anything.
    """

    name: bytes
    key_identifier: bytes
    algorithm: KeyAlgorithm
    not_before: datetime
    not_after: datetime
    path_length: int | None = None
    name_constraints: tuple[NameConstraints, ...] = ()
    pointers: Pointers = NO_POINTERS
    path_not_after: datetime = _LAST
    purposes: frozenset[str] | None = None
    policies: frozenset[str] | None = None
    compared_name: ComparedName = field(init=False, repr=False, compare=False)
    certifies_until: datetime = field(init=False, repr=False, compare=False)
    """Past this nobody finds a valid path to what it has certified (RFC 5280 6.1.3)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "compared_name", compared(decode_name(self.name)))
        object.__setattr__(self, "certifies_until", min(self.not_after, self.path_not_after))

    def __hash__(self) -> int:
        return hash((self.name, self.key_identifier))

    def is_named(self, name: DistinguishedName) -> bool:
        """Is this its name? (RFC 5280 7.1)"""
        return len(name.rdns) == len(self.compared_name) and compared(name) == self.compared_name


def self_issuer(subject: DistinguishedName, public_key: PublicKey) -> Issuer:
    """The issuer of a self-signed certificate: the subject and key of the certificate to be."""
    return Issuer(
        subject.encode(),
        keys.key_identifier(keys.spki(public_key)),
        keys.algorithm_of(public_key),
        _FIRST,
        _LAST,
    )


def issuer_of(certificate: bytes, pointers: Pointers = NO_POINTERS, chain: Sequence[bytes] = ()) -> Issuer:
    """The issuer that holds this authority certificate (DER), below `chain`, its own issuer first.

    Raises Malformed when one cannot be read or is no authority's, Refused for an unsupported key.
    """
    own, *above = path = [read_authority(der) for der in (certificate, *chain)]
    left = path_length_left(path)
    return Issuer(
        _subject(certificate),
        own.key_identifier,
        own.algorithm,
        own.parsed.not_valid_before_utc,
        own.parsed.not_valid_after_utc,
        None if left is None else max(left, 0),
        constraints_of(path),
        pointers,
        min([one.parsed.not_valid_after_utc for one in above], default=_LAST),
        _common([one.purposes for one in path], PURPOSES["anyExtendedKeyUsage"]),
        _common([one.policies for one in _below_anchor(path)], ANY_POLICY),
    )


def _below_anchor(path: Sequence["AuthorityCertificate"]) -> Sequence["AuthorityCertificate"]:
    """Without the root: policies begin below it (RFC 5280 6.1)."""
    return path[:-1] if path[-1].self_issued else path


def _common(sets: Sequence[frozenset[str] | None], everything: str) -> frozenset[str] | None:
    """What they have in common; one that is None, or has the value that stands for all, takes nothing
    away."""
    said = [one for one in sets if one is not None and everything not in one]
    return frozenset.intersection(*said) if said else None


# -- certificates of authorities -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuthorityCertificate:
    """What a path through this certificate depends on. `key_uses` is None without keyUsage, `policies` (OIDs)
    without certificatePolicies, `purposes` (OIDs) without extKeyUsage."""

    parsed: x509.Certificate
    self_issued: bool
    key_identifier: bytes
    algorithm: KeyAlgorithm
    path_length: int | None
    name_constraints: NameConstraints | None
    key_uses: frozenset[str] | None
    policies: frozenset[str] | None
    purposes: frozenset[str] | None


def read_authority(certificate: bytes) -> AuthorityCertificate:
    """An authority certificate (DER), read. Raises as `issuer_of`."""
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        values = {found.oid.dotted_string: found for found in parsed.extensions}
        public_key = parsed.public_key()
        self_issued = parsed.subject == parsed.issuer  # names are read here, and not before
    except UnsupportedAlgorithm as error:
        raise Refused((Reason("key.unsupported", f"the authority's key: {error}"),)) from error
    except UNREADABLE as error:
        raise Malformed(f"the authority's certificate cannot be read: {error}") from error
    read = [read_extension(values[oid]).value for oid in _READ if oid in values]
    basic = next((value for value in read if isinstance(value, BasicConstraints)), None)
    constraints = next((value for value in read if isinstance(value, NameConstraints)), None)
    identifier = next((value.value for value in read if isinstance(value, SubjectKeyIdentifier)), None)
    usage = next((value.uses for value in read if isinstance(value, KeyUsage)), None)
    if basic is None or not basic.authority:
        raise Malformed(
            "the certificate is not an authority's: basicConstraints without cA (RFC 5280 4.2.1.9)"
        )
    return AuthorityCertificate(
        parsed,
        self_issued,
        identifier or keys.key_identifier(_spki(certificate)),
        keys.algorithm_of(public_key),
        basic.path_length,
        None if constraints is None else normalized(constraints),
        usage,
        _policies(values.get(CERTIFICATE_POLICIES)),
        next((frozenset(value.purposes) for value in read if isinstance(value, ExtendedKeyUsage)), None),
    )


def _policies(extension: x509.Extension[Any] | None) -> frozenset[str] | None:
    """OIDs; what is said beside them, of statements and notices, changes nothing."""
    if extension is None:
        return None
    return frozenset([policy.policy_identifier.dotted_string for policy in extension.value])


def path_length_left(path: Sequence[AuthorityCertificate]) -> int | None:
    """How many authorities may follow below the first of a path that goes up, None for any number (RFC 5280
    6.1.4, l and m). Negative when there are too many in it already."""
    left: int | None = None
    for one in reversed(path):
        if left is not None and not one.self_issued:
            left -= 1
        left = min([limit for limit in (left, one.path_length) if limit is not None], default=None)
    return left


def constraints_of(path: Sequence[AuthorityCertificate]) -> tuple[NameConstraints, ...]:
    """All name constraints of a path, each of which a name below it must keep (RFC 5280 6.1.4, g)."""
    return tuple([one.name_constraints for one in path if one.name_constraints is not None])


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
