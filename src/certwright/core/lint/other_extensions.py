"""Extensions that a profile gives octet by octet: what the RFCs say against some of them. Always on."""

from collections.abc import Iterable

from .. import der
from ..errors import Malformed
from ..extensions import BasicConstraints, Extension, OtherExtension
from ..profile import Profile
from .decoded import Decoded
from .finding import Finding, error, rule

_POLICY_MAPPINGS, _ANY_POLICY = "2.5.29.33", "2.5.29.32.0"
_POISON = "1.3.6.1.4.1.11129.2.4.3"
_FOR_AUTHORITIES = {
    _POLICY_MAPPINGS: "RFC 5280 4.2.1.5",
    "2.5.29.36": "RFC 5280 4.2.1.11",
    "2.5.29.54": "RFC 5280 4.2.1.14",
    "2.16.840.1.113730.1.1": "nsCertType; RFC 5280 4.2.1.9 says who is one",
}
_NOT_EMPTY = {
    _POLICY_MAPPINGS: "RFC 5280 4.2.1.5",
    "2.5.29.18": "RFC 5280 4.2.1.7",
    "2.5.29.9": "RFC 5280 4.2.1.8",
    "2.5.29.36": "RFC 5280 4.2.1.11",
    "2.5.29.46": "RFC 5280 4.2.1.15",
    "1.3.6.1.5.5.7.1.11": "RFC 5280 4.2.2.2",
}
_EMPTY_SEQUENCE = b"\x30\x00"

AUTHORITY_ONLY = error(
    "rfc5280.extension.authority-only", "RFC 5280 4.2.1", "the extension is for authorities only"
)
EMPTY = error("rfc5280.extension.empty", "RFC 5280 4.2.1", "the extension must hold something")
POISON = error(
    "rfc5280.extension.poison", "RFC 6962 3.1", "with the poison of a precertificate nobody can use it"
)
MAPPINGS = error(
    "rfc5280.policy-mappings",
    "RFC 5280 4.2.1.5",
    "mappings must be pairs of policies, and none anyPolicy",
)


def _findings(extensions: Iterable[Extension], authority: bool) -> list[Finding]:
    """What is wrong with them in the certificate of an authority, or of an end entity."""
    others = [one.value for one in extensions if isinstance(one.value, OtherExtension)]
    return [finding for other in others for finding in _findings_of(other, authority)]


def _findings_of(extension: OtherExtension, authority: bool) -> list[Finding]:
    oid, octets = extension.oid, extension.der
    empty = octets == _EMPTY_SEQUENCE
    checks = (
        (not authority and oid in _FOR_AUTHORITIES, AUTHORITY_ONLY, _FOR_AUTHORITIES),
        (empty and oid in _NOT_EMPTY, EMPTY, _NOT_EMPTY),
    )
    found = [finding.about(f"{oid} ({clauses[oid]})") for wrong, finding, clauses in checks if wrong]
    if oid == _POISON:
        found.append(POISON)
    if oid == _POLICY_MAPPINGS and not empty and not _maps_policies(octets):
        found.append(MAPPINGS)
    return found


def _maps_policies(octets: bytes) -> bool:
    try:
        reader = der.Reader(octets, "policyMappings")
        pairs = reader.inside()
        reader.finish()
        while not pairs.at_end():
            pair = pairs.inside()
            policies = pair.object_identifier(), pair.object_identifier()
            pair.finish()
            if _ANY_POLICY in policies:
                return False
    except Malformed:
        return False
    return True


@rule(findings=(AUTHORITY_ONLY, EMPTY, POISON, MAPPINGS))
def other_extensions(decoded: Decoded, _profile: Profile) -> list[Finding]:
    frame = decoded.frame
    basic = frame.value(BasicConstraints)
    return _findings(frame.extensions, authority=basic is not None and basic.authority)


RULES = (other_extensions,)
