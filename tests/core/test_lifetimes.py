"""How days are counted, and the schedule by which public TLS certificates get shorter."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.lifetimes import DAY, TLS_SCHEDULE, days_of, lifetime_of

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("since", "before", "days"),
    [
        ((2026, 3, 15), 398, 200),
        ((2027, 3, 15), 200, 100),
        ((2029, 3, 15), 100, 47),
        ((2020, 9, 1), 825, 398),
    ],
)
def test_the_schedule_of_the_forum(since: tuple[int, int, int], before: int, days: int) -> None:
    first = datetime(*since, tzinfo=UTC)
    assert TLS_SCHEDULE.maximum(first) == days * DAY
    assert TLS_SCHEDULE.maximum(first - SECOND) == before * DAY


def test_it_goes_on() -> None:
    assert TLS_SCHEDULE.maximum(datetime(9999, 12, 31, tzinfo=UTC)) == 47 * DAY
    assert TLS_SCHEDULE.maximum(datetime(1970, 1, 1, tzinfo=UTC)) == 825 * DAY


@pytest.mark.parametrize(
    ("not_after", "seconds", "days"),
    [
        (datetime(2026, 3, 15), 1, 1),
        (datetime(2026, 3, 15, 23, 59, 59), DAY, 1),
        (datetime(2026, 3, 16), DAY + 1, 2),
        (datetime(2026, 3, 15, 23, 59, 59, 1), DAY + 1, 2),
        (datetime(2026, 6, 12, 23, 59, 59), 90 * DAY, 90),
    ],
)
def test_both_ends_are_part_of_it(not_after: datetime, seconds: int, days: int) -> None:
    assert lifetime_of(datetime(2026, 3, 15), not_after) == seconds
    assert days_of(seconds) == days


@given(st.integers(min_value=1, max_value=10**9))
def test_a_begun_day_is_a_day(seconds: int) -> None:
    assert (days_of(seconds) - 1) * DAY < seconds <= days_of(seconds) * DAY
