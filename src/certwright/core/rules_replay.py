"""What other rules would do to issuances that are on record: both sets judge each, and the answers compare.

A million certificates have few answers between them. A rule that looks at neither names nor subject is asked
once for all that are alike in the rest; a rule that stands in both sets is asked once for both.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from .approval_steps import ApprovalStep
from .rules import Allow, Decision, NeedsApproval, Refuse, Rule, RuleSet
from .rules_effects import Approval, Limits
from .rules_facts import Facts

ALIKE_MAX = 100_000
"""How many kinds of issuances are remembered."""
OF_ITS_OWN = frozenset({"names", "subject"})
"""Facts in which hardly two certificates are alike."""


class Change(StrEnum):
    """What would become of an issuance that was judged by the old rules, under the new ones."""

    NONE = "unchanged"
    REFUSED = "refused"
    APPROVAL = "approval"
    OTHER_APPROVAL = "other-approval"
    NO_LONGER_REFUSED = "no-longer-refused"
    NO_LONGER_APPROVAL = "no-longer-approval"


class Outcome(StrEnum):
    ALLOWED = "allowed"
    APPROVAL = "approval"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rules` are those whose doing the change is: new ones, or old ones of what is no longer so."""

    change: Change
    before: Outcome
    after: Outcome
    rules: tuple[str, ...]


def compare(before: Decision, after: Decision) -> Verdict:
    """The verdict on one issuance, by what both sets of rules decide on it."""
    outcomes, change = (_outcome(before), _outcome(after)), _change(before, after)
    if change is Change.NONE:
        return Verdict(change, *outcomes, ())
    lifted = change in (Change.NO_LONGER_REFUSED, Change.NO_LONGER_APPROVAL)
    cause = before if lifted else after
    return Verdict(change, *outcomes, () if isinstance(cause, Allow) else cause.rules)


def _outcome(decision: Decision) -> Outcome:
    if isinstance(decision, Refuse):
        return Outcome.REFUSED
    return Outcome.APPROVAL if isinstance(decision, NeedsApproval) else Outcome.ALLOWED


def _change(before: Decision, after: Decision) -> Change:
    if isinstance(after, Refuse):
        return Change.NONE if isinstance(before, Refuse) else Change.REFUSED
    if isinstance(before, Refuse):
        return Change.NO_LONGER_REFUSED
    if isinstance(after, NeedsApproval):
        if not isinstance(before, NeedsApproval):
            return Change.APPROVAL
        return Change.NONE if before.steps == after.steps else Change.OTHER_APPROVAL
    return Change.NO_LONGER_APPROVAL if isinstance(before, NeedsApproval) else Change.NONE


# -- which facts rules look at ---------------------------------------------------------------------

_CONDITIONS = {
    "profiles": "profile",
    "authorities": "authority",
    "endpoints": "endpoint",
    "origins": "origin",
    "teams": "team",
    "requesters": "requester",
    "tags": "tags",
    "fields": "fields",
    "names": "names",
    "all_names": "names",
    "wildcard": "names",
    "since": "at",
    "until": "at",
}


def asked(rules: Iterable[Rule]) -> frozenset[str]:
    """Names of the facts that one of the rules looks at, as `rules_facts.IssuanceFacts` has them."""
    return frozenset().union(*map(_asked, rules))


def _asked(rule: Rule) -> set[str]:
    given = [
        fact
        for conditions in (rule.when, rule.unless)
        for condition, fact in _CONDITIONS.items()
        if getattr(conditions, condition) not in ((), None)
    ]
    return {*given, *(_asked_by_limits(rule.effect) if isinstance(rule.effect, Limits) else ())}


def _asked_by_limits(limits: Limits) -> list[str]:
    required = limits.require
    looks = {
        "algorithm": limits.keys is not None,
        "lifetime": limits.maximum_lifetime is not None,
        "at": limits.maximum_lifetime is not None,
        "names": limits.allow is not None or limits.deny or limits.conventions,
        "owner": required.owner,
        "team": required.team,
        "fields": required.fields,
        "subject": required.subject,
        "validation": required.validation,
    }
    return [fact for fact, looked in looks.items() if looked]


# -- judging many ----------------------------------------------------------------------------------


class Judge:
    """Judges issuances one after the other, as `compare` of two decisions would.

    `verdicts` are those given so far; `judge` gives a place among them. `asks` are the facts it looks at.
    """

    def __init__(self, old: RuleSet, new: RuleSet) -> None:
        distinct = list(dict.fromkeys([*old.rules, *new.rules]))
        self._rules, self._ready = distinct, RuleSet(tuple(distinct)).ready
        self._old, self._new = _places(distinct, old), _places(distinct, new)
        own = {number for number, rule in enumerate(distinct) if asked([rule]) & OF_ITS_OWN}
        self._own = [number for number in range(len(distinct)) if number in own]
        self._alike = [number for number in range(len(distinct)) if number not in own]
        self._remembered: dict[Hashable, tuple[int, int]] = {}
        self._known: dict[tuple[int, int], int] = {}
        self.asks = asked(distinct)
        self.verdicts: list[Verdict] = []

    def judge(self, alike: Hashable, facts: Callable[[], Facts]) -> int:
        """The number of its verdict. Where `alike` is equal, all facts but names and subject must be."""
        made: Facts | None = None
        answers = self._remembered.get(alike)
        if answers is None:
            made = facts()
            answers = self._remember(alike, self._answers(self._alike, made))
        if self._own:
            refusing, asking = self._answers(self._own, made or facts())
            answers = answers[0] | refusing, answers[1] | asking
        known = self._known.get(answers)
        return self._new_verdict(answers) if known is None else known

    def _remember(self, alike: Hashable, answers: tuple[int, int]) -> tuple[int, int]:
        if len(self._remembered) >= ALIKE_MAX:
            self._remembered.clear()
        self._remembered[alike] = answers
        return answers

    def _answers(self, numbers: list[int], facts: Facts) -> tuple[int, int]:
        """Which of these rules refuse and which ask for approval, a bit for each."""
        refusing = asking = 0
        for number in numbers:
            rule = self._ready[number]
            if rule.applies(facts):
                if rule.check(facts):
                    refusing |= 1 << number
                elif rule.steps:
                    asking |= 1 << number
        return refusing, asking

    def _new_verdict(self, answers: tuple[int, int]) -> int:
        verdict = compare(self._decision(self._old, *answers), self._decision(self._new, *answers))
        self.verdicts.append(verdict)
        self._known[answers] = len(self.verdicts) - 1
        return self._known[answers]

    def _decision(self, places: list[int], refusing: int, asking: int) -> Decision:
        """As `rules.decide` has it, without the reasons."""
        refuse = [self._rules[place].name for place in places if refusing >> place & 1]
        if refuse:
            return Refuse((), tuple(refuse))
        asks = [self._rules[place] for place in places if asking >> place & 1]
        steps: list[ApprovalStep] = [
            step for rule in asks if isinstance(rule.effect, Approval) for step in rule.effect.steps
        ]
        if not steps:
            return Allow()
        return NeedsApproval(tuple(dict.fromkeys(steps)), tuple([rule.name for rule in asks]))


def _places(distinct: list[Rule], rules: RuleSet) -> list[int]:
    """Where a set's rules stand among all, in the set's order."""
    where = {rule: number for number, rule in enumerate(distinct)}
    return [where[rule] for rule in rules.rules]
