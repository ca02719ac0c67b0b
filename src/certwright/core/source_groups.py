"""What the groups of somebody who logs in from elsewhere give them: roles within scopes, and teams. Pure.

The settings map the name of a group to *gifts*: `ROLE` (within everything), `ROLE@SCOPE`, or `team:NAME`.
Names of groups are compared octet by octet; who reads a source that knows no case lowers both sides before.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .access import EVERYTHING, GIVEN_ROLES, SCOPES, Grant, Role
from .errors import Malformed
from .people_names import check_team_name

TEAM = "team:"
Thing = TypeVar("Thing", Grant, str)


@dataclass(frozen=True, slots=True)
class Gifts:
    """Roles, and names of teams."""

    grants: frozenset[Grant] = frozenset()
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Difference(Generic[Thing]):
    """What must come and what must go, each in order, so that the same input makes the same record."""

    given: tuple[Thing, ...]
    taken: tuple[Thing, ...]


def gifts(rules: Mapping[str, Iterable[str]], groups: Collection[str]) -> Gifts:
    """What these groups give by these rules. Groups that no rule names give nothing. Raises Malformed for a
    rule that is none."""
    texts = {text for group in groups for text in rules.get(group, ())}
    read = [read_gift(text) for text in texts]
    return Gifts(
        frozenset(one for one in read if isinstance(one, Grant)),
        frozenset(one for one in read if isinstance(one, str)),
    )


def read_gift(text: str) -> Grant | str:
    """A grant, or the name of a team. Raises Malformed naming what a gift may be."""
    if text.startswith(TEAM):
        team = text.removeprefix(TEAM)
        check_team_name(team)
        return team
    role, at, scope = text.partition("@")
    if role not in GIVEN_ROLES:
        raise Malformed(
            f"{text[:80]!r} is no role and no team: write a role ({', '.join(GIVEN_ROLES)}), "
            "ROLE@SCOPE, or team:NAME"
        )
    if at and (scope.partition(":")[0] not in SCOPES or not scope.partition(":")[2]):
        raise Malformed(f"{scope[:80]!r} is no scope: one of {', '.join(SCOPES)}, a colon, and a name")
    return Grant(Role(role), scope if at else EVERYTHING)


def difference(had: Collection[Thing], wanted: Collection[Thing]) -> Difference[Thing]:
    """How to come from what somebody had from their source to what it gives now."""
    return Difference(
        tuple(sorted(set(wanted) - set(had), key=str)), tuple(sorted(set(had) - set(wanted), key=str))
    )
