"""Rules that leave nothing: whatever is asked for at some place, one of them refuses it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from .keys import KeyAlgorithm
from .rules import Rule, RuleSet
from .rules_conditions import NO_CONDITIONS, Conditions, matcher
from .rules_effects import Effect, Limits, Refusal

_PLACES = {"profiles": "profile", "authorities": "authority", "endpoints": "endpoint"}
_OTHERS = tuple([one.name for one in fields(Conditions) if one.name not in _PLACES])


@dataclass(frozen=True, slots=True)
class Place:
    """Where certificates are asked for. `endpoint` is empty for people; `keys` are those taken there."""

    profile: str
    authority: str
    endpoint: str
    keys: frozenset[KeyAlgorithm]


def shut_by(rules: RuleSet, place: Place) -> tuple[str, ...]:
    """Names of the rules that refuse every request there. One that looks at anything else is none of them,
    even if nobody could ever satisfy it."""
    return tuple(
        [rule.name for rule in rules.rules if _applies(rule, place) and _refuses(rule.effect, place)]
    )


def _applies(rule: Rule, place: Place) -> bool:
    """To everything there, surely."""
    if any(getattr(rule.when, name) not in ((), None) for name in _OTHERS):
        return False
    excepted = rule.unless != NO_CONDITIONS and all(_hold(rule.unless, place))
    return all(_hold(rule.when, place)) and not excepted


def _hold(conditions: Conditions, place: Place) -> Iterator[object]:
    """Of the conditions on places, those that are given."""
    for name, column in _PLACES.items():
        if patterns := getattr(conditions, name):
            yield matcher(patterns)(getattr(place, column))


def _refuses(effect: Effect, place: Place) -> bool:
    if isinstance(effect, Limits):
        return effect.keys is not None and not effect.keys & place.keys
    return isinstance(effect, Refusal)
