"""Caching over HTTP: never past nextUpdate, and not sent again to who has it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.protocols import caching

NOW = datetime(2026, 6, 1, 12, 0, 0, 500_000, UTC)
UPDATED = datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)


def fields(next_update: datetime, keep_at_most: timedelta) -> dict[bytes, bytes]:
    return dict(caching.cache_headers(UPDATED, next_update, NOW, keep_at_most, b'"tag"'))


def test_an_answer_may_be_kept_until_its_next_update() -> None:
    assert fields(NOW + timedelta(hours=2), timedelta(days=9)) == {
        b"cache-control": b"max-age=7200, public, no-transform, must-revalidate",
        b"last-modified": b"Sun, 31 May 2026 23:59:59 GMT",
        b"expires": b"Mon, 01 Jun 2026 14:00:00 GMT",
        b"etag": b'"tag"',
    }


def test_a_shorter_time_may_be_set() -> None:
    assert fields(NOW + timedelta(hours=2), timedelta(seconds=60))[b"cache-control"].startswith(
        b"max-age=60,"
    )


@pytest.mark.parametrize("left", [timedelta(0), timedelta(milliseconds=999), timedelta(days=-1)])
def test_what_is_over_is_not_kept(left: timedelta) -> None:
    assert fields(NOW + left, timedelta(days=1)) == {b"cache-control": b"no-store"}


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_cache_never_keeps_an_answer_past_its_next_update(left: int, keep: int) -> None:
    found = fields(NOW + timedelta(milliseconds=left), timedelta(milliseconds=keep))
    if found != dict(caching.NOT_CACHEABLE):
        assert parsedate_to_datetime(found[b"expires"].decode()) <= NOW + timedelta(milliseconds=left)
        age = int(found[b"cache-control"].split(b",")[0].removeprefix(b"max-age="))
        assert 0 < age * 1000 <= min(left, keep)


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))
def test_dates_are_those_of_http(moment: datetime) -> None:
    assert caching.http_date(moment).decode() == format_datetime(moment, usegmt=True)


@pytest.mark.parametrize("value", [b'"tag"', b'W/"tag"', b'"a", "tag"', b'"a",W/"tag" ', b"*"])
def test_a_cache_that_has_the_answer_need_not_get_it_again(value: bytes) -> None:
    assert caching.not_modified(value, b'"tag"')


@pytest.mark.parametrize("value", [None, b"", b'"other"', b"tag", b'"TAG"', b'w/"tag"'])
def test_other_tags_do_not_match(value: bytes | None) -> None:
    assert not caching.not_modified(value, b'"tag"')


def test_a_tag_belongs_to_one_body() -> None:
    assert caching.entity_tag(b"a") != caching.entity_tag(b"b")
    assert caching.not_modified(caching.entity_tag(b"a"), caching.entity_tag(b"a"))


def test_a_date_alone_does_not_say_that_the_client_has_the_newest() -> None:
    date = (b"if-modified-since", b"Mon, 01 Jun 2037 00:00:00 GMT")
    assert not caching.unchanged({"headers": [date]}, b'"tag"')
    assert caching.unchanged({"headers": [date, (b"if-none-match", b'"tag"')]}, b'"tag"')
