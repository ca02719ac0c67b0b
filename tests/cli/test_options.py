"""What is given to options, whatever it is, is a value or one clear refusal."""

import contextlib
from datetime import UTC, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certwright.cli.options import DURATION_SECONDS_MAX, parse_duration, parse_moment
from certwright.core.documents import duration
from certwright.core.errors import Malformed

ARGUMENTS = st.text(max_size=40) | st.binary(max_size=40).map(
    lambda octets: octets.decode("utf-8", "surrogateescape")
)


minutes = st.integers(0, DURATION_SECONDS_MAX // 60).map(lambda count: 60 * count)


@given(st.integers(0, 999_999_999) | minutes)  # ten digits are more than a duration may have
def test_a_duration_is_read_as_it_is_written(seconds: int) -> None:
    assert parse_duration("expires", duration(seconds)) == timedelta(seconds=seconds)


@given(ARGUMENTS | st.from_regex(r"[0-9]{1,12}[smhd]", fullmatch=True))
@example("999999999d")
def test_any_text_is_a_duration_within_a_century_or_refused(text: str) -> None:
    try:
        found = parse_duration("expires", text)
    except Malformed:
        return
    assert timedelta(0) <= found <= timedelta(days=36525)


@given(ARGUMENTS)
@example("0001-01-01T00:00:00+14:00")
def test_any_text_is_a_moment_in_utc_or_refused(text: str) -> None:
    with contextlib.suppress(Malformed):
        assert parse_moment("since", text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31T00:00:00", "2026-01-31T02:00:00+02:00"])
def test_a_day_is_a_day_in_utc(text: str) -> None:
    assert parse_moment("since", text) == parse_moment("since", "2026-01-31T00:00:00Z")
