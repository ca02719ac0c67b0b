"""Few wait for others at once; the next is told so."""

from contextlib import ExitStack

import pytest

from certwright.console.login.waiting import AT_ONCE, waiting_for_others
from certwright.core.errors import Unavailable


def test_places_are_few_and_given_back() -> None:
    for _ in range(2):
        with ExitStack() as stack:
            for _ in range(AT_ONCE):
                stack.enter_context(waiting_for_others())
            with pytest.raises(Unavailable, match="try again"):
                stack.enter_context(waiting_for_others())
