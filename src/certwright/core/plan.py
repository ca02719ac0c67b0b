"""The certificate to be, as values: everything it will say, before a byte of it is encoded."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from . import extensions as ext
from . import keys
from .distinguished_name import DistinguishedName, decode_name
from .errors import Malformed
from .extensions import BasicConstraints, CertificatePolicy, Extension, NameConstraints
from .issuer import Issuer
from .keys import SIGNATURES, KeyAlgorithm
from .names import Identifier
from .policy import Approved
from .profile import MustStaple, Pointer, Profile

SERIAL_OCTETS = 16
VERSION_3 = 2


def make_serial(random: bytes) -> int:
    """A serial number from 16 random octets: first bit clear, first octet not zero, 126 bits kept."""
    if len(random) != SERIAL_OCTETS:
        raise Malformed(f"a serial number is made of {SERIAL_OCTETS} random octets, not {len(random)}")
    return int.from_bytes(bytes((random[0] & 0x3F | 0x40,)) + random[1:], "big")


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What all certificates of one profile, issuer, kind of key and choice of extensions have in common.

    Made once and kept (`_shape`), so that it is compared by identity.
    """

    profile: Profile
    issuer: Issuer
    key_algorithm: KeyAlgorithm
    constant: tuple[Extension, ...]
    has_names: bool
    names_critical: bool
    has_subject_key_identifier: bool

    @property
    def signature_identifier(self) -> bytes:
        """DER AlgorithmIdentifier of the issuer's signature."""
        return SIGNATURES[self.issuer.algorithm].identifier

    @property
    def heads(self) -> tuple[tuple[str, bool], ...]:
        """OID and critical flag of every extension, in the order of encoding."""
        heads = [(extension.oid, extension.critical) for extension in self.constant]
        if self.has_names:
            heads.append((ext.SUBJECT_ALTERNATIVE_NAME, self.names_critical))
        if self.has_subject_key_identifier:
            heads.append((ext.SUBJECT_KEY_IDENTIFIER, False))
        return tuple(heads)


@dataclass(frozen=True, slots=True)
class CertificatePlan:
    """One certificate, decoded: version 3, what `shape` says, and what varies."""

    shape: Shape
    serial: int
    not_before: datetime
    not_after: datetime
    subject: DistinguishedName
    spki: bytes
    names: tuple[Identifier, ...]
    key_identifier: bytes

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """Every extension in the order of encoding: the constant ones, the names, the key's identifier."""
        shape = self.shape
        varying = []
        if shape.has_names:
            varying.append(Extension(shape.names_critical, ext.SubjectAlternativeName(self.names)))
        if shape.has_subject_key_identifier:
            varying.append(Extension(critical=False, value=ext.SubjectKeyIdentifier(self.key_identifier)))
        return (*shape.constant, *varying)


def make_plan(approved: Approved, serial: int, shard: int = 0) -> CertificatePlan:
    """The certificate that an approved request becomes. `serial` as `make_serial` gives it.

    Raises Malformed for a serial number of another size.
    """
    if not 1 << 8 * (SERIAL_OCTETS - 1) <= serial < 1 << 8 * SERIAL_OCTETS - 1:
        raise Malformed(f"serial number {serial:x}: exactly 16 octets, first bit clear, first octet not zero")
    request = approved.request
    shape = _shape(
        approved.profile,
        approved.issuer,
        request.algorithm,
        shard,
        approved.must_staple,
        bool(approved.subject),
        bool(approved.names),
        approved.basic_constraints,
        approved.name_constraints,
        approved.policies,
    )
    return CertificatePlan(
        shape,
        serial,
        approved.not_before,
        approved.not_after,
        approved.subject,
        request.spki,
        approved.names,
        keys.key_identifier(request.spki),
    )


def shape_of_profile(profile: Profile, issuer: Issuer, algorithm: KeyAlgorithm) -> Shape:
    """What the certificates of a profile share, without the wishes of a request: with a subject and names if
    the profile takes any."""
    return _shape(
        profile,
        issuer,
        algorithm,
        0,
        profile.must_staple is MustStaple.ALWAYS,
        bool(profile.subject),
        profile.names.maximum > 0,
        profile.basic_constraints,
        profile.name_constraints,
        profile.policies,
    )


@lru_cache(maxsize=4096)
def _shape(
    profile: Profile,
    issuer: Issuer,
    algorithm: KeyAlgorithm,
    shard: int,
    must_staple: bool,
    has_subject: bool,
    has_names: bool,
    basic_constraints: BasicConstraints | None,
    name_constraints: NameConstraints | None,
    policies: tuple[CertificatePolicy, ...],
) -> Shape:
    constant = [
        *_usage(profile, algorithm, basic_constraints),
        *_issuer_extensions(profile, issuer, shard),
    ]
    if policies:
        constant.append(Extension(critical=False, value=ext.CertificatePolicies(policies)))
    if name_constraints is not None:
        constant.append(Extension(critical=True, value=name_constraints))
    if must_staple:
        constant.append(Extension(critical=False, value=ext.TlsFeature()))
    if profile.ocsp_nocheck:
        constant.append(Extension(critical=False, value=ext.OcspNoCheck()))
    constant.extend(profile.extensions)
    return Shape(
        profile,
        issuer,
        algorithm,
        tuple(constant),
        has_names,
        # RFC 5280 section 4.2.1.6: critical exactly when there is no subject to go by
        names_critical=not has_subject,
        has_subject_key_identifier=profile.subject_key_identifier,
    )


def _usage(
    profile: Profile, algorithm: KeyAlgorithm, constraints: BasicConstraints | None
) -> list[Extension]:
    found: list[Extension] = []
    if constraints is not None:
        found.append(Extension(critical=True, value=constraints))
    if uses := profile.key_usage.uses(algorithm):
        found.append(Extension(profile.key_usage.critical, ext.KeyUsage(uses)))
    if profile.purposes:
        found.append(Extension(profile.purposes_critical, ext.ExtendedKeyUsage(profile.purposes)))
    return found


def _issuer_extensions(profile: Profile, issuer: Issuer, shard: int) -> list[Extension]:
    found: list[Extension] = []
    pointers, wanted = issuer.pointers, profile.pointers
    if profile.authority_key_identifier:
        found.append(Extension(critical=False, value=ext.AuthorityKeyIdentifier(issuer.key_identifier)))
    if pointers.crl and Pointer.CRL in wanted:
        url = pointers.crl.replace("{shard}", str(shard))
        found.append(Extension(critical=False, value=ext.CrlDistributionPoints((url,))))
    ocsp = (pointers.ocsp,) if pointers.ocsp and Pointer.OCSP in wanted else ()
    issuers = (pointers.ca_issuers,) if pointers.ca_issuers and Pointer.CA_ISSUERS in wanted else ()
    if ocsp or issuers:
        found.append(Extension(critical=False, value=ext.AuthorityInformationAccess(ocsp, issuers)))
    return found


# -- for people ------------------------------------------------------------------------------------


def describe(plan: CertificatePlan) -> dict[str, Any]:
    """The plan in words and plain values, ready for JSON: the preview that a person reads."""
    return {
        "profile": f"{plan.shape.profile.name} version {plan.shape.profile.version}",
        "version": 3,
        "serial": f"{plan.serial:032x}",
        "signature_algorithm": SIGNATURES[plan.shape.issuer.algorithm].name,
        "issuer": str(decode_name(plan.shape.issuer.name)),
        "not_before": plan.not_before.isoformat(),
        "not_after": plan.not_after.isoformat(),
        "subject": str(plan.subject),
        "key_algorithm": plan.shape.key_algorithm.value,
        "extensions": [
            {
                "oid": found.oid,
                "name": _title(found),
                "critical": found.critical,
                "value": _words(found.value),
            }
            for found in plan.extensions
        ],
    }


def _title(extension: Extension) -> str:
    if isinstance(extension.value, ext.OtherExtension):
        return extension.oid
    name = type(extension.value).__name__
    return name[:1].lower() + name[1:]


def _words(value: ext.ExtensionValue) -> list[str]:
    match value:
        case ext.BasicConstraints(authority, path_length):
            limit = [] if path_length is None else [f"path length {path_length}"]
            return ["certificate authority" if authority else "end entity", *limit]
        case ext.KeyUsage(uses):
            return [use for use in ext.KEY_USES if use in uses]
        case ext.ExtendedKeyUsage(purposes):
            return [ext.purpose_name(oid) for oid in purposes]
        case ext.SubjectAlternativeName(identifiers):
            return [str(identifier) for identifier in identifiers]
        case ext.SubjectKeyIdentifier(octets) | ext.AuthorityKeyIdentifier(octets):
            return [octets.hex()]
        case ext.CertificatePolicies(policies):
            return [f"{policy.oid} {policy.cps}".strip() for policy in policies]
        case _:
            return _more_words(value)


def _more_words(value: ext.ExtensionValue) -> list[str]:
    match value:
        case ext.NameConstraints(permitted, excluded):
            return [f"permitted {tree.kind}:{tree.base}" for tree in permitted] + [
                f"excluded {tree.kind}:{tree.base}" for tree in excluded
            ]
        case ext.CrlDistributionPoints(urls):
            return list(urls)
        case ext.AuthorityInformationAccess(ocsp, ca_issuers):
            return [f"OCSP {url}" for url in ocsp] + [f"caIssuers {url}" for url in ca_issuers]
        case ext.TlsFeature(features):
            return ["OCSP must-staple" if feature == 5 else str(feature) for feature in features]
        case ext.OcspNoCheck():
            return ["do not check this certificate's revocation"]
        case _:
            return [value.encode().hex()]
