"""May this request become a certificate here? One decision, with every reason against it.

`evaluate` is the only way to an `Approved`, and an `Approved` the only way to a certificate plan. What is
inside may become a rules engine; what goes in and comes out stays.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .constraints import mail_permitted, name_permitted, permitted
from .decide import decide_basic_constraints, decide_names, decide_subject, decide_validity
from .distinguished_name import EMAIL_ADDRESS, DistinguishedName
from .documents import Fields, duration
from .errors import Malformed, Reason, Refused
from .extensions import (
    ANY_POLICY,
    PURPOSES,
    BasicConstraints,
    CertificatePolicy,
    NameConstraints,
    purpose_name,
)
from .issuer import Issuer
from .keys import KeyAlgorithm, key_identifier
from .names import Identifier, IdentifierKind, normalize_dns, parse_identifier
from .profile import MustStaple, Profile
from .request import CertificateRequest

# every code a refusal of a request can carry, for docs/reference/findings.md
REASONS: dict[str, str] = {
    "key.unsupported": "The key is of a kind or size the product does not take.",
    "request.signature-algorithm": "The CSR is signed with an algorithm that is not taken.",
    "request.proof-of-possession": "The CSR's signature does not match its key.",
    "request.name.kind": "The CSR has an alternative name of a kind that is not supported.",
    "policy.key.profile": "The profile does not take keys of this algorithm and size.",
    "policy.key.endpoint": "The endpoint does not take keys of this algorithm and size.",
    "policy.key.server-made": "The profile takes no keys that Certwright makes for whoever asks.",
    "policy.name.kind": "The profile does not take names of this kind.",
    "policy.name.wildcard": "The profile or the endpoint takes no wildcard names.",
    "policy.name.count": "Too few or too many names for the profile.",
    "policy.name.required": "A name of a kind that the profile requires is missing.",
    "policy.name.not-allowed": "The name matches nothing the endpoint allows.",
    "policy.name.denied": "The endpoint denies the name, or a name that the wildcard stands for.",
    "policy.name.issuer-constraints": "Name constraints of the issuer, or above it, do not permit the name.",
    "policy.subject.missing": "A subject attribute that the profile requires is missing.",
    "policy.subject.too-many": "More values of a subject attribute than the profile takes.",
    "policy.subject.bad-value": "A value that the attribute's type or upper bound does not permit.",
    "policy.subject.not-listed": "The profile refuses subject attributes it does not list.",
    "policy.subject.changed": "The profile would give an authority another name than it has asked for.",
    "policy.subject.issuer": "The subject is the issuer's own name, and the key is not its own.",
    "policy.subject.authority": "The subject is the name of one of our authorities, and the key is another.",
    "policy.validation": "The identity was not checked as far as the profile requires.",
    "policy.lifetime.past": "The end of validity asked for is not in the future.",
    "policy.lifetime.too-long": "The end of validity asked for is later than profile or endpoint permit.",
    "policy.lifetime.beyond-issuer": "The certificate would outlive its issuer; the profile refuses that.",
    "policy.issuer.not-valid": "The issuer's own certificate, or one above it, is not valid now.",
    "policy.issuer.path-length": "A path length of the issuer, or above it, permits no further authority.",
    "policy.issuer.purpose": "Purposes of the issuer, or of one above it, do not include the profile's.",
    "policy.issuer.policies": "A policy is not among those of the issuer, or of one above it.",
    "policy.terms.no-authority": "Path length, name constraints or policies asked for an end entity.",
    "policy.terms.name-constraints": "The profile fixes the name constraints.",
    "policy.terms.policies": "The profile fixes the policies.",
    "policy.terms.path-length": "The path length asked for is larger than profile and issuer permit.",
    "policy.must-staple": "The profile does not offer OCSP must-staple.",
}


# -- name patterns ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A set of names of one kind.

    `*` is every name. dns: `www.example.test` that name, `.example.test` all below, `*.example.test` one
    label below. ip: a network. email, upn, kerberos: an address, or a domain (`example.test`,
    `.example.test`). uri: a prefix up to a `/`. guid: one value.
    """

    kind: IdentifierKind
    pattern: str


def parse_pattern(kind: str, text: str) -> NamePattern:
    """A checked pattern in normal form. Raises Malformed."""
    if kind not in tuple(IdentifierKind):
        raise Malformed(f"unknown kind of names {kind[:40]!r}; known are {', '.join(IdentifierKind)}")
    known = IdentifierKind(kind)
    if text == "*":
        return NamePattern(known, text)
    if known is IdentifierKind.IP:
        try:
            return NamePattern(known, str(ipaddress.ip_network(text)))
        except ValueError as error:
            raise Malformed(f"pattern {text[:80]!r} is no IP network: {error}") from error
    if known is IdentifierKind.DNS:
        dot = text[: text.startswith(".")]
        return NamePattern(known, dot + normalize_dns(text[len(dot) :]))
    if known in _DOMAIN_KINDS and "@" not in text:
        dot = text[: text.startswith(".")]
        return NamePattern(known, dot + normalize_dns(text[len(dot) :]))
    return NamePattern(known, parse_identifier(known, text).value)


_DNS = IdentifierKind.DNS  # in a name of its own, for it is looked up for every name
_DOMAIN_KINDS = frozenset({IdentifierKind.EMAIL, IdentifierKind.UPN, IdentifierKind.KERBEROS})


class NameSet:
    """Patterns made ready for quick matching. Immutable once made."""

    __slots__ = (
        "_dns",
        "_domains",
        "_everything",
        "_exact",
        "_networks",
        "_parents",
        "_prefixes",
        "_suffixes",
    )

    def __init__(self, patterns: Iterable[NamePattern]) -> None:
        patterns = tuple(patterns)
        self._everything = {item.kind for item in patterns if item.pattern == "*"}
        rest = [item for item in patterns if item.pattern != "*"]
        self._networks = [ipaddress.ip_network(p.pattern) for p in rest if p.kind is IdentifierKind.IP]
        self._prefixes = tuple([p.pattern for p in rest if p.kind is IdentifierKind.URI])
        self._dns = frozenset([p.pattern for p in rest if p.kind is _DNS])
        self._suffixes = tuple([name for name in self._dns if name[0] == "."])
        self._parents = frozenset([name[2:] for name in self._dns if name[:2] == "*."])
        self._exact = {(p.kind, p.pattern) for p in rest}
        self._domains = {
            (p.kind, p.pattern) for p in rest if p.kind in _DOMAIN_KINDS and "@" not in p.pattern
        }

    def covers(self, identifier: Identifier) -> bool:
        kind, value = identifier.kind, identifier.value
        if kind in self._everything:
            return True
        if kind is _DNS:
            if value in self._dns or value.endswith(self._suffixes):
                return True
            return bool(self._parents) and value.partition(".")[2] in self._parents
        if (kind, value) in self._exact:
            return True
        if kind is IdentifierKind.IP:
            address = ipaddress.ip_address(value)
            return any(address in network for network in self._networks)
        if kind is IdentifierKind.URI:
            return any(
                value.startswith(prefix if prefix[-1] == "/" else prefix + "/") for prefix in self._prefixes
            )
        return kind in _DOMAIN_KINDS and self._covers_domain(kind, value.rpartition("@")[2].lower())

    def _covers_domain(self, kind: IdentifierKind, domain: str) -> bool:
        return any(
            known is kind and (domain == base or (base[0] == "." and domain.endswith(base)))
            for known, base in self._domains
        )

    def touches(self, identifier: Identifier) -> bool:
        """Does the set cover this name, or one exact name that this wildcard stands for?"""
        if self.covers(identifier):
            return True
        if identifier.value[:2] != "*." or identifier.kind is not _DNS:
            return False
        parent = identifier.value[2:]
        return any(name.partition(".")[2] == parent for name in self._dns)


# -- endpoint policy -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """What one endpoint permits, beside the profile. `allow` None permits every name; `keys` None every key.

    `maximum_lifetime` is in seconds.
    """

    allow: tuple[NamePattern, ...] | None = None
    deny: tuple[NamePattern, ...] = ()
    wildcards: bool = True
    keys: frozenset[KeyAlgorithm] | None = None
    maximum_lifetime: int | None = None
    allowed: NameSet = field(init=False, repr=False, compare=False)
    denied: NameSet = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", NameSet(self.allow or ()))
        object.__setattr__(self, "denied", NameSet(self.deny))


EVERYTHING = EndpointPolicy()


def endpoint_policy_from_document(document: object) -> EndpointPolicy:
    """From an endpoint's JSON document (docs/reference/endpoints.md). Raises Malformed naming the field."""
    fields = Fields(document, "policy")
    names = fields.inside("names")
    allow = read_patterns(names.inside("allow")) if names.has("allow") else None
    names.inside("allow")
    keys = fields.texts("keys") if fields.has("keys") else None
    if unknown := set(keys or ()) - set(KeyAlgorithm):
        raise fields.error("keys", f"knows {', '.join(KeyAlgorithm)}, not {min(unknown)[:40]!r}")
    policy = EndpointPolicy(
        allow,
        read_patterns(names.inside("deny")),
        names.flag("wildcards", default=True),
        None if keys is None else frozenset(map(KeyAlgorithm, keys)),
        fields.duration("maximum_lifetime") if fields.has("maximum_lifetime") else None,
    )
    names.finish()
    fields.items("keys")
    fields.text("maximum_lifetime", "")
    fields.finish()
    return policy


def read_patterns(fields: Fields) -> tuple[NamePattern, ...]:
    """All patterns of an object that lists them by kind of names. Raises Malformed naming the field."""
    return tuple([_pattern(fields, kind, text) for kind in fields.names() for text in fields.texts(kind)])


def _pattern(fields: Fields, kind: str, text: str) -> NamePattern:
    with fields.naming(ascii(kind[:60])[1:-1]):
        return parse_pattern(kind, text)


def endpoint_policy_to_document(policy: EndpointPolicy) -> dict[str, Any]:
    """What `endpoint_policy_from_document` reads back to an equal policy."""
    names: dict[str, Any] = {"deny": patterns_document(policy.deny), "wildcards": policy.wildcards}
    if policy.allow is not None:
        names["allow"] = patterns_document(policy.allow)
    document: dict[str, Any] = {"names": names}
    if policy.keys is not None:
        document["keys"] = sorted(policy.keys)
    if policy.maximum_lifetime is not None:
        document["maximum_lifetime"] = duration(policy.maximum_lifetime)
    return document


def patterns_document(patterns: tuple[NamePattern, ...]) -> dict[str, list[str]]:
    """Texts of patterns by kind of names, as `read_patterns` reads them."""
    document: dict[str, list[str]] = {}
    for item in patterns:
        document.setdefault(item.kind.value, []).append(item.pattern)
    return document


# -- the decision ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Approved:
    """A request that policy has let through, with what was decided about it."""

    profile: Profile
    issuer: Issuer
    request: CertificateRequest
    names: tuple[Identifier, ...]
    subject: DistinguishedName
    not_before: datetime
    not_after: datetime
    must_staple: bool
    basic_constraints: BasicConstraints | None
    name_constraints: NameConstraints | None
    policies: tuple[CertificatePolicy, ...]


def evaluate(
    request: CertificateRequest,
    profile: Profile,
    issuer: Issuer,
    now: datetime,
    endpoint: EndpointPolicy = EVERYTHING,
) -> Approved:
    """Decide by profile, endpoint and issuer. Raises Refused with all the reasons, by stable codes."""
    reasons: list[Reason] = []
    _check_key(request, profile, endpoint, reasons)
    names = decide_names(profile, request, reasons)
    _check_names(names, endpoint, issuer, reasons)
    subject = decide_subject(profile, request, names, reasons)
    _check_subject(subject, profile, request, issuer, reasons)
    not_before, not_after = decide_validity(
        profile, issuer, request.not_after, endpoint.maximum_lifetime, now, reasons
    )
    basic_constraints = decide_basic_constraints(profile, request, issuer, reasons)
    if request.must_staple and profile.must_staple is MustStaple.NEVER:
        text = f"profile {profile.name} does not offer must-staple"
        reasons.append(Reason("policy.must-staple", text, "RFC 7633"))
    terms = request.terms
    policies = (terms and terms.policies) or profile.policies
    _check_path(profile, policies, issuer, reasons)
    if reasons:
        raise Refused(tuple(dict.fromkeys(reasons)))
    return Approved(
        profile,
        issuer,
        request,
        names,
        subject,
        not_before,
        not_after,
        request.must_staple or profile.must_staple is MustStaple.ALWAYS,
        basic_constraints,
        (terms and terms.name_constraints) or profile.name_constraints,
        policies,
    )


def _check_key(
    request: CertificateRequest, profile: Profile, endpoint: EndpointPolicy, reasons: list[Reason]
) -> None:
    algorithm = request.algorithm
    if algorithm not in profile.keys:
        text = f"profile {profile.name} takes no {algorithm} keys; it takes {', '.join(sorted(profile.keys))}"
        reasons.append(Reason("policy.key.profile", text))
    if endpoint.keys is not None and algorithm not in endpoint.keys:
        text = f"this endpoint does not take {algorithm} keys; it takes {', '.join(sorted(endpoint.keys))}"
        reasons.append(Reason("policy.key.endpoint", text))
    if request.server_made and not profile.server_made_keys:
        text = f"profile {profile.name} takes no key that we make; make it in your browser, or bring a CSR"
        reasons.append(Reason("policy.key.server-made", text))


def _check_names(
    names: tuple[Identifier, ...], endpoint: EndpointPolicy, issuer: Issuer, reasons: list[Reason]
) -> None:
    for name in names:
        if endpoint.allow is not None and not endpoint.allowed.covers(name):
            reasons.append(Reason("policy.name.not-allowed", f"{name} matches nothing this endpoint allows"))
        if endpoint.deny and endpoint.denied.touches(name):
            reasons.append(Reason("policy.name.denied", f"{name} is denied at this endpoint"))
        if not endpoint.wildcards and name.value.startswith("*."):
            reasons.append(Reason("policy.name.wildcard", f"{name}: this endpoint takes no wildcards"))
        if issuer.name_constraints and not permitted(issuer.name_constraints, name):
            reasons.append(_outside(name))


def _outside(name: object) -> Reason:
    text = f"{name} is outside the issuer's name constraints"
    return Reason("policy.name.issuer-constraints", text, "RFC 5280 4.2.1.10")


def _check_subject(
    subject: DistinguishedName,
    profile: Profile,
    request: CertificateRequest,
    issuer: Issuer,
    reasons: list[Reason],
) -> None:
    """It and its mail addresses are held against the name constraints, and nobody else gets the issuer's own
    name."""
    if issuer.name_constraints:
        if not name_permitted(issuer.name_constraints, subject):
            reasons.append(_outside(f"subject {subject}"))
        mails = subject.values(EMAIL_ADDRESS)
        outside = [mail for mail in mails if not mail_permitted(issuer.name_constraints, mail)]
        reasons.extend([_outside(f"emailAddress={mail}") for mail in outside])
    if issuer.is_named(subject):
        own_key = key_identifier(request.spki) == issuer.key_identifier
        if not (profile.is_authority and own_key):
            text = f"{subject} is the issuer's own name; ask for another subject"
            reasons.append(Reason("policy.subject.issuer", text, "RFC 5280 4.1.2.6"))


def _check_path(
    profile: Profile, policies: tuple[CertificatePolicy, ...], issuer: Issuer, reasons: list[Reason]
) -> None:
    """What the certificates above do not permit, relying parties would not find in this one.

    An OCSP signer is the issuer's own delegate (RFC 6960 4.2.2.2), whatever purposes stand above.
    """
    purposes = set(profile.purposes) - {PURPOSES["OCSPSigning"]}
    if issuer.purposes is not None and (beyond := purposes - issuer.purposes):
        text = f"the issuer certifies for {_listed(issuer.purposes)} only, not for {_listed(beyond)}"
        reasons.append(Reason("policy.issuer.purpose", text, "RFC 5280 4.2.1.12"))
    if issuer.policies is None:
        return
    if others := {policy.oid for policy in policies} - issuer.policies - {ANY_POLICY}:
        own = ", ".join(sorted(issuer.policies)) or "no policy"
        text = f"the issuer certifies under {own}, not under {', '.join(sorted(others))}"
        reasons.append(Reason("policy.issuer.policies", text, "RFC 5280 6.1.3"))


def _listed(purposes: Iterable[str]) -> str:
    return ", ".join(sorted(map(purpose_name, purposes))) or "nothing"


def refused_names(
    names: tuple[Identifier, ...], endpoint: EndpointPolicy, issuer: Issuer
) -> tuple[Reason, ...]:
    """Why names alone would be refused, before there is a request: for an order to come. Empty if not."""
    reasons: list[Reason] = []
    _check_names(names, endpoint, issuer, reasons)
    return tuple(reasons)
