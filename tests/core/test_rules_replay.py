"""Replay: judging many at once says what deciding each alone would."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certwright.core.rules import NO_RULES, RuleSet, decide
from certwright.core.rules_facts import IssuanceFacts
from certwright.core.rules_replay import Change, Judge, Outcome, asked, compare
from tests.core.toy_rules import facts, issuances, named, rule, rule_sets, rules, stored

STEP, OTHER = {"step": "pki", "from": ["role:ra-officer"]}, {"step": "board", "from": ["team:board"]}
REFUSES, ASKS, ASKS_OTHER = rules(rule()), rules(rule(approval=[STEP])), rules(rule(approval=[OTHER]))

CHANGES = (
    (NO_RULES, NO_RULES, Change.NONE),
    (NO_RULES, REFUSES, Change.REFUSED),
    (ASKS, REFUSES, Change.REFUSED),
    (REFUSES, REFUSES, Change.NONE),
    (NO_RULES, ASKS, Change.APPROVAL),
    (ASKS, ASKS, Change.NONE),
    (ASKS, ASKS_OTHER, Change.OTHER_APPROVAL),
    (REFUSES, ASKS, Change.NO_LONGER_REFUSED),
    (REFUSES, NO_RULES, Change.NO_LONGER_REFUSED),
    (ASKS, NO_RULES, Change.NO_LONGER_APPROVAL),
)


@pytest.mark.parametrize(("old", "new", "change"), CHANGES)
def test_what_changes(old: RuleSet, new: RuleSet, change: Change) -> None:
    verdict = compare(decide(old, facts()), decide(new, facts()))
    assert verdict.change is change
    assert verdict.rules == (() if change is Change.NONE else ("toy",))
    judge = Judge(old, new)
    assert judge.verdicts[judge.judge(0, facts)] == verdict


def test_the_cause_is_told() -> None:
    old = rules(rule(name="a", approval=[STEP]), rule(name="b", when={"teams": ["other"]}))
    new = rules(rule(name="c"), rule(name="a", approval=[STEP]), rule(name="d", limits={"keys": ["ed25519"]}))
    judge = Judge(old, new)
    verdict = judge.verdicts[judge.judge(0, facts)]
    assert (verdict.before, verdict.after) == (Outcome.APPROVAL, Outcome.REFUSED)
    assert verdict.rules == ("c", "d")


def test_names_are_looked_at_one_by_one() -> None:
    judge = Judge(NO_RULES, rules(rule(when={"names": {"dns": [".pay.test"]}})))
    some = [named("dns:a.pay.test"), named("dns:b.test"), named("dns:b.pay.test")]
    found = [judge.verdicts[judge.judge("alike", lambda one=one: one)].change for one in some]  # type: ignore[misc]
    assert found == [Change.REFUSED, Change.NONE, Change.REFUSED]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certwright.core.rules_replay.ALIKE_MAX", 3)
    judge = Judge(NO_RULES, rules(rule(when={"teams": ["1"]})))
    for number in [*range(5), *range(5)]:
        verdict = judge.verdicts[judge.judge(number, lambda number=number: facts(team=str(number)))]  # type: ignore[misc]
        assert (verdict.change is Change.REFUSED) is (number == 1)


class Watched:
    """Facts that note which of them were looked at."""

    def __init__(self, of: IssuanceFacts) -> None:
        self.of, self.looked = of, set[str]()

    def __getattr__(self, name: str) -> object:
        self.looked.add(name)
        return getattr(self.of, name)


@settings(max_examples=30)
@given(rule_sets(), st.lists(issuances(), max_size=5))
def test_what_rules_look_at_is_known(some: RuleSet, all_facts: list[IssuanceFacts]) -> None:
    for one in all_facts:
        watched = Watched(one)
        decide(some, watched)  # type: ignore[arg-type]
        in_words = {"missing"}  # why it is no further validated: of what is on record that is told of none
        assert watched.looked - in_words <= asked(some.rules)


@settings(max_examples=30)
@given(rule_sets(), rule_sets(), st.lists(issuances(), max_size=10), st.data())
def test_judging_many_is_deciding_each(
    old: RuleSet, new: RuleSet, all_facts: list[IssuanceFacts], data: st.DataObject
) -> None:
    """Also where the draft keeps some of the rules, in another order perhaps."""
    kept = data.draw(st.permutations(old.rules)) if data.draw(st.booleans()) else []
    others = [one for one in new.rules if one.name not in {rule.name for rule in kept}]
    draft = RuleSet((*kept, *others))
    judge = Judge(old, draft)
    for one in [*all_facts, *all_facts]:
        alike = tuple([_value(one, name) for name in sorted(judge.asks - {"names", "subject"})])
        verdict = judge.verdicts[judge.judge(alike, lambda one=one: stored(one))]  # type: ignore[misc]
        assert verdict == compare(decide(old, one), decide(draft, one))


def _value(of: IssuanceFacts, name: str) -> object:
    value = getattr(of, name)
    return tuple(sorted(value.items())) if name == "fields" else value
