"""The rules of issuance as a document (docs/reference/policy.md), the same in JSON and in TOML.

Reading is strict: an unknown field, a wrong type or what would silently mean nothing raises Malformed naming
the field. What is left out is not asked for; an empty list or table is an error.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from .approval_steps import approval_step_to_document, approval_steps
from .distinguished_name import attribute_oid, short_name
from .documents import LIST_MAX, Fields, duration, seconds_of
from .errors import Malformed
from .expressions import Expression, parse_expression
from .keys import KeyAlgorithm
from .lifetimes import DAY, SCHEDULES, Schedule
from .moments import read_moment
from .names import IdentifierKind
from .policy import NamePattern, patterns_document, read_patterns
from .rules import Rule, RuleSet
from .rules_conditions import NO_CONDITIONS, TEXTS, Conditions
from .rules_effects import Approval, Effect, Limits, Refusal, Required
from .rules_facts import Validation

RULES_MAX = LIST_MAX
PROSE_MAX = 500
VALUE_MAX = 256
_LIFETIME_MAX = 36600 * DAY
_NAME = re.compile(r"[a-z0-9-]{1,64}")
_FIELD_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EFFECTS = ("refuse", "limits", "approval")


# -- reading ---------------------------------------------------------------------------------------


def rules_from_document(document: object) -> RuleSet:
    """Rules from `{"rule": [...]}`. Raises Malformed naming the field, `rule[3].when.profiles`."""
    return read_rules(document, "rule[{}]".format)


def read_rules(document: object, place: Callable[[int], str]) -> RuleSet:
    """The same, with errors that name the place of a rule by its number, from 0."""
    fields = Fields(document, "rules")
    fields.only("rule")
    items = fields.items("rule")
    fields.finish()
    rules = RuleSet(tuple([_rule(Fields(item, place(number))) for number, item in enumerate(items)]))
    _check_names(rules)
    _check_steps(rules)
    return rules


def _rule(fields: Fields) -> Rule:
    fields.only("name", "description", "when", "unless", *_EFFECTS)
    name = fields.text("name")
    if not _NAME.fullmatch(name):
        raise fields.error("name", "must be 1 to 64 lower-case letters, digits and hyphens")
    rule = Rule(name, _effect(fields), _when(fields), _unless(fields), _prose(fields, "description"))
    fields.finish()
    return rule


def _prose(fields: Fields, name: str) -> str:
    text = fields.text(name, "")
    if len(text) > PROSE_MAX:
        raise fields.error(name, f"must be at most {PROSE_MAX} characters, not {len(text)}")
    return text


def _when(fields: Fields) -> Conditions:
    return _conditions(fields.inside("when"))


def _unless(fields: Fields) -> Conditions:
    given, inside = fields.has("unless"), fields.inside("unless")
    if inside.has("names"):
        text = "would lift the rule off a certificate for one harmless name among others; write all_names"
        raise inside.error("names", text)
    conditions = _conditions(inside)
    if given and conditions == NO_CONDITIONS:
        raise fields.error("unless", "has no condition; leave it out")
    return conditions


def _check_names(rules: RuleSet) -> None:
    seen: set[str] = set()
    for rule in rules.rules:
        if rule.name in seen:
            raise Malformed(f"two rules have the name {rule.name}; each needs one of its own")
        seen.add(rule.name)


def _check_steps(rules: RuleSet) -> None:
    """One name of a step means the same in every rule: where two rules ask for it, it is one step."""
    first: dict[str, tuple[str, object]] = {}
    for rule in rules.rules:
        for step in rule.effect.steps if isinstance(rule.effect, Approval) else ():
            name, meant = first.setdefault(step.name, (rule.name, step))
            if meant != step:
                text = f"step {step.name} is not the same in rules {name} and {rule.name}"
                raise Malformed(f"{text}; make it the same, or give it another name")


# -- conditions ------------------------------------------------------------------------------------


def _conditions(fields: Fields) -> Conditions:
    texts = {name: _values(fields, name) for name in TEXTS}
    custom = fields.inside("fields")
    conditions = Conditions(
        **texts,
        fields=tuple([(_field_name(custom, name), _values(custom, name)) for name in custom.names()]),
        names=_some_patterns(fields, "names") or (),
        all_names=_some_patterns(fields, "all_names") or (),
        wildcard=_wildcard(fields),
        validation_below=_validation_below(fields),
        since=_moment(fields, "from"),
        until=_moment(fields, "until"),
    )
    if conditions.since and conditions.until and conditions.since >= conditions.until:
        raise fields.error("until", "must be later than from")
    fields.finish()
    return conditions


def _values(fields: Fields, name: str) -> tuple[str, ...]:
    given = fields.has(name)
    values = fields.texts(name)
    if given and not values:
        raise fields.error(name, "must name one at least; leave it out where any will do")
    if len(set(values)) < len(values):
        raise fields.error(name, "names one twice")
    for number, value in enumerate(values):
        if not 1 <= len(value) <= VALUE_MAX:
            raise fields.error(f"{name}[{number}]", f"must be text of 1 to {VALUE_MAX} characters")
    return values


def _field_name(fields: Fields, name: str) -> str:
    if not _FIELD_NAME.fullmatch(name):
        raise fields.error(ascii(name[:40]), "must be named by 1 to 64 letters, digits, hyphens, underscores")
    return name


def _some_patterns(fields: Fields, name: str) -> tuple[NamePattern, ...] | None:
    """Patterns by kind of names; None where the field is absent."""
    given = fields.has(name)
    patterns = read_patterns(fields.inside(name))
    if given and not patterns:
        raise fields.error(name, "must have one pattern at least, by kind of names; or leave it out")
    return patterns or None


def _wildcard(fields: Fields) -> bool | None:
    given = fields.has("wildcard")
    flag = fields.flag("wildcard", default=False)
    return flag if given else None


def _validation_below(fields: Fields) -> Validation | None:
    given = fields.has("validation_below")
    levels = tuple(level for level in Validation if level is not Validation.NONE)
    level = fields.choice("validation_below", levels, Validation.DOMAIN)
    return Validation(level) if given else None


def _moment(fields: Fields, name: str) -> datetime | None:
    """A time with its zone, or a day, which begins in UTC; as text, or as TOML has dates itself."""
    if not fields.has(name):
        fields.text(name, "")
        return None
    value = fields.take(name)
    if not isinstance(value, (str, date)):
        raise fields.error(name, "must be a day or time like 2026-03-15 or 2026-03-15T12:00:00Z")
    text = value if isinstance(value, str) else value.isoformat()
    return read_moment(text, fields.path(name), zone_needed=False)


# -- effects ---------------------------------------------------------------------------------------


def _effect(fields: Fields) -> Effect:
    given = [name for name in _EFFECTS if fields.has(name)]
    if len(given) != 1:
        have = " and ".join(given) or "none"
        text = f"must be there: one of them, not {have}; what has two effects is two rules"
        raise fields.error(" or ".join(_EFFECTS), text)
    how, inside = _prose(fields, "refuse"), fields.inside("limits")
    if "approval" in given:
        return Approval(approval_steps(fields, "approval"))
    fields.items("approval")
    if "refuse" in given and not how:
        raise fields.error("refuse", "must say what to do instead")
    limits = _limits(inside)
    if "limits" in given and limits == Limits():
        raise fields.error("limits", "must have one of keys, maximum_lifetime, names, require")
    return limits if "limits" in given else Refusal(how)


def _limits(fields: Fields) -> Limits:
    fields.only("keys", "maximum_lifetime", "names", "require")
    names = fields.inside("names")
    limits = Limits(
        _keys(fields),
        _maximum_lifetime(fields),
        _some_patterns(names, "allow"),
        _some_patterns(names, "deny") or (),
        _conventions(names.inside("pattern")),
        _required(fields.inside("require")),
    )
    names.finish()
    fields.finish()
    return limits


def _keys(fields: Fields) -> frozenset[KeyAlgorithm] | None:
    values = _values(fields, "keys")
    if unknown := set(values) - set(KeyAlgorithm):
        raise fields.error("keys", f"knows {', '.join(KeyAlgorithm)}, not {min(unknown)[:40]!r}")
    return frozenset(map(KeyAlgorithm, values)) or None


def _maximum_lifetime(fields: Fields) -> int | Schedule | None:
    given, text = fields.has("maximum_lifetime"), fields.text("maximum_lifetime", "")
    if not given or text in SCHEDULES:
        return SCHEDULES.get(text)
    if "/" in text:
        known = ", ".join(SCHEDULES)
        raise fields.error("maximum_lifetime", f"knows the schedule {known}, not {text[:40]!r}")
    seconds = seconds_of(fields.path("maximum_lifetime"), text)
    if not 1 <= seconds <= _LIFETIME_MAX:
        raise fields.error("maximum_lifetime", f"must be from 1s to {duration(_LIFETIME_MAX)}, not {text}")
    return seconds


def _conventions(fields: Fields) -> tuple[tuple[IdentifierKind, Expression], ...]:
    return tuple([_convention(fields, kind) for kind in fields.names()])


def _convention(fields: Fields, kind: str) -> tuple[IdentifierKind, Expression]:
    if kind not in tuple(IdentifierKind):
        raise fields.error(ascii(kind[:40]), f"is no kind of names; known are {', '.join(IdentifierKind)}")
    text = fields.text(kind)
    with fields.naming(kind):
        return IdentifierKind(kind), parse_expression(text)


def _required(fields: Fields) -> Required:
    fields.only("owner", "team", "fields", "subject", "validation")
    required = Required(
        fields.flag("owner", default=False),
        fields.flag("team", default=False),
        tuple([_field_name(fields, name) for name in _values(fields, "fields")]),
        _attributes(fields),
        Validation(fields.choice("validation", tuple(Validation), Validation.NONE)),
    )
    fields.finish()
    return required


def _attributes(fields: Fields) -> tuple[str, ...]:
    values = _values(fields, "subject")
    with fields.naming("subject"):
        return tuple(map(attribute_oid, values))


# -- writing ---------------------------------------------------------------------------------------


def rules_to_document(rules: RuleSet) -> dict[str, Any]:
    """What `rules_from_document` reads back to equal rules. Absent means not asked for."""
    return {"rule": [rule_to_document(rule) for rule in rules.rules]}


def rule_to_document(rule: Rule) -> dict[str, Any]:
    """One rule, its fields in the order in which people read them."""
    return _given(
        name=rule.name,
        description=rule.description,
        when=_conditions_document(rule.when),
        unless=_conditions_document(rule.unless),
        **_effect_document(rule.effect),
    )


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that say something. `from` is a word of Python's own, so it is `since` until here."""
    names = {"since": "from"}
    return {names.get(name, name): value for name, value in fields.items() if value not in ("", None, [], {})}


def _conditions_document(conditions: Conditions) -> dict[str, Any]:
    return _given(
        **{name: list(getattr(conditions, name)) for name in TEXTS},
        fields={name: list(values) for name, values in conditions.fields},
        names=patterns_document(conditions.names),
        all_names=patterns_document(conditions.all_names),
        wildcard=conditions.wildcard,
        validation_below=conditions.validation_below and conditions.validation_below.value,
        since=_moment_text(conditions.since),
        until=_moment_text(conditions.until),
    )


def _moment_text(moment: datetime | None) -> str | None:
    """The day alone where it is its first moment, in UTC."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return text.removesuffix("T00:00:00Z")


def _effect_document(effect: Effect) -> dict[str, Any]:
    if isinstance(effect, Refusal):
        return {"refuse": effect.how}
    if isinstance(effect, Approval):
        return {"approval": [approval_step_to_document(step) for step in effect.steps]}
    return {"limits": _limits_document(effect)}


def _limits_document(limits: Limits) -> dict[str, Any]:
    lifetime = limits.maximum_lifetime
    return _given(
        keys=[key.value for key in KeyAlgorithm if key in (limits.keys or ())],
        maximum_lifetime=duration(lifetime) if isinstance(lifetime, int) else lifetime and lifetime.name,
        names=_given(
            allow=patterns_document(limits.allow or ()),
            deny=patterns_document(limits.deny),
            pattern={kind.value: expression.text for kind, expression in limits.conventions},
        ),
        require=_required_document(limits.require),
    )


def _required_document(required: Required) -> dict[str, Any]:
    return _given(
        owner=required.owner or None,
        team=required.team or None,
        fields=list(required.fields),
        subject=list(map(short_name, required.subject)),
        validation=None if required.validation is Validation.NONE else required.validation.value,
    )
