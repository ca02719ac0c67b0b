"""Which authorities the rules of issuance allow for a certificate that is there already, whoever issued it.

Only rules that refuse and that name authorities speak of this, and of them only those whose other conditions
can be answered by the certificate itself: its names and its team. By whom it was asked for, how, under which
profile and with which tags is not known of certificates of others, and a rule that asks for that is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .rules import RuleSet
from .rules_conditions import NO_CONDITIONS, Conditions, Test, applies
from .rules_effects import Refusal
from .rules_facts import StoredFacts


@dataclass(frozen=True, slots=True)
class AuthorityRule:
    name: str
    applies: Test


def authority_rules(rules: RuleSet) -> tuple[AuthorityRule, ...]:
    """Those that say which authorities may issue something."""
    return tuple(
        AuthorityRule(rule.name, applies(rule.when, rule.unless))
        for rule in rules.rules
        if isinstance(rule.effect, Refusal)
        and (rule.when.authorities or rule.unless.authorities)
        and _can_be_answered(rule.when)
        and _can_be_answered(rule.unless)
    )


def _can_be_answered(conditions: Conditions) -> bool:
    asked = replace(conditions, authorities=(), teams=(), names=(), all_names=(), wildcard=None)
    return asked == NO_CONDITIONS


def refusing_rule(rules: Sequence[AuthorityRule], facts: StoredFacts) -> str:
    """The name of the first rule that does not let this authority issue it, empty for none."""
    return next((rule.name for rule in rules if rule.applies(facts)), "")
