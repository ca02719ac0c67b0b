"""What has changed from one set of rules to another."""

from hypothesis import given

from certwright.core.rules import RuleSet
from certwright.core.rules_difference import ChangedField, ChangedRule, Difference, difference
from tests.core.toy_rules import rule, rule_sets, rules

OLD = rules(
    rule(name="gone"),
    rule(name="stays"),
    rule(name="changes", description="Before.", limits={"maximum_lifetime": "90d", "keys": ["ed25519"]}),
)


def test_rules_and_fields_by_name() -> None:
    new = rules(
        rule(name="comes"),
        rule(
            name="changes",
            when={"names": {"dns": [".a.test"]}},
            limits={"maximum_lifetime": "47d", "keys": ["ed25519"]},
        ),
        rule(name="stays"),
    )
    found = difference(OLD, new)
    assert found == Difference(
        (new.rules[0],),
        (OLD.rules[0],),
        (
            ChangedRule(
                "changes",
                (
                    ChangedField("description", "Before.", None),
                    ChangedField("limits.maximum_lifetime", "90d", "47d"),
                    ChangedField("when.names.dns", None, [".a.test"]),
                ),
            ),
        ),
        reordered=True,
    )
    assert found


def test_the_order_of_kinds_of_names_is_no_difference() -> None:
    one, other = {"dns": ["*"], "ip": ["*"]}, {"ip": ["*"], "dns": ["*"]}
    assert not difference(rules(rule(when={"names": one})), rules(rule(when={"names": other})))


@given(rule_sets(), rule_sets())
def test_both_ways_say_the_same(one: RuleSet, other: RuleSet) -> None:
    there, back = difference(one, other), difference(other, one)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert {rule.name for rule in there.changed} == {rule.name for rule in back.changed}
    assert there.reordered == back.reordered
    assert bool(there) == bool(back)


@given(rule_sets(), rule_sets())
def test_what_it_tells_makes_one_into_the_other(one: RuleSet, other: RuleSet) -> None:
    found = difference(one, other)
    gone, changed = {rule.name for rule in found.removed}, {rule.name for rule in found.changed}
    kept = {rule.name: rule for rule in one.rules if rule.name not in gone | changed}
    added = {rule.name: rule for rule in found.added}
    assert all(
        rule in (kept.get(rule.name), added.get(rule.name)) or rule.name in changed for rule in other.rules
    )
    assert not difference(one, one)
