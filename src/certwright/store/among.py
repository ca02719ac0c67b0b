"""Ask for many values at once, in few different questions, so that a database keeps the plan of each."""

from collections.abc import Sequence
from typing import Any

AT_ONCE = 500
_SIZES = (1, 10, 100, AT_ONCE)


def among(column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """SQL and parameters for the rows that have one of these values; at least one, at most AT_ONCE."""
    assert 0 < len(values) <= AT_ONCE, len(values)
    size = next(size for size in _SIZES if size >= len(values))
    filled = [*values, *[values[-1]] * (size - len(values))]
    return f'"{column}" IN ({", ".join("?" * size)})', filled
