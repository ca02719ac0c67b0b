"""What has changed from one set of rules to another, for the page that shows their history."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .rules import Rule, RuleSet
from .rules_document import rule_to_document


@dataclass(frozen=True, slots=True)
class ChangedField:
    """`path` as documents have it, `limits.names.allow.dns`; values as in documents, None where absent."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ChangedRule:
    name: str
    fields: tuple[ChangedField, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """In the order of the rules; `reordered` when those that stay have another order. False for none."""

    added: tuple[Rule, ...]
    removed: tuple[Rule, ...]
    changed: tuple[ChangedRule, ...]
    reordered: bool

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.reordered)


def difference(old: RuleSet, new: RuleSet) -> Difference:
    """What to do to `old` to have `new`. A rule under another name is one removed and one added."""
    before = {rule.name: rule for rule in old.rules}
    after = {rule.name: rule for rule in new.rules}
    stay = [name for name in after if name in before]
    changed = [_changed(before[name], after[name]) for name in stay]
    return Difference(
        tuple([rule for name, rule in after.items() if name not in before]),
        tuple([rule for name, rule in before.items() if name not in after]),
        tuple([rule for rule in changed if rule.fields]),
        stay != [name for name in before if name in after],
    )


def _changed(old: Rule, new: Rule) -> ChangedRule:
    before, after = dict(_leaves("", rule_to_document(old))), dict(_leaves("", rule_to_document(new)))
    paths = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    return ChangedRule(
        new.name, tuple([ChangedField(path, before.get(path), after.get(path)) for path in paths])
    )


def _leaves(path: str, table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(f"{path}{name}.", value)
        else:
            yield path + name, value
