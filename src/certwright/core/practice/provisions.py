"""What the configuration lets us say, section by section; what it does not, no section is made for.

A policy says what is promised, a practice statement how: sections of `practice_only` are in a policy a
reference to the practice statement.
"""

from collections.abc import Mapping

from .document import Block, Kind
from .facts import Facts
from .introduction import introduction
from .life_cycle import life_cycle
from .management import management
from .technical import technical

_PRACTICE_ONLY = (
    "4.3.1",
    "5.4",
    "5.5",
    "6.2.6",
    "6.2.7",
    "6.2.8",
    "6.2.9",
    "6.2.10",
    "6.4",
    "6.5",
    "6.6",
    "6.7",
)


def provisions(facts: Facts, kind: Kind) -> Mapping[str, tuple[Block, ...]]:
    """Blocks by section number."""
    said = introduction(facts, kind) | life_cycle(facts) | management(facts) | technical(facts)
    if kind is Kind.CPS:
        return said
    elsewhere = f"See this section of the certification practice statement, {facts.practice_address}.html."
    return {number: (elsewhere,) if _practice_only(number) else blocks for number, blocks in said.items()}


def _practice_only(number: str) -> bool:
    return any(number == one or number.startswith(f"{one}.") for one in _PRACTICE_ONLY)
