"""Profiles as JSON documents (docs/reference/profiles.md).

`from_document` reads strictly: an unknown field, a wrong type or rules that contradict each other raise
Malformed naming the field. `to_document` writes what reads back to an equal profile.
"""

import ipaddress
import json
from hashlib import sha256
from typing import Any

from . import der
from .distinguished_name import attribute_oid, check_value, parse_name, short_name
from .documents import Fields, duration, is_oid
from .errors import Malformed
from .extensions import (
    AUTHORITY_INFORMATION_ACCESS,
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    CRL_DISTRIBUTION_POINTS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    KEY_USES,
    NAME_CONSTRAINTS,
    OCSP_NO_CHECK,
    PURPOSES,
    SUBJECT_ALTERNATIVE_NAME,
    SUBJECT_KEY_IDENTIFIER,
    TLS_FEATURE,
    AnySubtree,
    BasicConstraints,
    CertificatePolicy,
    DirectorySubtree,
    Extension,
    NameConstraints,
    OtherExtension,
    Subtree,
    purpose_name,
)
from .keys import KeyAlgorithm
from .names import IdentifierKind, normalize_dns, parse_identifier
from .profile import (
    KEY_FAMILIES,
    LINT_SETS,
    BeyondIssuer,
    KeyUsageRules,
    Lifetime,
    MustStaple,
    NameRules,
    Pointer,
    Profile,
    Source,
    SubjectAttribute,
    Unlisted,
)
from .rules_facts import Validation

_LIFETIME_MAX = 100 * 366 * 86400
_EXTENSION_OCTETS_MAX = 4096
_OWN_EXTENSIONS = frozenset(
    {BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, SUBJECT_ALTERNATIVE_NAME, SUBJECT_KEY_IDENTIFIER}
    | {AUTHORITY_KEY_IDENTIFIER, CERTIFICATE_POLICIES, NAME_CONSTRAINTS, CRL_DISTRIBUTION_POINTS}
    | {AUTHORITY_INFORMATION_ACCESS, TLS_FEATURE, OCSP_NO_CHECK}
)

_FIELDS = (
    *("name", "version", "description", "keys", "lifetime", "subject", "names", "key_usage", "pointers"),
    *("extended_key_usage", "basic_constraints", "policies", "name_constraints", "key_identifiers"),
    *("must_staple", "ocsp_nocheck", "server_made_keys", "extensions", "lint", "validation"),
)

# -- reading ---------------------------------------------------------------------------------------


def from_document(document: object) -> Profile:
    """A profile from its JSON document. Raises Malformed naming the field."""
    fields = Fields(document, "profile")
    fields.only(*_FIELDS)
    constraints = (
        _basic_constraints(fields.inside("basic_constraints")) if fields.has("basic_constraints") else None
    )
    subject = fields.inside("subject")
    purposes = fields.inside("extended_key_usage")
    identifiers = fields.inside("key_identifiers")
    profile = Profile(
        name=_name(fields),
        version=fields.number("version", 1, least=1),
        description=fields.text("description", ""),
        keys=frozenset([_key(fields, text) for text in fields.texts("keys")]),
        lifetime=_lifetime(fields.inside("lifetime")),
        subject=tuple(map(_subject_attribute, subject.objects("attributes"))),
        unlisted=Unlisted(subject.choice("unlisted", tuple(Unlisted), Unlisted.IGNORE)),
        names=_name_rules(fields.inside("names")),
        key_usage=_key_usage(fields.inside("key_usage")),
        purposes=tuple([_purpose(purposes, text) for text in purposes.texts("purposes")]),
        purposes_critical=purposes.flag("critical", default=False),
        basic_constraints=constraints,
        policies=tuple(map(_policy, fields.objects("policies"))),
        name_constraints=_name_constraints(fields.inside("name_constraints")),
        subject_key_identifier=identifiers.flag("subject", default=True),
        authority_key_identifier=identifiers.flag("authority", default=True),
        pointers=frozenset([_member(Pointer, fields, "pointers", text) for text in fields.texts("pointers")]),
        must_staple=MustStaple(fields.choice("must_staple", tuple(MustStaple), MustStaple.NEVER)),
        ocsp_nocheck=fields.flag("ocsp_nocheck", default=False),
        server_made_keys=fields.flag("server_made_keys", default=False),
        extensions=tuple(map(_extension, fields.objects("extensions"))),
        lints=frozenset([_lint_set(fields, text) for text in fields.texts("lint")]),
        validation=Validation(fields.choice("validation", tuple(Validation), Validation.NONE)),
    )
    fields.inside("basic_constraints")
    for part in (subject, purposes, identifiers, fields):
        part.finish()
    _check_coherence(profile)
    return profile


def _name(fields: Fields) -> str:
    name = fields.text("name")
    if (
        not 1 <= len(name) <= 100
        or not name.replace("-", "").isalnum()
        or not name.isascii()
        or name != name.lower()
    ):
        raise fields.error("name", "must be 1 to 100 lower-case letters, digits and hyphens")
    return name


def _member(kind: type[Pointer], fields: Fields, name: str, text: str) -> Pointer:
    if text not in tuple(kind):
        raise fields.error(name, f"knows {', '.join(kind)}, not {text[:40]!r}")
    return kind(text)


def _key(fields: Fields, text: str) -> KeyAlgorithm:
    if text not in tuple(KeyAlgorithm):
        raise fields.error("keys", f"knows {', '.join(KeyAlgorithm)}, not {text[:40]!r}")
    return KeyAlgorithm(text)


def _lint_set(fields: Fields, text: str) -> str:
    if text not in LINT_SETS:
        raise fields.error("lint", f"knows {', '.join(LINT_SETS)} (rfc5280 is always on), not {text[:40]!r}")
    return text


def _lifetime(fields: Fields) -> Lifetime:
    fields.only("default", "maximum", "backdate", "beyond_issuer")
    lifetime = Lifetime(
        fields.duration("default"),
        fields.duration("maximum"),
        fields.duration("backdate", "0s"),
        BeyondIssuer(fields.choice("beyond_issuer", tuple(BeyondIssuer), BeyondIssuer.CLAMP)),
    )
    if not lifetime.backdate < lifetime.default <= lifetime.maximum <= _LIFETIME_MAX:
        raise fields.error(
            "default", "must be longer than backdate and at most the maximum, itself at most 100 years"
        )
    fields.finish()
    return lifetime


def _subject_attribute(fields: Fields) -> SubjectAttribute:
    fields.only("type", "source", "value", "required", "maximum")
    oid = attribute_oid(fields.text("type"))
    source = Source(fields.choice("source", tuple(Source), Source.REQUEST))
    value = fields.text("value", "")
    if (source is Source.FIXED) != bool(value):
        raise fields.error("value", "belongs to an attribute of source fixed, and only to that")
    if value:
        check_value(oid, value)
    required = fields.flag("required", default=source is Source.FIXED)
    rule = SubjectAttribute(oid, source, value, required, fields.number("maximum", 1, least=1, most=16))
    fields.finish()
    return rule


def _name_rules(fields: Fields) -> NameRules:
    kinds, required = _kinds(fields, "kinds"), _kinds(fields, "required")
    rules = NameRules(
        kinds,
        fields.number("minimum", 0, most=1000),
        fields.number("maximum", 100 if kinds else 0, most=1000),
        fields.flag("wildcards", default=False),
        fields.flag("from_subject", default=False),
        required,
    )
    if rules.minimum > rules.maximum or bool(kinds) != bool(rules.maximum):
        raise fields.error("maximum", "must be at least the minimum, and 0 exactly when there are no kinds")
    if not required <= kinds or (required and not rules.minimum):
        raise fields.error("required", "must be some of the kinds, with a minimum of at least 1")
    fields.finish()
    return rules


def _kinds(fields: Fields, name: str) -> frozenset[IdentifierKind]:
    texts = fields.texts(name)
    if unknown := [text for text in texts if text not in tuple(IdentifierKind)]:
        raise fields.error(name, f"knows {', '.join(IdentifierKind)}, not {unknown[0][:40]!r}")
    return frozenset(map(IdentifierKind, texts))


def _key_usage(fields: Fields) -> KeyUsageRules:
    by_key = fields.inside("by_key")
    families = by_key.names()
    if unknown := set(families) - set(KEY_FAMILIES):
        raise by_key.error(min(unknown), f"is no key family; known are {', '.join(KEY_FAMILIES)}")
    rules = KeyUsageRules(
        frozenset(_uses(fields, "always")),
        tuple([(family, frozenset(_uses(by_key, family))) for family in sorted(families)]),
        fields.flag("critical", default=True),
    )
    fields.finish()
    return rules


def _uses(fields: Fields, name: str) -> tuple[str, ...]:
    uses = fields.texts(name)
    if unknown := set(uses) - set(KEY_USES):
        raise fields.error(name, f"knows {', '.join(KEY_USES)}, not {min(unknown)[:40]!r}")
    return uses


def _purpose(fields: Fields, text: str) -> str:
    oid = PURPOSES.get(text, text)
    if not is_oid(oid):
        raise fields.error("purposes", f"knows {', '.join(PURPOSES)} or a dotted OID, not {text[:40]!r}")
    return oid


def _basic_constraints(fields: Fields) -> BasicConstraints:
    authority = fields.flag("authority", default=False)
    constraints = BasicConstraints(authority, fields.optional_number("path_length", most=32))
    if constraints.path_length is not None and not authority:
        raise fields.error("path_length", "belongs to an authority only (RFC 5280 section 4.2.1.9)")
    fields.finish()
    return constraints


def _policy(fields: Fields) -> CertificatePolicy:
    fields.only("oid", "cps")
    policy = CertificatePolicy(_oid(fields, "oid"), fields.text("cps", ""))
    if policy.cps:
        parse_identifier(IdentifierKind.URI, policy.cps)
    fields.finish()
    return policy


def _oid(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not is_oid(text):
        raise fields.error(name, f"must be an object identifier in dotted form, not {text[:40]!r}")
    return text


def _name_constraints(fields: Fields) -> NameConstraints | None:
    constraints = NameConstraints(
        tuple(map(parse_subtree, fields.texts("permitted"))),
        tuple(map(parse_subtree, fields.texts("excluded"))),
    )
    fields.finish()
    return constraints if constraints.permitted or constraints.excluded else None


def parse_subtree(text: str) -> AnySubtree:
    """A name constraint from `dns:example.test`, `email:example.test`, `uri:.example.test`, `ip:10.0.0.0/8`,
    `dn:O=Example,C=DE`.

    A dns base covers itself and all below. For email and uri a leading dot means all below, no dot that
    host alone (RFC 5280 section 4.2.1.10). Raises Malformed.
    """
    kind, _, base = text.partition(":")
    if kind == DirectorySubtree.kind and base:
        return DirectorySubtree(parse_name(base))
    if kind == IdentifierKind.IP:
        try:
            return Subtree(IdentifierKind.IP, str(ipaddress.ip_network(base)))
        except ValueError as error:
            raise Malformed(f"name constraint {text[:80]!r}: {error}") from error
    if kind == IdentifierKind.EMAIL and "@" in base:
        return Subtree(IdentifierKind.EMAIL, parse_identifier(kind, base).value)
    if kind not in {IdentifierKind.DNS, IdentifierKind.EMAIL, IdentifierKind.URI} or "*" in base:
        raise Malformed(f"name constraint {text[:80]!r} must be dns:, email:, uri:, ip: or dn: and a base")
    if kind == IdentifierKind.DNS and base.startswith("."):
        raise Malformed(f"name constraint {text[:80]!r}: a dns base has no leading dot, it covers all below")
    dot = base[: base.startswith(".")]
    return Subtree(IdentifierKind(kind), dot + normalize_dns(base[len(dot) :]))


def _extension(fields: Fields) -> Extension:
    fields.only("oid", "critical", "der")
    oid, critical = _oid(fields, "oid"), fields.flag("critical", default=False)
    if oid in _OWN_EXTENSIONS:
        raise fields.error("oid", f"{oid} has a field of its own in the profile")
    try:
        value = bytes.fromhex(fields.text("der"))
    except ValueError:
        raise fields.error("der", "must be hexadecimal") from None
    reader = der.Reader(value, fields.path("der"))
    reader.element()
    reader.finish()
    if len(value) > _EXTENSION_OCTETS_MAX:
        raise fields.error("der", f"must be at most {_EXTENSION_OCTETS_MAX} octets")
    fields.finish()
    return Extension(critical, OtherExtension(oid, value))


def _check_coherence(profile: Profile) -> None:
    """Rules that contradict each other or RFC 5280. Raises Malformed."""
    signs = "keyCertSign" in profile.key_usage.always
    first_name = any(rule.source is Source.FIRST_NAME for rule in profile.subject)
    oids = [extension.oid for extension in profile.extensions]
    attributes = [rule.oid for rule in profile.subject]
    checks = (
        (not profile.keys, "keys must name at least one algorithm"),
        (
            profile.is_authority != signs,
            "key_usage keyCertSign goes with basic_constraints authority (4.2.1.9)",
        ),
        (
            profile.name_constraints and not profile.is_authority,
            "name_constraints belong to authorities (4.2.1.10)",
        ),
        (
            profile.is_authority and not profile.subject_key_identifier,
            "an authority needs key_identifiers.subject",
        ),
        (
            profile.is_authority and profile.validation is not Validation.NONE,
            "validation is for what authorities issue, not for authorities; leave it out",
        ),
        (
            profile.is_authority and not profile.subject,
            "an authority needs a subject (RFC 5280 section 4.1.2.6)",
        ),
        (
            not profile.subject and not profile.names.minimum,
            "subject empty, so names.minimum must be at least 1",
        ),
        (first_name and not profile.names.minimum, "source first-name needs names.minimum of at least 1"),
        (len(set(oids)) != len(oids), "extensions holds an OID twice"),
        (len(set(attributes)) != len(attributes), "subject.attributes lists a type twice; use maximum"),
        (len(set(profile.purposes)) != len(profile.purposes), "extended_key_usage lists a purpose twice"),
        (profile.purposes_critical and not profile.purposes, "extended_key_usage critical, but no purposes"),
        (
            profile.server_made_keys and profile.is_authority,
            "server_made_keys is for end entities; an authority's key is made where it stays",
        ),
    )
    for wrong, problem in checks:
        if wrong:
            raise Malformed(f"profile {profile.name}: {problem}")


# -- writing ---------------------------------------------------------------------------------------


_SHAPED_OTHERWISE = ("name", "version", "description", "keys", "lifetime", "subject", "names")
_NOT_SAID = ("server_made_keys", "lint", "validation")


def shape_of(profile: Profile) -> str:
    """SHA-256, in hex, of what a profile puts into certificates beside key, subject, names and dates. Two
    versions of the same shape make the same of one request."""
    left_out = {*_SHAPED_OTHERWISE, *_NOT_SAID}
    said = {name: value for name, value in to_document(profile).items() if name not in left_out}
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def to_document(profile: Profile) -> dict[str, Any]:
    """The JSON document that `from_document` reads back to an equal profile. Absent means default."""
    document: dict[str, Any] = {
        "name": profile.name,
        "version": profile.version,
        "description": profile.description,
        "keys": sorted(profile.keys),
        "lifetime": {
            "default": duration(profile.lifetime.default),
            "maximum": duration(profile.lifetime.maximum),
            "backdate": duration(profile.lifetime.backdate),
            "beyond_issuer": profile.lifetime.beyond_issuer.value,
        },
        "subject": {
            "attributes": [_attribute_document(rule) for rule in profile.subject],
            "unlisted": profile.unlisted.value,
        },
        "names": {
            "kinds": sorted(profile.names.kinds),
            "required": sorted(profile.names.required),
            "minimum": profile.names.minimum,
            "maximum": profile.names.maximum,
            "wildcards": profile.names.wildcards,
            "from_subject": profile.names.from_subject,
        },
        "key_usage": {
            "always": _in_order(profile.key_usage.always),
            "by_key": {family: _in_order(uses) for family, uses in profile.key_usage.by_key},
            "critical": profile.key_usage.critical,
        },
        "extended_key_usage": {
            "purposes": [purpose_name(oid) for oid in profile.purposes],
            "critical": profile.purposes_critical,
        },
        "key_identifiers": {
            "subject": profile.subject_key_identifier,
            "authority": profile.authority_key_identifier,
        },
        "pointers": sorted(profile.pointers),
        "must_staple": profile.must_staple.value,
        "ocsp_nocheck": profile.ocsp_nocheck,
        "server_made_keys": profile.server_made_keys,
        "lint": sorted(profile.lints),
    }
    return document | _optional_parts(profile)


def _optional_parts(profile: Profile) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if constraints := profile.basic_constraints:
        parts["basic_constraints"] = {
            "authority": constraints.authority,
            "path_length": constraints.path_length,
        }
    if profile.policies:
        parts["policies"] = [{"oid": policy.oid, "cps": policy.cps} for policy in profile.policies]
    if names := profile.name_constraints:
        parts["name_constraints"] = {
            "permitted": [f"{tree.kind}:{tree.base}" for tree in names.permitted],
            "excluded": [f"{tree.kind}:{tree.base}" for tree in names.excluded],
        }
    if profile.validation is not Validation.NONE:
        parts["validation"] = profile.validation.value
    if profile.extensions:
        parts["extensions"] = [
            {"oid": extension.oid, "critical": extension.critical, "der": extension.value.encode().hex()}
            for extension in profile.extensions
        ]
    return parts


def _attribute_document(rule: SubjectAttribute) -> dict[str, Any]:
    document: dict[str, Any] = {"type": short_name(rule.oid), "source": rule.source.value}
    if rule.value:
        document["value"] = rule.value
    return document | {"required": rule.required, "maximum": rule.maximum}


def _in_order(uses: frozenset[str]) -> list[str]:
    return [use for use in KEY_USES if use in uses]
