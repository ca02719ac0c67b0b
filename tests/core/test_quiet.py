"""Quiet times: what can be written, and when they hold."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.quiet import DAYS, is_quiet, parse_quiet

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


def at(text: str, day: int = 0) -> datetime:
    hours, minutes = map(int, text.split(":"))
    return MONDAY + timedelta(days=day, hours=hours, minutes=minutes)


@pytest.mark.parametrize(
    ("spans", "moment", "quiet"),
    [
        (["08:00-18:00"], at("08:00"), True),
        (["08:00-18:00"], at("07:59"), False),
        (["08:00-18:00"], at("18:00", 6), False),
        (["22:00-05:00"], at("23:00"), True),
        (["22:00-05:00"], at("04:59"), True),
        (["22:00-05:00"], at("05:00"), False),
        (["mon-fri 08:00-18:00"], at("12:00", 4), True),
        (["mon-fri 08:00-18:00"], at("12:00", 5), False),
        (["fri-mon 08:00-18:00"], at("12:00", 6), True),
        (["fri-mon 08:00-18:00"], at("12:00", 1), False),
        (["sun 22:00-05:00"], at("03:00"), True),
        (["mon 22:00-05:00"], at("03:00"), False),
        (["mon 00:00-00:00"], at("13:00"), True),
        ([], at("13:00"), False),
        (["08:00-09:00", "11:00-12:00"], at("11:30"), True),
    ],
)
def test_when_it_is_quiet(spans: list[str], moment: datetime, quiet: bool) -> None:
    assert is_quiet(parse_quiet(spans), moment) is quiet
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    assert is_quiet(parse_quiet(spans), elsewhere) is quiet


@pytest.mark.parametrize("text", ["", "8:00-18:00", "08:00", "24:00-01:00", "xyz 08:00-09:00", "08:00-09:60"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(Malformed, match="quiet time"):
        parse_quiet([text])


def test_they_are_bounded() -> None:
    with pytest.raises(Malformed, match="at most"):
        parse_quiet(["08:00-09:00"] * 21)


@given(
    st.sampled_from(DAYS),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.integers(0, 7 * 1440 - 1),
)
def test_a_span_is_as_long_as_it_says(day: str, begin: int, end: int, minute: int) -> None:
    spans = parse_quiet([f"{day} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"])
    first = DAYS.index(day) * 1440 + begin
    length = (end - begin) % 1440 or 1440
    inside = (minute - first) % (7 * 1440) < length
    assert is_quiet(spans, MONDAY + timedelta(minutes=minute)) is inside
