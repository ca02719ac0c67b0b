"""What only the full run does, since the short one shows the same smaller."""

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_full(values: Iterable[Any], *short: Any) -> list[Any]:
    """Values to parametrize with, of which the short run takes those in `short`."""
    return [one if one in short else _in_full(one) for one in values]


def _in_full(value: Any) -> Any:
    """A tuple has a value for each of several names."""
    values = value if isinstance(value, tuple) else (value,)
    return pytest.param(*values, marks=pytest.mark.full)
