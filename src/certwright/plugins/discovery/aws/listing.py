"""What every service of an account has in common: it lists things, and tells what there is to see at each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ....core.audit import JsonValue

TEXTS_MAX = 100
"""Texts of one fact; a fact is no copy of the platform."""


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """Something with an ARN; `about` is what the list says of it already, or how it is asked for."""

    arn: str
    about: object = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen at a thing; `name` is that of its place, where it is not the thing's ARN."""

    chain: tuple[bytes, ...] = ()
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    name: str = ""
    problem: str = ""


class Service(Protocol):
    """One service in one region. Both raise as the account's methods do."""

    async def page(self, token: str) -> tuple[list[Thing], str]:
        """The things behind a token, empty for the first, and the token of what follows, empty for none."""

    async def look(self, thing: Thing) -> list[Sight]: ...


def facts_of(**facts: JsonValue) -> dict[str, JsonValue]:
    """Those that are known: texts and lists that are empty are not."""
    return {
        name: one[:TEXTS_MAX] if isinstance(one, list) else one
        for name, one in facts.items()
        if one not in ("", [], None)
    }
