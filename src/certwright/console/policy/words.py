"""Rules of issuance in words, line by line, for who has not read the reference."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...core.rules import Rule, RuleSet
from ...core.rules_difference import Difference, difference
from ...core.rules_document import rule_to_document

CONDITIONS = {
    "profiles": gettext_lazy("the profile is"),
    "authorities": gettext_lazy("the authority is"),
    "endpoints": gettext_lazy("the endpoint is"),
    "origins": gettext_lazy("it is asked for by"),
    "teams": gettext_lazy("the team is"),
    "requesters": gettext_lazy("who asks is"),
    "tags": gettext_lazy("a tag is"),
    "fields": gettext_lazy("the field"),
    "names": gettext_lazy("a name is one of"),
    "all_names": gettext_lazy("all names are of"),
    "wildcard": gettext_lazy("there is a wildcard name"),
    "from": gettext_lazy("it is issued from"),
    "until": gettext_lazy("it is issued before"),
    "validation_below": gettext_lazy("identity was not checked as far as"),
}
LIMITS = {
    "keys": gettext_lazy("the key is"),
    "maximum_lifetime": gettext_lazy("it lives at the most"),
    "names.allow": gettext_lazy("every name is one of"),
    "names.deny": gettext_lazy("no name is one of"),
    "names.pattern": gettext_lazy("names follow the convention"),
    "require.owner": gettext_lazy("an owner is named"),
    "require.team": gettext_lazy("a team is named"),
    "require.fields": gettext_lazy("filled in are"),
    "require.subject": gettext_lazy("the subject has"),
    "require.validation": gettext_lazy("identity was checked up to"),
}
CHANGES = {
    "refused": gettext_lazy("Would be refused"),
    "approval": gettext_lazy("Would need approval"),
    "other-approval": gettext_lazy("Would need another approval"),
    "no-longer-refused": gettext_lazy("No longer refused"),
    "no-longer-approval": gettext_lazy("No longer need approval"),
}
LISTS = {
    "rules": gettext_lazy("Rule"),
    "teams": gettext_lazy("Team"),
    "owners": gettext_lazy("Owner"),
    "authorities": gettext_lazy("Authority"),
    "profiles": gettext_lazy("Profile"),
}
COLOURS = {"refused": "red", "approval": "yellow", "other-approval": "yellow"}
OUTCOMES = {
    "allowed": gettext_lazy("It would be issued: no rule is against it."),
    "approval": gettext_lazy("It would need approval."),
    "refused": gettext_lazy("It would be refused."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """`text` says what about; `values` follow, any of which will do."""

    text: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Worded:
    """`kind` is `refuse`, `limits` or `approval`; `then` are the lines of its effect."""

    name: str
    description: str
    kind: str
    when: tuple[Line, ...]
    unless: tuple[Line, ...]
    then: tuple[Line, ...]


def worded(rules: RuleSet) -> list[Worded]:
    return [_worded(rule) for rule in rules.rules]


def _worded(rule: Rule) -> Worded:
    document = rule_to_document(rule)
    kind = next(one for one in ("refuse", "limits", "approval") if one in document)
    return Worded(
        rule.name,
        rule.description,
        kind,
        _conditions(document.get("when", {})),
        _conditions(document.get("unless", {})),
        _effect(kind, document[kind]),
    )


def _conditions(document: dict[str, Any]) -> tuple[Line, ...]:
    lines = []
    for name, value in document.items():
        if name == "wildcard":
            lines.append(Line(str(CONDITIONS[name]) if value else _("there is no wildcard name")))
        elif name == "fields":
            lines += [Line(_("the field %s is") % field, _values(values)) for field, values in value.items()]
        else:
            lines.append(Line(str(CONDITIONS[name]), _values(value)))
    return tuple(lines)


def _values(value: Any) -> tuple[str, ...]:
    """Lists as they are; patterns with their kind before them."""
    if isinstance(value, dict):
        return tuple([f"{kind}:{one}" for kind, some in value.items() for one in _values(some)])
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _effect(kind: str, value: Any) -> tuple[Line, ...]:
    if kind == "refuse":
        return (Line(value),)
    if kind == "approval":
        return tuple([_step(step) for step in value])
    return tuple(_limits("", value))


def _step(step: dict[str, Any]) -> Line:
    text = _("%(step)s, within %(expires)s, by %(quorum)s of") % step
    return Line(text, tuple(step["from"]))


def _limits(path: str, document: dict[str, Any]) -> list[Line]:
    lines = []
    for name, value in document.items():
        place = path + name
        if place in LIMITS:
            lines.append(Line(str(LIMITS[place]), () if value is True else _values(value)))
        else:
            lines += _limits(f"{place}.", value)
    return lines


@dataclass(frozen=True, slots=True)
class Compared:
    """What has changed, with rules in words."""

    changes: Difference
    added: list[Worded]
    removed: list[Worded]


def compared(old: RuleSet, new: RuleSet) -> Compared:
    changes = difference(old, new)
    return Compared(
        changes, [_worded(rule) for rule in changes.added], [_worded(rule) for rule in changes.removed]
    )
