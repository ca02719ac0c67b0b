"""How often each party may ask: what is promised holds, whatever the order of things and the clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import rates
from certwright.core.rates import PERIOD, Rates, network_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = st.integers(min_value=1, max_value=50)


def taken(counted: Rates, party: str, limit: int, now: datetime, tries: int) -> int:
    return sum(counted.take(party, limit, now) == 0 for _ in range(tries))


@given(limit=st.integers(min_value=1, max_value=1000))
def test_so_many_at_once(limit: int) -> None:
    assert taken(Rates(), "a", limit, NOW, limit + 3) == limit


@given(limit=LIMITS, pauses=st.lists(st.integers(min_value=0, max_value=4000), max_size=60))
def test_evenly_after_that(limit: int, pauses: list[int]) -> None:
    """Of any hour no more than what may be taken at once and what the hour brings."""
    counted, now, times = Rates(), NOW, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        times += [now] * taken(counted, "a", limit, now, 7)
    for begin in times:
        assert sum(begin <= at < begin + PERIOD for at in times) <= 2 * limit


@given(limit=LIMITS, tries=st.integers(min_value=0, max_value=120))
def test_who_waits_as_long_as_told_is_served(limit: int, tries: int) -> None:
    counted = Rates()
    taken(counted, "a", limit, NOW, tries)
    seconds = counted.take("a", limit, NOW)
    assert (seconds > 0) == (tries >= limit)
    if seconds:
        assert counted.take("a", limit, NOW + timedelta(seconds=seconds)) == 0
        assert seconds <= PERIOD / timedelta(seconds=1) / limit + 1


def test_each_party_has_its_own() -> None:
    counted = Rates()
    assert taken(counted, "a", 3, NOW, 5) == 3
    assert taken(counted, "b", 3, NOW, 5) == 3


def test_zero_is_no_limit() -> None:
    counted = Rates()
    assert taken(counted, "a", 0, NOW, 1000) == 1000
    assert taken(counted, "a", 2, NOW, 5) == 2


def test_a_clock_that_was_ahead_locks_nobody_out() -> None:
    counted = Rates()
    taken(counted, "a", 10, NOW + timedelta(days=3650), 20)
    assert 0 < counted.take("a", 10, NOW) <= 360


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The busiest stay known when strangers come in masses."""
    monkeypatch.setattr(rates, "PARTIES_MAX", 100)
    counted = Rates()
    taken(counted, "busy", 5, NOW, 5)
    for number in range(1000):
        assert counted.take(f"stranger {number}", 5, NOW) == 0
        assert len(counted._quiet_at) <= 100
    assert counted.take("busy", 5, NOW) > 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_network(address: str, network: str) -> None:
    assert network_of(address) == network
