"""CA/Browser Forum Baseline Requirements for TLS server certificates: what a subscriber certificate must be.

On where a profile asks for `cabf-tls`. Sections are those of the TLS BR, version 2.
"""

import ipaddress
from datetime import timedelta
from urllib.parse import urlsplit

from .. import extensions as ext
from ..distinguished_name import COMMON_NAME, short_name
from ..keys import SIGNATURES, KeyAlgorithm
from ..lifetimes import TLS_SCHEDULE
from ..names import IdentifierKind
from ..profile import Profile, key_family
from .decoded import Decoded
from .finding import Finding, Part, error, notice, rule, warning

Found = tuple[Finding, ...]

_POLICIES = {f"2.23.140.1.2.{number}": level for number, level in ((1, "DV"), (2, "OV"), (3, "IV"))} | {
    "2.23.140.1.1": "EV"
}
_SUBJECT = {
    "DV": {"CN", "C"},
    "OV": {"CN", "C", "ST", "L", "O", "street", "postalCode", "serialNumber", "organizationIdentifier", "DC"},
    "IV": {"CN", "C", "ST", "L", "O", "street", "postalCode", "GN", "SN", "DC"},
}
# RFC 6761, 6762, 7686, 9476, and names that are only ever internal
_INTERNAL = frozenset(
    {"alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localhost"}
    | {"mail", "onion", "private", "test"}
)
_KEYS = frozenset({"rsa", "ecdsa"})
_SERIAL_OCTETS_MIN = 8


def is_internal(domain: str) -> bool:
    """Is this a domain that the public name system does not have?"""
    labels = domain.lower().split(".")
    return len(labels) < 2 or labels[-1] in _INTERNAL


LIFETIME = error(
    "cabf-tls.lifetime", "TLS BR 6.3.2", "lives longer than 398, 200, 100 or 47 days, by its date"
)


@rule(Part.VALIDITY, findings=(LIFETIME,))
def lifetime(decoded: Decoded, _profile: Profile) -> Found:
    most = timedelta(seconds=TLS_SCHEDULE.maximum(decoded.not_before))
    return (LIFETIME,) if decoded.not_after - decoded.not_before >= most else ()


SERIAL = error("cabf-tls.serial", "TLS BR 7.1.2.7", "the serial number has fewer than 64 bits of output")


@rule(Part.SERIAL, findings=(SERIAL,))
def serial(decoded: Decoded, _profile: Profile) -> Found:
    return (SERIAL,) if decoded.serial_octets < _SERIAL_OCTETS_MIN else ()


NAMES_MISSING = error("cabf-tls.names.missing", "TLS BR 7.1.2.7.12", "subjectAltName must be there")
NAMES_KIND = error("cabf-tls.names.kind", "TLS BR 7.1.2.7.12", "only DNS names and addresses are permitted")
NAMES_INTERNAL = error("cabf-tls.names.internal", "TLS BR 4.2.2", "an internal name or a reserved address")
NAMES_UNDERSCORE = error("cabf-tls.names.underscore", "TLS BR 7.1.4.2.1", "underscores are not permitted")


@rule(Part.NAMES, findings=(NAMES_MISSING, NAMES_KIND, NAMES_INTERNAL, NAMES_UNDERSCORE))
def names(decoded: Decoded, _profile: Profile) -> list[Finding]:
    if not decoded.names:
        return [NAMES_MISSING]
    found = []
    for name in decoded.names:
        if name.kind is IdentifierKind.DNS:
            if is_internal(name.value):
                found.append(NAMES_INTERNAL.about(name))
            if "_" in name.value:
                found.append(NAMES_UNDERSCORE.about(name))
        elif name.kind is not IdentifierKind.IP:
            found.append(NAMES_KIND.about(name))
        elif not ipaddress.ip_address(name.value).is_global:
            found.append(NAMES_INTERNAL.about(name))
    return found


COMMON_NAME_SAN = error(
    "cabf-tls.common-name", "TLS BR 7.1.4.3", "commonName must be one of the alternative names"
)
COMMON_NAME_MANY = error("cabf-tls.common-name.many", "TLS BR 7.1.4.3", "commonName must not stand twice")
COMMON_NAME_USED = notice("cabf-tls.common-name.used", "TLS BR 7.1.2.7.2", "commonName is not recommended")
SUBJECT = error(
    "cabf-tls.subject", "TLS BR 7.1.2.7", "a subject attribute that its validation level does not permit"
)


@rule(Part.SUBJECT, Part.NAMES, findings=(COMMON_NAME_SAN, COMMON_NAME_MANY, COMMON_NAME_USED, SUBJECT))
def subject(decoded: Decoded, _profile: Profile) -> list[Finding]:
    values = decoded.subject.values(COMMON_NAME)
    checks = (
        (bool(values), COMMON_NAME_USED),
        (len(values) > 1, COMMON_NAME_MANY),
        (bool(set(values) - {name.value for name in decoded.names}), COMMON_NAME_SAN),
    )
    found = [finding for wrong, finding in checks if wrong]
    policies = decoded.frame.value(ext.CertificatePolicies)
    levels = (
        [_POLICIES[policy.oid] for policy in policies.policies if policy.oid in _POLICIES] if policies else []
    )
    permitted = _SUBJECT.get(levels[0]) if levels else None
    if permitted is not None:
        attributes = [short_name(oid) for oid, _ in decoded.subject.attributes()]
        found += [SUBJECT.about(short) for short in attributes if short not in permitted]
    return found


PURPOSE_SERVER = error("cabf-tls.purpose.server", "TLS BR 7.1.2.7.10", "extKeyUsage must have serverAuth")
PURPOSE_OTHER = error(
    "cabf-tls.purpose.other", "TLS BR 7.1.2.7.10", "a purpose that must not stand beside serverAuth"
)
USAGE = error("cabf-tls.key-usage", "TLS BR 7.1.2.7.11", "a key usage that is not permitted for the key")
BASIC = error(
    "cabf-tls.basic-constraints", "TLS BR 7.1.2.7.8", "basicConstraints must be critical, with cA false"
)
_PURPOSES_PERMITTED = {ext.PURPOSES["serverAuth"], ext.PURPOSES["clientAuth"]}
_USES_PERMITTED = {
    "rsa": {"digitalSignature", "keyEncipherment", "dataEncipherment"},
    "ecdsa": {"digitalSignature", "keyAgreement"},
}


@rule(findings=(PURPOSE_SERVER, PURPOSE_OTHER, USAGE, BASIC))
def usage(decoded: Decoded, _profile: Profile) -> list[Finding]:
    frame = decoded.frame
    purposes = frame.value(ext.ExtendedKeyUsage)
    named = set(purposes.purposes) if purposes else set()
    uses = frame.value(ext.KeyUsage)
    permitted = _USES_PERMITTED.get(key_family(frame.key_algorithm), set())
    basic = frame.value(ext.BasicConstraints)
    checks = (
        (ext.PURPOSES["serverAuth"] not in named, PURPOSE_SERVER),
        (bool(named - _PURPOSES_PERMITTED), PURPOSE_OTHER),
        (uses is not None and bool(uses.uses - permitted), USAGE),
        (basic is not None and (basic.authority or not frame.critical(ext.BASIC_CONSTRAINTS)), BASIC),
    )
    return [finding for wrong, finding in checks if wrong]


POLICY = error("cabf-tls.policy", "TLS BR 7.1.2.7.9", "exactly one reserved policy identifier must be there")
ACCESS = error("cabf-tls.access", "TLS BR 7.1.2.7.7", "authorityInfoAccess with caIssuers must be there")
CRL = error("cabf-tls.crl", "TLS BR 7.1.2.11.2", "a CRL or an OCSP pointer must be there")
KEY = error(
    "cabf-tls.key", "TLS BR 6.1.5", "only RSA of 2048 bits or more, P-256, P-384 and P-521 are permitted"
)
POINTER = error("cabf-tls.pointers.internal", "TLS BR 4.2.2", "a pointer with an internal name")
SIGNATURE = error("cabf-tls.signature", "TLS BR 7.1.3.2", "signature algorithm is not permitted")
KEY_IDENTIFIER = warning(
    "cabf-tls.subject-key-identifier", "TLS BR 7.1.2.7.6", "subjectKeyIdentifier is not recommended"
)


@rule(findings=(POLICY, ACCESS, CRL, KEY, POINTER, SIGNATURE, KEY_IDENTIFIER))
def frame(decoded: Decoded, _profile: Profile) -> list[Finding]:
    found = decoded.frame
    policies = found.value(ext.CertificatePolicies)
    reserved = [policy for policy in policies.policies if policy.oid in _POLICIES] if policies else []
    access = found.value(ext.AuthorityInformationAccess)
    lists = found.value(ext.CrlDistributionPoints)
    signatures = {scheme.identifier for name, scheme in SIGNATURES.items() if key_family(name) in _KEYS}
    checks = (
        (len(reserved) != 1, POLICY),
        (access is None or not access.ca_issuers, ACCESS),
        (lists is None and (access is None or not access.ocsp), CRL),
        (key_family(KeyAlgorithm(found.key_algorithm)) not in _KEYS, KEY),
        (any(is_internal(urlsplit(url).hostname or "") for url in found.pointers()), POINTER),
        (found.signature_identifier not in signatures, SIGNATURE),
        (found.has(ext.SUBJECT_KEY_IDENTIFIER), KEY_IDENTIFIER),
    )
    return [finding for wrong, finding in checks if wrong]


RULES = (lifetime, serial, names, subject, usage, frame)
