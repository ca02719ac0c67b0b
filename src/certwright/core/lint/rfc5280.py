"""RFC 5280, and the RFCs that define extensions beside it. Always on."""

import re
from collections import Counter

from .. import der
from .. import extensions as ext
from ..distinguished_name import EMAIL_ADDRESS, check_value, short_name
from ..errors import Malformed
from ..keys import SIGNATURES
from ..names import IdentifierKind
from ..profile import Profile
from .decoded import Decoded, Frame
from .finding import Finding, Part, error, notice, rule, warning

Found = tuple[Finding, ...]

# -- the basic fields ------------------------------------------------------------------------------

VERSION = error("rfc5280.version", "RFC 5280 4.1.2.1", "a certificate with extensions must be of version 3")
ALGORITHM = error(
    "rfc5280.signature-algorithm", "RFC 5280 4.1.1.2", "signature algorithm is not one we sign with"
)
ISSUER_EMPTY = error("rfc5280.issuer.empty", "RFC 5280 4.1.2.4", "the issuer must be a non-empty name")


@rule(findings=(VERSION, ALGORITHM, ISSUER_EMPTY))
def basic_fields(decoded: Decoded, _profile: Profile) -> Found:
    frame = decoded.frame
    known = {scheme.identifier for scheme in SIGNATURES.values()}
    checks = (
        (frame.version != 2, VERSION),
        (frame.signature_identifier not in known, ALGORITHM),
        (frame.issuer == b"\x30\x00", ISSUER_EMPTY),
    )
    return tuple([finding for wrong, finding in checks if wrong])


SERIAL_POSITIVE = error(
    "rfc5280.serial.not-positive", "RFC 5280 4.1.2.2", "the serial number must be positive"
)
SERIAL_LONG = error(
    "rfc5280.serial.too-long", "RFC 5280 4.1.2.2", "the serial number is longer than 20 octets"
)


@rule(Part.SERIAL, findings=(SERIAL_POSITIVE, SERIAL_LONG))
def serial_number(decoded: Decoded, _profile: Profile) -> Found:
    if decoded.serial > 0 and decoded.serial_octets <= 20:
        return ()
    return (SERIAL_POSITIVE,) if decoded.serial <= 0 else (SERIAL_LONG,)


VALIDITY_ORDER = error("rfc5280.validity.order", "RFC 5280 4.1.2.5", "notAfter is before notBefore")
VALIDITY_TYPE = error(
    "rfc5280.validity.time-type",
    "RFC 5280 4.1.2.5",
    "UTCTime must be used through 2049, GeneralizedTime after",
)


@rule(Part.VALIDITY, findings=(VALIDITY_ORDER, VALIDITY_TYPE))
def validity(decoded: Decoded, _profile: Profile) -> Found:
    begin, end = decoded.not_before, decoded.not_after
    wanted = (
        der.UTC_TIME if 1950 <= begin.year < 2050 else der.GENERALIZED_TIME,
        der.UTC_TIME if 1950 <= end.year < 2050 else der.GENERALIZED_TIME,
    )
    found = () if decoded.time_tags == wanted else (VALIDITY_TYPE,)
    return found if begin <= end else (*found, VALIDITY_ORDER)


SUBJECT_EMPTY = error(
    "rfc5280.subject.empty",
    "RFC 5280 4.1.2.6",
    "an authority, or a certificate without names, needs a subject",
)


@rule(findings=(SUBJECT_EMPTY,))
def subject_present(decoded: Decoded, _profile: Profile) -> Found:
    frame = decoded.frame
    basic = frame.value(ext.BasicConstraints)
    needed = (basic is not None and basic.authority) or not frame.has(ext.SUBJECT_ALTERNATIVE_NAME)
    return (SUBJECT_EMPTY,) if needed and not frame.has_subject else ()


SUBJECT_VALUE = error(
    "rfc5280.subject.value", "RFC 5280 A.1", "a subject attribute breaks its type or upper bound"
)
SUBJECT_EMAIL = notice(
    "rfc5280.subject.email",
    "RFC 5280 4.1.2.6",
    "emailAddress in the subject is not among the alternative names",
)


@rule(Part.SUBJECT, Part.NAMES, findings=(SUBJECT_VALUE, SUBJECT_EMAIL))
def subject_values(decoded: Decoded, _profile: Profile) -> list[Finding]:
    found = []
    for oid, value in decoded.subject.attributes():
        try:
            check_value(oid, value)
        except Malformed as problem:
            found.append(SUBJECT_VALUE.about(problem.detail))
        if oid == EMAIL_ADDRESS and all(name.value != value for name in decoded.names):
            found.append(SUBJECT_EMAIL.about(f"{short_name(oid)}={value}"))
    return found


# -- alternative names -----------------------------------------------------------------------------

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_DNS = re.compile(rf"(\*\.)?({_LABEL}\.)*{_LABEL}")
_MAIL = re.compile(rf"[^\s@\x00-\x1f\x7f-\uffff]{{1,64}}@({_LABEL}\.)*{_LABEL}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")

SAN_CRITICAL = error(
    "rfc5280.san.critical", "RFC 5280 4.2.1.6", "subjectAltName must be critical when the subject is empty"
)
SAN_NOT_CRITICAL = warning(
    "rfc5280.san.not-critical", "RFC 5280 4.2.1.6", "subjectAltName should not be critical beside a subject"
)


@rule(findings=(SAN_CRITICAL, SAN_NOT_CRITICAL))
def names_critical(decoded: Decoded, _profile: Profile) -> Found:
    critical = decoded.frame.critical(ext.SUBJECT_ALTERNATIVE_NAME)
    if critical is None or critical is not decoded.frame.has_subject:
        return ()
    return (SAN_NOT_CRITICAL,) if critical else (SAN_CRITICAL,)


SAN_EMPTY = error("rfc5280.san.empty", "RFC 5280 4.2.1.6", "subjectAltName must hold at least one name")
SAN_DNS = error("rfc5280.san.dns", "RFC 5280 4.2.1.6, RFC 1034 3.5", "not a DNS name in preferred syntax")
SAN_WILDCARD = error(
    "rfc5280.san.wildcard",
    "RFC 9525 6.3",
    "a wildcard must be the whole left-most label, above two labels or more",
)
SAN_EMAIL = error("rfc5280.san.email", "RFC 5280 4.2.1.6", "not a mailbox of RFC 5321")
SAN_URI = error("rfc5280.san.uri", "RFC 5280 4.2.1.6", "not an absolute URI in ASCII")
SAN_UNDERSCORE = notice(
    "rfc5280.san.underscore", "RFC 1123 2.1", "a DNS name with an underscore is no host name"
)
SAN_DUPLICATE = warning("rfc5280.san.duplicate", "RFC 5280 4.2.1.6", "the same name stands twice")


@rule(
    Part.NAMES,
    findings=(SAN_EMPTY, SAN_DNS, SAN_WILDCARD, SAN_EMAIL, SAN_URI, SAN_UNDERSCORE, SAN_DUPLICATE),
)
def names(decoded: Decoded, _profile: Profile) -> list[Finding]:
    if not decoded.names:
        return [SAN_EMPTY] if decoded.frame.has(ext.SUBJECT_ALTERNATIVE_NAME) else []
    found: list[Finding] = []
    for name in decoded.names:
        kind, value = name.kind, name.value
        if kind is IdentifierKind.DNS:
            found.extend(_dns_findings(value))
        elif kind is IdentifierKind.EMAIL and not _MAIL.fullmatch(value):
            found.append(SAN_EMAIL.about(value))
        elif kind is IdentifierKind.URI and not _URI.fullmatch(value):
            found.append(SAN_URI.about(value))
    if len(set(decoded.names)) != len(decoded.names):
        found.append(SAN_DUPLICATE)
    return found


def _dns_findings(value: str) -> list[Finding]:
    found = []
    if len(value) > 253 or not _DNS.fullmatch(value):
        found.append((SAN_WILDCARD if "*" in value else SAN_DNS).about(value))
    elif value[0] == "*" and value.count(".") < 2:
        found.append(SAN_WILDCARD.about(value))
    if "_" in value:
        found.append(SAN_UNDERSCORE.about(value))
    return found


# -- extensions in general -------------------------------------------------------------------------

_MUST_BE_CRITICAL = {
    ext.NAME_CONSTRAINTS: "RFC 5280 4.2.1.10",
    "2.5.29.36": "RFC 5280 4.2.1.11",
    "2.5.29.54": "RFC 5280 4.2.1.14",
}
_MUST_NOT_BE_CRITICAL = {
    ext.AUTHORITY_KEY_IDENTIFIER: "RFC 5280 4.2.1.1",
    ext.SUBJECT_KEY_IDENTIFIER: "RFC 5280 4.2.1.2",
    ext.AUTHORITY_INFORMATION_ACCESS: "RFC 5280 4.2.2.1",
    "1.3.6.1.5.5.7.1.11": "RFC 5280 4.2.2.2",
    "2.5.29.46": "RFC 5280 4.2.1.15",
    "2.5.29.9": "RFC 5280 4.2.1.8",
}
_SHOULD_NOT_BE_CRITICAL = {
    ext.CRL_DISTRIBUTION_POINTS: "RFC 5280 4.2.1.13",
    "2.5.29.18": "RFC 5280 4.2.1.7",
    ext.TLS_FEATURE: "RFC 7633 4",
    ext.OCSP_NO_CHECK: "RFC 6960 4.2.2.2.1",
}
_KNOWN = frozenset(
    {ext.BASIC_CONSTRAINTS, ext.KEY_USAGE, ext.EXTENDED_KEY_USAGE, ext.SUBJECT_ALTERNATIVE_NAME}
    | {ext.CERTIFICATE_POLICIES, "2.5.29.33", "2.5.29.31"}
    | _MUST_BE_CRITICAL.keys()
    | _MUST_NOT_BE_CRITICAL.keys()
    | _SHOULD_NOT_BE_CRITICAL.keys()
)

TWICE = error("rfc5280.extension.twice", "RFC 5280 4.2", "the extension stands twice")
CRITICAL = error("rfc5280.extension.critical", "RFC 5280 4.2.1", "the extension must be critical")
NOT_CRITICAL = error("rfc5280.extension.not-critical", "RFC 5280 4.2.1", "the extension must not be critical")
SHOULD_NOT = warning(
    "rfc5280.extension.should-not-be-critical", "RFC 5280 4.2.1", "the extension should not be critical"
)
UNKNOWN_CRITICAL = warning(
    "rfc5280.extension.unknown-critical", "RFC 5280 4.2", "a critical extension that validators may not know"
)


@rule(findings=(TWICE, CRITICAL, NOT_CRITICAL, SHOULD_NOT, UNKNOWN_CRITICAL))
def extensions(decoded: Decoded, _profile: Profile) -> list[Finding]:
    found = []
    for oid, critical in decoded.frame.heads:
        if oid in _MUST_BE_CRITICAL and not critical:
            found.append(CRITICAL.about(f"{oid} ({_MUST_BE_CRITICAL[oid]})"))
        if oid in _MUST_NOT_BE_CRITICAL and critical:
            found.append(NOT_CRITICAL.about(f"{oid} ({_MUST_NOT_BE_CRITICAL[oid]})"))
        if oid in _SHOULD_NOT_BE_CRITICAL and critical:
            found.append(SHOULD_NOT.about(f"{oid} ({_SHOULD_NOT_BE_CRITICAL[oid]})"))
        if oid not in _KNOWN and critical:
            found.append(UNKNOWN_CRITICAL.about(oid))
    counts = Counter(oid for oid, _ in decoded.frame.heads)
    return found + [TWICE.about(oid) for oid, count in counts.items() if count > 1]


# -- authorities and key usage ---------------------------------------------------------------------

CA_CRITICAL = error(
    "rfc5280.basic-constraints.critical",
    "RFC 5280 4.2.1.9",
    "basicConstraints of an authority must be critical",
)
PATH_LENGTH = error(
    "rfc5280.basic-constraints.path-length", "RFC 5280 4.2.1.9", "a path length needs cA and keyCertSign"
)
CERT_SIGN = error("rfc5280.key-usage.cert-sign", "RFC 5280 4.2.1.3", "keyCertSign and cA must stand together")
CA_KEY_USAGE = error("rfc5280.key-usage.authority", "RFC 5280 4.2.1.3", "an authority must have keyUsage")
CONSTRAINTS_CA = error(
    "rfc5280.name-constraints.authority", "RFC 5280 4.2.1.10", "name constraints belong to authorities only"
)
CONSTRAINTS_EMPTY = error(
    "rfc5280.name-constraints.empty", "RFC 5280 4.2.1.10", "name constraints must permit or exclude something"
)


@rule(findings=(CA_CRITICAL, PATH_LENGTH, CERT_SIGN, CA_KEY_USAGE, CONSTRAINTS_CA, CONSTRAINTS_EMPTY))
def authority(decoded: Decoded, _profile: Profile) -> Found:
    frame = decoded.frame
    basic = frame.value(ext.BasicConstraints) or ext.BasicConstraints(authority=False)
    usage = frame.value(ext.KeyUsage)
    signs = usage is not None and "keyCertSign" in usage.uses
    constraints = frame.value(ext.NameConstraints)
    checks = (
        (basic.authority and not frame.critical(ext.BASIC_CONSTRAINTS), CA_CRITICAL),
        (basic.path_length is not None and not (basic.authority and signs), PATH_LENGTH),
        (basic.authority != signs, CERT_SIGN),
        (basic.authority and usage is None, CA_KEY_USAGE),
        (constraints is not None and not basic.authority, CONSTRAINTS_CA),
        (constraints is not None and not (constraints.permitted or constraints.excluded), CONSTRAINTS_EMPTY),
    )
    return tuple([finding for wrong, finding in checks if wrong])


USAGE_EMPTY = error("rfc5280.key-usage.empty", "RFC 5280 4.2.1.3", "keyUsage must have at least one bit")
USAGE_CRITICAL = warning("rfc5280.key-usage.not-critical", "RFC 5280 4.2.1.3", "keyUsage should be critical")
USAGE_ONLY = error(
    "rfc5280.key-usage.only",
    "RFC 5280 4.2.1.3",
    "encipherOnly and decipherOnly mean nothing without keyAgreement",
)


@rule(findings=(USAGE_EMPTY, USAGE_CRITICAL, USAGE_ONLY))
def key_usage(decoded: Decoded, _profile: Profile) -> Found:
    usage = decoded.frame.value(ext.KeyUsage)
    if usage is None:
        return ()
    only = {"encipherOnly", "decipherOnly"} & usage.uses and "keyAgreement" not in usage.uses
    checks = (
        (not usage.uses, USAGE_EMPTY),
        (not decoded.frame.critical(ext.KEY_USAGE), USAGE_CRITICAL),
        (bool(only), USAGE_ONLY),
    )
    return tuple([finding for wrong, finding in checks if wrong])


# RFC 5280 4.2.1.12: with which key usage bits each purpose is consistent
_CONSISTENT = {
    "serverAuth": {"digitalSignature", "keyEncipherment", "keyAgreement"},
    "clientAuth": {"digitalSignature", "keyAgreement"},
    "codeSigning": {"digitalSignature"},
    "emailProtection": {"digitalSignature", "contentCommitment", "keyEncipherment", "keyAgreement"},
    "timeStamping": {"digitalSignature", "contentCommitment"},
    "OCSPSigning": {"digitalSignature", "contentCommitment"},
}
PURPOSE_EMPTY = error(
    "rfc5280.purpose.empty", "RFC 5280 4.2.1.12", "extKeyUsage must name at least one purpose"
)
PURPOSE_TWICE = warning("rfc5280.purpose.twice", "RFC 5280 4.2.1.12", "a purpose stands twice")
PURPOSE_USAGE = error(
    "rfc5280.purpose.key-usage", "RFC 5280 4.2.1.12", "no key usage bit is consistent with the purpose"
)
PURPOSE_ANY = warning(
    "rfc5280.purpose.any-critical",
    "RFC 5280 4.2.1.12",
    "anyExtendedKeyUsage should not stand in a critical extension",
)
STAMPING = error(
    "rfc5280.purpose.time-stamping",
    "RFC 3161 2.3",
    "timeStamping must be the only purpose, in a critical extension",
)


@rule(findings=(PURPOSE_EMPTY, PURPOSE_TWICE, PURPOSE_USAGE, PURPOSE_ANY, STAMPING))
def purposes(decoded: Decoded, _profile: Profile) -> list[Finding]:
    frame = decoded.frame
    value = frame.value(ext.ExtendedKeyUsage)
    if value is None:
        return []
    critical = bool(frame.critical(ext.EXTENDED_KEY_USAGE))
    stamping = ext.PURPOSES["timeStamping"] in value.purposes
    any_purpose = ext.PURPOSES["anyExtendedKeyUsage"] in value.purposes
    checks = (
        (not value.purposes, PURPOSE_EMPTY),
        (len(set(value.purposes)) != len(value.purposes), PURPOSE_TWICE),
        (any_purpose and critical, PURPOSE_ANY),
        (stamping and not (critical and len(value.purposes) == 1), STAMPING),
    )
    return [finding for wrong, finding in checks if wrong] + _inconsistent(frame, value)


def _inconsistent(frame: Frame, value: ext.ExtendedKeyUsage) -> list[Finding]:
    usage = frame.value(ext.KeyUsage)
    if usage is None or "keyCertSign" in usage.uses:
        return []
    return [
        PURPOSE_USAGE.about(name)
        for name, bits in _CONSISTENT.items()
        if ext.PURPOSES[name] in value.purposes and not bits & usage.uses
    ]


# -- key identifiers -------------------------------------------------------------------------------

AKI_MISSING = error(
    "rfc5280.authority-key-identifier.missing", "RFC 5280 4.2.1.1", "authorityKeyIdentifier is missing"
)


@rule(Part.SUBJECT, findings=(AKI_MISSING,))
def authority_key_identifier(decoded: Decoded, _profile: Profile) -> Found:
    """Only a self-signed certificate may leave it out."""
    if decoded.frame.has(ext.AUTHORITY_KEY_IDENTIFIER) or decoded.subject.encode() == decoded.frame.issuer:
        return ()
    return (AKI_MISSING,)


SKI_AUTHORITY = error(
    "rfc5280.subject-key-identifier.authority",
    "RFC 5280 4.2.1.2",
    "an authority must have subjectKeyIdentifier",
)
SKI_MISSING = notice(
    "rfc5280.subject-key-identifier.missing", "RFC 5280 4.2.1.2", "subjectKeyIdentifier should be there"
)


@rule(findings=(SKI_AUTHORITY, SKI_MISSING))
def subject_key_identifier(decoded: Decoded, _profile: Profile) -> Found:
    if decoded.frame.has(ext.SUBJECT_KEY_IDENTIFIER):
        return ()
    basic = decoded.frame.value(ext.BasicConstraints)
    return (SKI_AUTHORITY,) if basic is not None and basic.authority else (SKI_MISSING,)


# -- policies and pointers -------------------------------------------------------------------------

POLICY_TWICE = error("rfc5280.policies.twice", "RFC 5280 4.2.1.4", "a policy must not stand twice")
POLICY_EMPTY = error("rfc5280.policies.empty", "RFC 5280 4.2.1.4", "certificatePolicies must name a policy")
POINTER_EMPTY = error(
    "rfc5280.pointers.empty", "RFC 5280 4.2.1.13", "a pointer extension must point somewhere"
)
POINTER_SCHEME = error(
    "rfc5280.pointers.scheme", "RFC 5280 4.2.1.13, 4.2.2.1", "validation data must be reachable by plain http"
)
NO_CHECK_PURPOSE = warning(
    "rfc5280.ocsp-nocheck.purpose", "RFC 6960 4.2.2.2.1", "ocsp-nocheck is for delegated OCSP signers only"
)


@rule(findings=(POLICY_TWICE, POLICY_EMPTY, POINTER_EMPTY, POINTER_SCHEME, NO_CHECK_PURPOSE))
def policies_and_pointers(decoded: Decoded, _profile: Profile) -> list[Finding]:
    frame = decoded.frame
    policies = frame.value(ext.CertificatePolicies)
    oids = [policy.oid for policy in policies.policies] if policies else []
    lists = frame.value(ext.CrlDistributionPoints)
    access = frame.value(ext.AuthorityInformationAccess)
    purposes = frame.value(ext.ExtendedKeyUsage)
    signs_ocsp = purposes is not None and ext.PURPOSES["OCSPSigning"] in purposes.purposes
    empty = (lists and not lists.urls) or (access and not access.ocsp and not access.ca_issuers)
    checks = (
        (len(set(oids)) != len(oids), POLICY_TWICE),
        (policies is not None and not oids, POLICY_EMPTY),
        (bool(empty), POINTER_EMPTY),
        (frame.has(ext.OCSP_NO_CHECK) and not signs_ocsp, NO_CHECK_PURPOSE),
    )
    found = [finding for wrong, finding in checks if wrong]
    return found + [POINTER_SCHEME.about(url) for url in frame.pointers() if not url.startswith("http://")]


RULES = (
    basic_fields,
    serial_number,
    validity,
    subject_present,
    subject_values,
    names_critical,
    names,
    extensions,
    authority,
    key_usage,
    purposes,
    authority_key_identifier,
    subject_key_identifier,
    policies_and_pointers,
)
