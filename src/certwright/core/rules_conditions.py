"""When a rule of the issuance policy applies: conditions as data, and as one quick question.

All conditions given must hold; of the values within one, any will do.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from .names import Identifier, IdentifierKind
from .policy import NamePattern, NameSet
from .rules_facts import Facts, Validation

Test = Callable[[Facts], object]
Matcher = Callable[[str], object]
"""Questions about an issuance and about a text; the answers count as true or false."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Empty is not asked for. In texts, `*` stands for any characters; no text matches what is without.

    `names` asks whether one name at least is of these, or a wildcard that stands for one that is;
    `all_names` whether there are names, each one of these. `wildcard` asks whether there is a wildcard name.
    `validation_below` asks whether the identity was not checked as far as that level.
    `fields` are pairs of a custom field and values. `since` is the first moment, `until` the first no longer.
    """

    profiles: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    requesters: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()
    names: tuple[NamePattern, ...] = ()
    all_names: tuple[NamePattern, ...] = ()
    wildcard: bool | None = None
    validation_below: Validation | None = None
    since: datetime | None = None
    until: datetime | None = None


NO_CONDITIONS = Conditions()

# spelt out, since a column that is looked up by its name costs twice as much
_TEXT_TESTS: dict[str, Callable[[Matcher], Test]] = {
    "profiles": lambda matches: lambda facts: matches(facts.profile),
    "authorities": lambda matches: lambda facts: matches(facts.authority),
    "endpoints": lambda matches: lambda facts: matches(facts.endpoint),
    "origins": lambda matches: lambda facts: matches(facts.origin),
    "teams": lambda matches: lambda facts: matches(facts.team),
    "requesters": lambda matches: lambda facts: matches(facts.requester),
    "tags": lambda matches: lambda facts: any(map(matches, facts.tags)),
}
TEXTS = tuple(_TEXT_TESTS)
"""Names of the conditions on texts."""


def applies(when: Conditions, unless: Conditions) -> Test:
    """Do all conditions of `when` hold, and not all of `unless`? Without conditions: always; never."""
    tests = tuple(_tests(when))
    if unless != NO_CONDITIONS:
        exceptions = _all(tuple(_tests(unless)))
        tests = (*tests, lambda facts: not exceptions(facts))
    return _all(tests)


def _all(tests: tuple[Test, ...]) -> Test:
    if not tests:
        return lambda facts: True
    first, *others = tests
    if not others:
        return first
    rest = _all(tuple(others))
    return lambda facts: first(facts) and rest(facts)


def _tests(conditions: Conditions) -> Iterator[Test]:
    """One for each condition that is given, the cheap ones first."""
    for name, test in _TEXT_TESTS.items():
        if patterns := getattr(conditions, name):
            yield test(matcher(patterns))
    if (since := conditions.since) is not None:
        yield lambda facts: facts.at >= since
    if (until := conditions.until) is not None:
        yield lambda facts: facts.at < until
    for name, values in conditions.fields:
        yield _field_test(name, matcher(values))
    if conditions.wildcard is not None:
        wildcard = conditions.wildcard
        yield lambda facts: _has_wildcard(facts.names) is wildcard
    if (least := conditions.validation_below) is not None:
        yield lambda facts: not facts.validation.reaches(least)
    if conditions.names:
        touches = NameSet(conditions.names).touches
        yield lambda facts: any(map(touches, facts.names))
    if conditions.all_names:
        covers = NameSet(conditions.all_names).covers
        yield lambda facts: bool(facts.names) and all(map(covers, facts.names))


def _field_test(name: str, matches: Matcher) -> Test:
    return lambda facts: matches(facts.fields.get(name, ""))


def _has_wildcard(names: tuple[Identifier, ...]) -> bool:
    return any(name.kind is IdentifierKind.DNS and name.value.startswith("*.") for name in names)


def matcher(patterns: tuple[str, ...]) -> Matcher:
    """Is a text one of these? `*` stands for any characters; empty text is none of them."""
    if not any("*" in pattern for pattern in patterns):
        return frozenset(patterns).__contains__
    choices = "|".join(map(_glob, patterns))
    return re.compile(rf"(?!\Z)(?:{choices})", re.DOTALL).fullmatch


def _glob(pattern: str) -> str:
    """Atomic groups take the first place where a part fits and never come back, so that time is bounded."""
    first, *rest = map(re.escape, pattern.split("*"))
    if not rest:
        return first
    return first + "".join([f"(?>.*?{part})" for part in rest[:-1]]) + f".*{rest[-1]}"
