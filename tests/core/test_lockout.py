"""How long whoever fails must wait."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from certwright.core.lockout import Attempts, Limits, counted, forgiven, wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(3, timedelta(seconds=10), timedelta(seconds=35))


def failing(times: int, limits: Limits = LIMITS, now: datetime = NOW) -> Attempts:
    attempts = Attempts()
    for _ in range(times):
        attempts = counted(attempts, limits, now)
    return attempts


def test_waits_grow_to_a_bound() -> None:
    waits = [wait(failing(times), LIMITS, NOW).total_seconds() for times in range(8)]
    assert waits == [0, 0, 0, 10, 20, 35, 35, 35]


@given(st.integers(0, 10_000), st.integers(1, 100), st.integers(1, 3600), st.integers(1, 86_400))
def test_no_wait_is_longer_than_the_longest(times: int, free: int, first: int, longest: int) -> None:
    limits = Limits(free, timedelta(seconds=first), timedelta(seconds=longest))
    after = counted(Attempts(times), limits, NOW)
    assert timedelta(0) <= wait(after, limits, NOW) <= limits.longest
    assert wait(after, limits, NOW + limits.longest) == timedelta(0)
    assert bool(wait(after, limits, NOW)) == (times + 1 >= free)


@given(st.integers(1, 50))
def test_what_is_forgiven_was_not_counted(times: int) -> None:
    before = failing(times)
    assert forgiven(counted(before, LIMITS, NOW)) == Attempts(before.failures)
    assert forgiven(Attempts()) == Attempts()


def test_a_clock_that_was_ahead_locks_nobody_out() -> None:
    ahead = failing(9, now=NOW + timedelta(days=900))
    assert wait(ahead, LIMITS, NOW) == timedelta(0)
