"""Cursors without a list."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from certwright.api.paging import CURSOR_CHARACTERS_MAX, IDENTIFIER_MAX, read_cursor, write_cursor
from certwright.core.errors import Malformed
from tests.changed import changed

places = st.tuples(st.none() | st.datetimes(timezones=st.just(UTC)), st.integers(0, IDENTIFIER_MAX))


@given(places)
def test_a_cursor_is_read_as_it_was_written(place: tuple[datetime | None, int]) -> None:
    text = write_cursor(place)
    assert len(text) <= CURSOR_CHARACTERS_MAX
    assert read_cursor(text, by_time=place[0] is not None) == place


nearly = places.flatmap(lambda place: changed(write_cursor(place).encode()))


@given(st.text(max_size=250) | nearly.map(lambda octets: octets.decode("latin-1")), st.booleans())
def test_any_text_is_a_place_in_such_a_list_or_malformed(text: str, by_time: bool) -> None:
    try:
        at, identifier = read_cursor(text, by_time)
    except Malformed:
        return
    assert (at is not None) == by_time
    assert 0 <= identifier <= IDENTIFIER_MAX
