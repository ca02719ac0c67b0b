"""The organisation's rules of issuance: data that a security officer writes, and one decision by all of them.

They come on top of what profile, endpoint and issuer permit (core/policy.py). Every rule that applies has its
effect, whatever the others say: a rule more never permits more. docs/reference/policy.md tells what can be
written; `rules_document` and `rules_toml` read and write it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .approval_steps import ApprovalStep
from .errors import Reason
from .rules_conditions import NO_CONDITIONS, Conditions, Test, applies
from .rules_effects import Approval, Check, Effect, Limits, check_of
from .rules_facts import Facts, Validation


@dataclass(frozen=True, slots=True)
class Rule:
    """Has its effect where all of `when` holds, and not all of `unless`. Empty: always; never."""

    name: str
    effect: Effect
    when: Conditions = NO_CONDITIONS
    unless: Conditions = NO_CONDITIONS
    description: str = ""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule made quick."""

    name: str
    applies: Test
    check: Check
    steps: tuple[ApprovalStep, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in their order, which is that of reasons and of approval steps. Made ready once, here."""

    rules: tuple[Rule, ...] = ()
    ready: tuple[_Ready, ...] = field(init=False, repr=False, compare=False)
    asks_validation: bool = field(init=False, repr=False, compare=False)
    """Whether any rule wants to know how far identity was checked."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ready", tuple(map(_make_ready, self.rules)))
        object.__setattr__(self, "asks_validation", any(map(_asks_validation, self.rules)))


def _make_ready(rule: Rule) -> _Ready:
    steps = rule.effect.steps if isinstance(rule.effect, Approval) else ()
    check = check_of(rule.name, rule.description, rule.effect)
    return _Ready(rule.name, applies(rule.when, rule.unless), check, steps)


def _asks_validation(rule: Rule) -> bool:
    asked = rule.when.validation_below or rule.unless.validation_below
    required = isinstance(rule.effect, Limits) and rule.effect.require.validation is not Validation.NONE
    return required or asked is not None


NO_RULES = RuleSet()


# -- the decision ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Allow:
    """No rule is against it."""


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """To be approved in these steps, one after the other; `rules` are the names of those that ask for it."""

    steps: tuple[ApprovalStep, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Every reason of every rule; `rules` are the names of those that have one."""

    reasons: tuple[Reason, ...]
    rules: tuple[str, ...]


Decision = Allow | NeedsApproval | Refuse
ALLOW = Allow()


def decide(rules: RuleSet, facts: Facts) -> Decision:
    """What all rules together say. A refusal weighs more than an approval; a step that two ask for is one."""
    reasons: list[Reason] = []
    steps: list[ApprovalStep] = []
    refusing, asking = [], []
    for rule in rules.ready:
        if rule.applies(facts):
            if found := rule.check(facts):
                reasons += found
                refusing.append(rule.name)
            elif rule.steps:
                steps += rule.steps
                asking.append(rule.name)
    if reasons:
        return Refuse(tuple(reasons), tuple(refusing))
    return NeedsApproval(tuple(dict.fromkeys(steps)), tuple(asking)) if steps else ALLOW


@dataclass(frozen=True, slots=True)
class Stopped:
    """An issuance that would not just happen, and why."""

    facts: Facts
    decision: NeedsApproval | Refuse


def stopped(rules: RuleSet, issuances: Iterable[Facts]) -> tuple[Stopped, ...]:
    """Which of these the rules would stop: refuse, or hold until somebody approves.

    For the certificates that the installation renews for itself (OCSP signers, listeners, authorities), where
    nobody is there to approve: rules that stop one of them are better not put in force.
    """
    decided = [(facts, decide(rules, facts)) for facts in issuances]
    return tuple([Stopped(facts, made) for facts, made in decided if not isinstance(made, Allow)])
