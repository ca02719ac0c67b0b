"""Which certificate came after which, told by what is seen: the inventory has it from places alone.

What an authority of ours issues says itself what it replaces (RFC 9773 section 5, or a renewal); of others'
certificates one has taken the place of another where it is seen in its stead.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate at a place. `names` are its alternative names as text."""

    identifier: int
    not_before: datetime
    subject: str
    names: frozenset[str]

    def is_for_the_same(self, other: "Held") -> bool:
        """A name in common; of certificates without names the subject."""
        if self.names or other.names:
            return bool(self.names & other.names)
        return bool(self.subject) and self.subject == other.subject


def predecessor(new: Held, gone: Iterable[Held]) -> int | None:
    """The newest of those that went as `new` came, if it is older and for the same: a younger one that goes
    is a step back, and another server at the same address succeeds nobody. So no line runs in a circle."""
    older = [one for one in gone if one.not_before < new.not_before and one.is_for_the_same(new)]
    newest = max(older, key=lambda one: (one.not_before, one.identifier), default=None)
    return newest.identifier if newest else None
