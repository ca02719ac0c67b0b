"""What only the full run does, since the short one shows the same smaller."""

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_full(values: Iterable[Any], *short: Any) -> list[Any]:
    """Values to parametrize with, of which the short run takes those in `short`."""
    return [one if one in short else pytest.param(one, marks=pytest.mark.full) for one in values]
