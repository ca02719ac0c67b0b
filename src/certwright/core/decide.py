"""What a profile makes of a request: its names, its subject, its validity. Reasons against it are gathered.

Each function appends to `reasons` and gives the best value it can; the caller refuses with all of them.
"""

from datetime import datetime, timedelta

from .distinguished_name import (
    COMMON_NAME,
    EMAIL_ADDRESS,
    Attribute,
    DistinguishedName,
    check_exact,
    check_value,
    short_name,
    upper_bound,
)
from .documents import duration
from .errors import Malformed, Reason
from .extensions import BasicConstraints
from .issuer import Issuer
from .lifetimes import TLS_SCHEDULE
from .names import Identifier, IdentifierKind, parse_identifier
from .profile import BeyondIssuer, NameRules, Profile, Source, SubjectAttribute, Unlisted
from .request import CertificateRequest

_SECOND = timedelta(seconds=1)
_FROM_COMMON_NAME = (IdentifierKind.DNS, IdentifierKind.IP)


# -- names -----------------------------------------------------------------------------------------


def decide_names(
    profile: Profile, request: CertificateRequest, reasons: list[Reason]
) -> tuple[Identifier, ...]:
    """The alternative names: those asked for, and the subject's where the profile says so."""
    rules, names = profile.names, request.identifiers
    if rules.from_subject and request.subject:
        names = _with_subject(rules, names, request.subject)
    for identifier in names:
        check_name(profile, identifier, reasons)
    if not rules.minimum <= len(names) <= rules.maximum and (names or rules.minimum):
        text = f"{len(names)} names; profile {profile.name} takes {rules.minimum} to {rules.maximum}"
        reasons.append(Reason("policy.name.count", text))
    elif rules.lacks_required(names):
        text = f"no name of kind {' or '.join(sorted(rules.required))}; profile {profile.name} requires one"
        reasons.append(Reason("policy.name.required", text))
    return names


def check_name(profile: Profile, identifier: Identifier, reasons: list[Reason]) -> None:
    """Does the profile take a name of this kind?"""
    rules = profile.names
    if identifier.kind not in rules.kinds:
        kinds = ", ".join(sorted(rules.kinds)) or "none"
        text = f"{identifier}: profile {profile.name} takes names of kind {kinds}"
        reasons.append(Reason("policy.name.kind", text))
    elif not rules.wildcards and identifier.value.startswith("*."):
        text = f"{identifier}: profile {profile.name} has no wildcards"
        reasons.append(Reason("policy.name.wildcard", text))


def _with_subject(
    rules: NameRules, names: tuple[Identifier, ...], subject: DistinguishedName
) -> tuple[Identifier, ...]:
    present = {identifier.value for identifier in names}
    found = [
        _as_identifier(value, rules, _FROM_COMMON_NAME)
        for value in subject.values(COMMON_NAME)
        if value not in present
    ] + [
        _as_identifier(value, rules, (IdentifierKind.EMAIL,))
        for value in subject.values(EMAIL_ADDRESS)
        if value not in present
    ]
    if not found:
        return names
    return tuple(dict.fromkeys([*names, *[identifier for identifier in found if identifier]]))


def _as_identifier(value: str, rules: NameRules, kinds: tuple[IdentifierKind, ...]) -> Identifier | None:
    """An attribute's value as an identifier of the first kind it fits; None for ordinary text."""
    for kind in kinds:
        if kind in rules.kinds and (kind is not IdentifierKind.DNS or "." in value):
            try:
                return parse_identifier(kind, value)
            except Malformed:
                continue
    return None


# -- subject ---------------------------------------------------------------------------------------


def decide_subject(
    profile: Profile, request: CertificateRequest, names: tuple[Identifier, ...], reasons: list[Reason]
) -> DistinguishedName:
    """The subject, with the attributes in the profile's order."""
    rdns: list[tuple[Attribute, ...]] = []
    for rule in profile.subject:
        values = _values(rule, profile.names, request, names)
        if len(values) > rule.maximum:
            text = (
                f"{len(values)} values of {short_name(rule.oid)}; profile {profile.name} takes {rule.maximum}"
            )
            reasons.append(Reason("policy.subject.too-many", text))
        if not values and rule.required:
            text = f"profile {profile.name} requires {short_name(rule.oid)} in the subject"
            reasons.append(Reason("policy.subject.missing", text))
        rdns.extend([((rule.oid, value),) for value in values])
    _check_values(rdns, reasons)
    if profile.unlisted is Unlisted.REFUSE:
        _check_unlisted(profile, request, reasons)
    if not rdns and not names and not reasons:
        text = "neither subject nor alternative names: the certificate would be about nobody"
        reasons.append(Reason("policy.subject.missing", text, "RFC 5280 4.1.2.6"))
    subject = DistinguishedName(tuple(rdns))
    return _kept(profile, request.subject, subject, reasons) if profile.is_authority else subject


def _kept(
    profile: Profile, asked: DistinguishedName, made: DistinguishedName, reasons: list[Reason]
) -> DistinguishedName:
    """An authority's name as it asks for it, in its own order and encoding where a CSR has brought that.

    What it certifies itself names its issuer so, and so do its lists (RFC 5280 4.1.2.4).
    """
    if asked.exact and sorted(asked.attributes()) == sorted(made.attributes()):
        try:
            check_exact(asked)
        except Malformed as error:
            reasons.append(Reason("policy.subject.bad-value", error.detail, "RFC 5280 A.1"))
        return asked
    if made != asked:
        text = f"profile {profile.name} makes {made} of the subject {asked}, and an authority keeps its name"
        reasons.append(Reason("policy.subject.changed", f"{text}; ask for another", "RFC 5280 4.1.2.6"))
    return made


def _values(
    rule: SubjectAttribute, names_taken: NameRules, request: CertificateRequest, names: tuple[Identifier, ...]
) -> tuple[str, ...]:
    if rule.source is Source.FIXED:
        return (rule.value,)
    if rule.source is Source.FIRST_NAME:
        # a name too long for the attribute stays out; the SAN extension has it
        first = first_name(names_taken, names)
        return (first,) if first and len(first) <= upper_bound(rule.oid) else ()
    return request.subject.values(rule.oid)


def first_name(rules: NameRules, names: tuple[Identifier, ...]) -> str:
    """What the source `first-name` means: the first DNS name, or the first mail address where the profile
    takes no DNS names; empty without one. Clients take a common name for a DNS name, and certbot fails on one
    that is an address."""
    wanted = IdentifierKind.DNS if IdentifierKind.DNS in rules.kinds else IdentifierKind.EMAIL
    return next((name.value for name in names if name.kind is wanted), "")


def _check_values(rdns: list[tuple[Attribute, ...]], reasons: list[Reason]) -> None:
    for rdn in rdns:
        for oid, value in rdn:
            try:
                check_value(oid, value)
                if oid == EMAIL_ADDRESS:
                    parse_identifier(IdentifierKind.EMAIL, value)
            except Malformed as error:
                reasons.append(Reason("policy.subject.bad-value", error.detail, "RFC 5280 A.1"))


def _check_unlisted(profile: Profile, request: CertificateRequest, reasons: list[Reason]) -> None:
    listed = {rule.oid for rule in profile.subject}
    for oid, _ in request.subject.attributes():
        if oid not in listed:
            text = f"profile {profile.name} does not take {short_name(oid)} in the subject"
            reasons.append(Reason("policy.subject.not-listed", text))


# -- validity --------------------------------------------------------------------------------------


def decide_validity(
    profile: Profile,
    issuer: Issuer,
    wish: datetime | None,
    endpoint_maximum: int | None,
    now: datetime,
    reasons: list[Reason],
) -> tuple[datetime, datetime]:
    """notBefore and notAfter, whole seconds, both ends included (RFC 5280 section 4.1.2.5)."""
    rules = profile.lifetime
    now = now.replace(microsecond=0)
    not_before = max(now - timedelta(seconds=rules.backdate), issuer.not_before)
    maximum = rules.maximum
    if endpoint_maximum is not None:
        maximum = min(maximum, endpoint_maximum)
    if "cabf-tls" in profile.lints:
        maximum = min(maximum, TLS_SCHEDULE.maximum(not_before))
    if wish is None:
        not_after = not_before + timedelta(seconds=min(rules.default, maximum)) - _SECOND
    else:
        not_after = _wished(wish.replace(microsecond=0), not_before, maximum, now, reasons)
    until = issuer.certifies_until
    if not_after > until:
        not_after = _beyond(profile, until, not_after, reasons)
    if not issuer.not_before <= now <= until:
        text = f"the issuer and those above it are valid from {issuer.not_before} to {until}, not now"
        reasons.append(Reason("policy.issuer.not-valid", text))
    return not_before, not_after


def _wished(
    wish: datetime, not_before: datetime, maximum: int, now: datetime, reasons: list[Reason]
) -> datetime:
    if wish <= now:
        reasons.append(
            Reason("policy.lifetime.past", f"the notAfter asked for, {wish}, is not in the future")
        )
    elif (wish - not_before + _SECOND).total_seconds() > maximum:
        latest = not_before + timedelta(seconds=maximum) - _SECOND
        days = round((wish - now) / timedelta(days=1))
        text = (
            f"the notAfter asked for, {wish}, is {days} days from now; {duration(maximum)} is the longest "
            f"validity permitted here, which lasts until {latest}"
        )
        reasons.append(Reason("policy.lifetime.too-long", text))
    return wish


def _beyond(profile: Profile, until: datetime, not_after: datetime, reasons: list[Reason]) -> datetime:
    if profile.lifetime.beyond_issuer is BeyondIssuer.REFUSE:
        text = f"the certificate would last to {not_after}, its issuer only to {until}"
        reasons.append(Reason("policy.lifetime.beyond-issuer", text))
    return until


# -- authorities -----------------------------------------------------------------------------------


def decide_basic_constraints(
    profile: Profile, request: CertificateRequest, issuer: Issuer, reasons: list[Reason]
) -> BasicConstraints | None:
    """basicConstraints with the path length that profile, wish and issuer leave (RFC 5280 4.2.1.9)."""
    terms = request.terms
    if terms is not None and not profile.is_authority:
        text = f"profile {profile.name} is no authority's: it takes no path length, constraints or policies"
        reasons.append(Reason("policy.terms.no-authority", text))
    if profile.basic_constraints is None or not profile.is_authority:
        return profile.basic_constraints
    if terms is not None and terms.name_constraints is not None and profile.name_constraints is not None:
        text = f"profile {profile.name} fixes the name constraints; they cannot be set by a request"
        reasons.append(Reason("policy.terms.name-constraints", text))
    if terms is not None and terms.policies and profile.policies:
        text = f"profile {profile.name} fixes the policies; they cannot be set by a request"
        reasons.append(Reason("policy.terms.policies", text))
    if issuer.path_length == 0:
        text = "the issuer has path length 0: it may not certify authorities"
        reasons.append(Reason("policy.issuer.path-length", text, "RFC 5280 4.2.1.9"))
    limits = [
        profile.basic_constraints.path_length,
        None if issuer.path_length is None else issuer.path_length - 1,
    ]
    most = min((limit for limit in limits if limit is not None), default=None)
    if terms is None or terms.path_length is None:
        return BasicConstraints(authority=True, path_length=most)
    if terms.path_length < 0 or (most is not None and terms.path_length > most):
        text = f"path length {terms.path_length} asked for; profile and issuer permit {most} at the most"
        reasons.append(Reason("policy.terms.path-length", text))
    return BasicConstraints(authority=True, path_length=terms.path_length)
