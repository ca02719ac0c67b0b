from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.moments import read_moment

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=offsets))
def test_a_time_with_a_zone_is_read_in_utc(at: datetime) -> None:
    read = read_moment(at.isoformat(), "--since")
    assert read == at
    assert read.tzinfo is UTC


def test_without_a_zone_it_is_refused_or_utc() -> None:
    assert read_moment("2026-01-31", "since", zone_needed=False) == datetime(2026, 1, 31, tzinfo=UTC)
    with pytest.raises(Malformed, match="since: '2026-01-31' has no time zone"):
        read_moment("2026-01-31", "since")


@given(st.text(max_size=60) | st.datetimes(timezones=offsets).map(datetime.isoformat), st.booleans())
@example("0001-01-01T00:00:00+14:00", False)
@example("9999-12-31T23:59:59-14:00", False)
@example("2026-01-31T12:00:00\udc80", True)
def test_any_text_is_a_time_in_utc_or_refused(text: str, zone_needed: bool) -> None:
    try:
        read = read_moment(text, "since", zone_needed=zone_needed)
    except Malformed:
        return
    assert read.tzinfo is UTC
