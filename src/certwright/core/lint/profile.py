"""The certificate is what its profile says, no less and nothing besides. Always on."""

from datetime import timedelta

from .. import extensions as ext
from ..decide import first_name
from ..distinguished_name import short_name
from ..lifetimes import TLS_SCHEDULE
from ..profile import MustStaple, Pointer, Profile, Source
from .decoded import Decoded
from .finding import Finding, Part, error, rule

Found = tuple[Finding, ...]
CLAUSE = "profile"

KEY_USAGE = error("profile.key-usage", CLAUSE, "keyUsage is not what the profile says")
PURPOSES = error("profile.purposes", CLAUSE, "extKeyUsage is not what the profile says")
BASIC = error("profile.basic-constraints", CLAUSE, "basicConstraints goes beyond the profile")


@rule(findings=(KEY_USAGE, PURPOSES, BASIC))
def usage(decoded: Decoded, profile: Profile) -> Found:
    frame = decoded.frame
    uses = frame.value(ext.KeyUsage)
    purposes = frame.value(ext.ExtendedKeyUsage)
    checks = (
        ((uses.uses if uses else frozenset()) != profile.key_usage.uses(frame.key_algorithm), KEY_USAGE),
        (uses is not None and frame.critical(ext.KEY_USAGE) is not profile.key_usage.critical, KEY_USAGE),
        ((purposes.purposes if purposes else ()) != profile.purposes, PURPOSES),
        (purposes and frame.critical(ext.EXTENDED_KEY_USAGE) is not profile.purposes_critical, PURPOSES),
        (not _basic_within(frame.value(ext.BasicConstraints), profile.basic_constraints), BASIC),
    )
    return tuple(dict.fromkeys([finding for wrong, finding in checks if wrong]))


def _basic_within(found: ext.BasicConstraints | None, wanted: ext.BasicConstraints | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    shorter = wanted.path_length is None or (
        found.path_length is not None and found.path_length <= wanted.path_length
    )
    return found.authority is wanted.authority and shorter


EXTRA = error("profile.extension.not-listed", CLAUSE, "an extension that the profile does not have")
MISSING = error(
    "profile.extension.missing", CLAUSE, "an extension that the profile wants is missing or differs"
)


@rule(findings=(EXTRA, MISSING))
def extensions(decoded: Decoded, profile: Profile) -> list[Finding]:
    frame = decoded.frame
    permitted = _permitted(profile)
    found = [EXTRA.about(oid) for oid, _ in frame.heads if oid not in permitted]
    found += [MISSING.about(oid) for oid in _required(profile) if not frame.has(oid)]
    found += [MISSING.about(wanted.oid) for wanted in profile.extensions if wanted not in frame.extensions]
    constraints = frame.value(ext.NameConstraints)
    if profile.name_constraints is not None and constraints != profile.name_constraints:
        found.append(MISSING.about(ext.NAME_CONSTRAINTS))
    policies = frame.value(ext.CertificatePolicies)
    if not profile.is_authority and (policies.policies if policies else ()) != profile.policies:
        found.append(MISSING.about(ext.CERTIFICATE_POLICIES))
    return found


def _permitted(profile: Profile) -> set[str]:
    """OIDs that a certificate may carry; an authority's terms may add constraints and policies."""
    pointers = profile.pointers
    choices = (
        (profile.names.maximum > 0, ext.SUBJECT_ALTERNATIVE_NAME),
        (Pointer.CRL in pointers, ext.CRL_DISTRIBUTION_POINTS),
        (Pointer.OCSP in pointers or Pointer.CA_ISSUERS in pointers, ext.AUTHORITY_INFORMATION_ACCESS),
        (profile.must_staple is not MustStaple.NEVER, ext.TLS_FEATURE),
        (bool(profile.policies) or profile.is_authority, ext.CERTIFICATE_POLICIES),
        (profile.name_constraints is not None or profile.is_authority, ext.NAME_CONSTRAINTS),
        (profile.basic_constraints is not None, ext.BASIC_CONSTRAINTS),
        (True, ext.KEY_USAGE),
        (bool(profile.purposes), ext.EXTENDED_KEY_USAGE),
    )
    own = {oid for may, oid in choices if may}
    return own | _required(profile) | {extension.oid for extension in profile.extensions}


def _required(profile: Profile) -> set[str]:
    choices = (
        (profile.subject_key_identifier, ext.SUBJECT_KEY_IDENTIFIER),
        (profile.authority_key_identifier, ext.AUTHORITY_KEY_IDENTIFIER),
        (profile.ocsp_nocheck, ext.OCSP_NO_CHECK),
        (profile.must_staple is MustStaple.ALWAYS, ext.TLS_FEATURE),
        (profile.names.minimum > 0, ext.SUBJECT_ALTERNATIVE_NAME),
    )
    return {oid for must, oid in choices if must}


LIFETIME = error("profile.lifetime", CLAUSE, "the certificate lives longer than the profile permits")


@rule(Part.VALIDITY, findings=(LIFETIME,))
def lifetime(decoded: Decoded, profile: Profile) -> Found:
    maximum = profile.lifetime.maximum
    if "cabf-tls" in profile.lints:
        maximum = min(maximum, TLS_SCHEDULE.maximum(decoded.not_before))
    # both ends are part of the validity (RFC 5280 section 4.1.2.5)
    return (LIFETIME,) if decoded.not_after - decoded.not_before >= timedelta(seconds=maximum) else ()


NAME_KIND = error("profile.name.kind", CLAUSE, "a name of a kind that the profile does not take")
NAME_COUNT = error("profile.name.count", CLAUSE, "too few or too many names for the profile")
NAME_WILDCARD = error("profile.name.wildcard", CLAUSE, "the profile takes no wildcards")

NAME_REQUIRED = error(
    "profile.name.required", CLAUSE, "a name of a kind that the profile requires is missing"
)


@rule(Part.NAMES, findings=(NAME_KIND, NAME_COUNT, NAME_WILDCARD, NAME_REQUIRED))
def names(decoded: Decoded, profile: Profile) -> list[Finding]:
    rules, found = profile.names, []
    if not rules.minimum <= len(decoded.names) <= rules.maximum:
        found.append(NAME_COUNT.about(len(decoded.names)))
    if rules.lacks_required(decoded.names):
        found.append(NAME_REQUIRED)
    for name in decoded.names:
        if name.kind not in rules.kinds:
            found.append(NAME_KIND.about(name))
        if not rules.wildcards and name.value[:1] == "*":
            found.append(NAME_WILDCARD.about(name))
    return found


ATTRIBUTE_EXTRA = error(
    "profile.subject.not-listed", CLAUSE, "a subject attribute that the profile does not have"
)
ATTRIBUTE_MISSING = error("profile.subject.missing", CLAUSE, "a subject attribute that the profile requires")
ATTRIBUTE_VALUE = error(
    "profile.subject.value", CLAUSE, "a subject attribute differs from what the profile says"
)


@rule(Part.SUBJECT, Part.NAMES, findings=(ATTRIBUTE_EXTRA, ATTRIBUTE_MISSING, ATTRIBUTE_VALUE))
def subject(decoded: Decoded, profile: Profile) -> list[Finding]:
    found, counted = [], 0
    first = first_name(profile.names, decoded.names)
    for wanted in profile.subject:
        values = decoded.subject.values(wanted.oid)
        counted += len(values)
        if wanted.required and not values:
            found.append(ATTRIBUTE_MISSING.about(short_name(wanted.oid)))
        differs = (
            len(values) > wanted.maximum
            or (wanted.source is Source.FIXED and values != (wanted.value,))
            or (wanted.source is Source.FIRST_NAME and values and values[0] != first)
        )
        if differs:
            found.append(ATTRIBUTE_VALUE.about(short_name(wanted.oid)))
    if counted != sum(1 for _ in decoded.subject.attributes()):
        found.append(ATTRIBUTE_EXTRA.about(decoded.subject))
    return found


RULES = (usage, extensions, lifetime, names, subject)
