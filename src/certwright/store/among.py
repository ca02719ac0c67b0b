"""Ask for many values at once, in few different questions, so that a database keeps the plan of each."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

AT_ONCE = 500
_SIZES = (1, 10, 100, AT_ONCE)
Value = TypeVar("Value")


def among(column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """SQL and parameters for the rows that have one of these values; at least one, at most AT_ONCE."""
    assert 0 < len(values) <= AT_ONCE, len(values)
    size = next(size for size in _SIZES if size >= len(values))
    filled = [*values, *[values[-1]] * (size - len(values))]
    return f'"{column}" IN ({", ".join("?" * size)})', filled


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """As many as can be asked for at once, one part after the other."""
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))
