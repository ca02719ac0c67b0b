"""What a rule of the issuance policy does where it applies: refuse, hold to limits, or ask for approval."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .approval_steps import ApprovalStep
from .distinguished_name import short_name
from .documents import duration
from .errors import Reason
from .expressions import Expression
from .keys import KeyAlgorithm
from .lifetimes import DAY, Schedule, days_of
from .names import IdentifierKind
from .policy import NamePattern, NameSet
from .rules_facts import Facts, Validation

# every code a refusal by a rule can carry, for docs/reference/findings.md
REASONS: dict[str, str] = {
    "policy.rule.refused": "A rule refuses what is asked for.",
    "policy.rule.key": "A rule does not take keys of this algorithm and size.",
    "policy.rule.lifetime": "The certificate would live longer than a rule permits.",
    "policy.rule.name": "A name is not allowed by a rule, is denied, or does not follow its convention.",
    "policy.rule.owner": "A rule requires an owner, and none is named.",
    "policy.rule.team": "A rule requires a team, and none is named.",
    "policy.rule.field": "A custom field that a rule requires is empty.",
    "policy.rule.subject": "An attribute of the subject that a rule requires is missing.",
    "policy.rule.validation": "The identity was not checked as far as a rule requires.",
}
SHOWN = 5
"""How many patterns a reason shows, and how many things that are missing."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """`how` says to the requester what to do instead."""

    how: str


@dataclass(frozen=True, slots=True)
class Required:
    """What must be there. `fields` are names of custom fields, `subject` OIDs of attributes."""

    owner: bool = False
    team: bool = False
    fields: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    validation: Validation = Validation.NONE


NOTHING_REQUIRED = Required()


@dataclass(frozen=True, slots=True)
class Limits:
    """What must hold. None limits nothing; `maximum_lifetime` is in seconds, both ends included.

    `allow`, `deny` are as in an endpoint's policy. `conventions` are expressions for names of a kind.
    """

    keys: frozenset[KeyAlgorithm] | None = None
    maximum_lifetime: int | Schedule | None = None
    allow: tuple[NamePattern, ...] | None = None
    deny: tuple[NamePattern, ...] = ()
    conventions: tuple[tuple[IdentifierKind, Expression], ...] = ()
    require: Required = NOTHING_REQUIRED


@dataclass(frozen=True, slots=True)
class Approval:
    steps: tuple[ApprovalStep, ...]


Effect = Refusal | Limits | Approval
Check = Callable[[Facts], tuple[Reason, ...]]
"""The reasons against an issuance, none if it may be."""


def check_of(name: str, description: str, effect: Effect) -> Check:
    """The check that an effect of a rule means; its reasons name the rule."""
    if isinstance(effect, Refusal):
        refusal = (Reason("policy.rule.refused", f"rule {name}: {effect.how}"),)
        return lambda facts: refusal
    if isinstance(effect, Approval):
        return lambda facts: ()
    checks = (*_limit_checks(name, description, effect), *_required_checks(name, effect.require))
    if len(checks) == 1:
        return checks[0]
    return lambda facts: tuple([reason for check in checks for reason in check(facts)])


# -- limits ----------------------------------------------------------------------------------------


def _limit_checks(name: str, description: str, limits: Limits) -> Iterator[Check]:
    if limits.keys is not None:
        yield _key_check(name, limits.keys)
    if limits.maximum_lifetime is not None:
        yield _lifetime_check(name, limits.maximum_lifetime)
    if limits.allow is not None:
        yield _allow_check(name, limits.allow)
    if limits.deny:
        yield _deny_check(name, limits.deny)
    for kind, expression in limits.conventions:
        yield _convention_check(name, description, kind, expression)


def _key_check(name: str, keys: frozenset[KeyAlgorithm]) -> Check:
    taken = ", ".join(sorted(keys))

    def check(facts: Facts) -> tuple[Reason, ...]:
        if facts.algorithm in keys:
            return ()
        text = f"rule {name} takes no {facts.algorithm} keys; take one of {taken}"
        return (Reason("policy.rule.key", text),)

    return check


def _lifetime_check(name: str, limit: int | Schedule) -> Check:
    def check(facts: Facts) -> tuple[Reason, ...]:
        maximum = limit if isinstance(limit, int) else limit.maximum(facts.at)
        if facts.lifetime <= maximum:
            return ()
        of, clause = ("", "") if isinstance(limit, int) else (f" by {limit.name}", limit.clause)
        text = (
            f"rule {name}: the certificate would live {_span(facts.lifetime, maximum)}; ask for"
            f" {duration(maximum)} at the most{of}"
        )
        return (Reason("policy.rule.lifetime", text, clause),)

    return check


def _span(seconds: int, beside: int) -> str:
    """Days, begun ones counted (TLS BR 6.3.2), beside a number of whole days; else exactly."""
    return duration(seconds) if beside % DAY else f"{days_of(seconds)}d"


def _allow_check(name: str, allow: tuple[NamePattern, ...]) -> Check:
    covers, shown = NameSet(allow).covers, _shown(allow)

    def check(facts: Facts) -> tuple[Reason, ...]:
        outside = [one for one in facts.names if not covers(one)]
        return _refused([f"rule {name} allows {shown}, not {one}" for one in outside]) if outside else ()

    return check


def _deny_check(name: str, deny: tuple[NamePattern, ...]) -> Check:
    touches = NameSet(deny).touches

    def check(facts: Facts) -> tuple[Reason, ...]:
        denied = [one for one in facts.names if touches(one)]
        return _refused([f"rule {name} denies {one}; leave it out" for one in denied]) if denied else ()

    return check


def _convention_check(name: str, description: str, kind: IdentifierKind, expression: Expression) -> Check:
    matches = expression.matches
    text = f"does not follow the convention {expression.text}" + (f": {description}" if description else "")

    def check(facts: Facts) -> tuple[Reason, ...]:
        others = [one for one in facts.names if one.kind is kind and not matches(one.value)]
        return _refused([f"rule {name}: {one} {text}" for one in others]) if others else ()

    return check


def _refused(texts: Iterable[str]) -> tuple[Reason, ...]:
    return tuple([Reason("policy.rule.name", text) for text in texts])


def _shown(patterns: tuple[NamePattern, ...]) -> str:
    some = [f"{item.kind}:{item.pattern}" for item in patterns[:SHOWN]]
    return ", ".join(some) + (" and others" if len(patterns) > SHOWN else "")


# -- what is required ------------------------------------------------------------------------------


def _required_checks(name: str, required: Required) -> Iterator[Check]:
    if required.owner:
        text = f"rule {name} requires an owner; name who answers for this"
        yield _present(lambda facts: facts.owner, Reason("policy.rule.owner", text))
    if required.team:
        text = f"rule {name} requires a team; name the one this is for"
        yield _present(lambda facts: facts.team, Reason("policy.rule.team", text))
    for field in required.fields:
        yield _field_check(name, field)
    for oid in required.subject:
        yield _subject_check(name, oid)
    if required.validation is not Validation.NONE:
        yield _validation_check(name, required.validation)


def _present(value: Callable[[Facts], object], reason: Reason) -> Check:
    missing = (reason,)
    return lambda facts: () if value(facts) else missing


def _field_check(name: str, field: str) -> Check:
    reason = Reason("policy.rule.field", f"rule {name} requires the field {field}; fill it in")
    return _present(lambda facts: facts.fields.get(field), reason)


def _subject_check(name: str, oid: str) -> Check:
    text = f"rule {name} requires {short_name(oid)} in the subject; ask for it"
    return _present(lambda facts: facts.subject.values(oid), Reason("policy.rule.subject", text))


def _validation_check(name: str, required: Validation) -> Check:
    def check(facts: Facts) -> tuple[Reason, ...]:
        if facts.validation.reaches(required):
            return ()
        text = f"rule {name} requires validation {required}, and {facts.validation} was reached"
        return (Reason("policy.rule.validation", f"{text}; {what_to_do(facts.missing, required)}"),)

    return check


def what_to_do(missing: Mapping[Validation, tuple[str, ...]], required: Validation) -> str:
    """What stands before a level, as the rest of a line."""
    found = missing.get(required, ())
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more if found else "have it done"
