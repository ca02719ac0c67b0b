"""When connections may begin, on a clock that the test turns."""

from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.plugins.discovery import pacing
from certwright.plugins.discovery.pacing import SHORT, SLOWEST, Pace, network_of

HERE, ELSEWHERE = ip_address("192.0.2.1"), ip_address("198.51.100.1")


def pace(rate: float = 1e9, network_rate: float = 10.0, jitter: float = 0.0) -> Pace:
    return Pace(rate, network_rate, jitter, Random(7))


def interval(of: Pace, now: float) -> float:
    """Seconds between two connections to the same network, from a moment on at which it is idle."""
    first = of.reserve(HERE, now)
    return of.reserve(HERE, now) - first


def tell(of: Pace, *answers: bool) -> None:
    for answered in answers:
        of.ended(HERE, answered)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("0.0.2.1", "::2:0", False),
    ],
)
def test_networks(one: str, other: str, same: bool) -> None:
    assert (network_of(ip_address(one)) == network_of(ip_address(other))) is same


@given(st.floats(1, 10_000), st.floats(0, 1))
def test_the_overall_rate_is_kept(rate: float, jitter: float) -> None:
    of, now, begun = pace(rate, jitter=jitter), 100.0, 0
    while now < 100.0 + 50 / rate:
        wait = of.wait(now)
        if wait:
            now += wait
        else:
            of.begun(HERE, now)
            begun += 1
    assert 20 <= begun <= 90 + rate * pacing.BURST_SECONDS


def test_each_network_has_a_pace_of_its_own() -> None:
    of = pace()
    assert [round(of.reserve(HERE, 5.0), 6) for _ in range(4)] == [5.0, 5.1, 5.2, 5.3]
    assert of.reserve(ELSEWHERE, 5.0) == 5.0
    assert of.reserve(HERE, 9.0) == 9.0


@given(st.floats(0, 1), st.integers(0, 1000))
def test_jitter_stays_within_its_part(jitter: float, seed: int) -> None:
    of = Pace(1e9, 10.0, jitter, Random(seed))
    assert 0.1 * (1 - jitter) - 1e-9 <= interval(of, 1.0) <= 0.1 * (1 + jitter) + 1e-9


def test_a_network_that_falls_silent_is_given_rest_and_comes_back() -> None:
    of = pace()
    tell(of, *[True] * SHORT * 2)
    assert interval(of, 1.0) == pytest.approx(0.1)
    tell(of, *[False] * SHORT * 2)
    slower = interval(of, 2.0)
    assert slower >= 0.2 - 1e-9
    tell(of, *[False] * SHORT * 20)
    assert interval(of, 100.0) <= 0.1 * SLOWEST + 1e-9
    tell(of, *[True] * SHORT * 10)
    assert interval(of, 1000.0) == pytest.approx(0.1)


def test_a_network_that_never_answered_is_not_given_rest() -> None:
    """Silence is usual there, and says nothing about us."""
    of = pace()
    tell(of, *[False] * SHORT * 20)
    assert interval(of, 1.0) == pytest.approx(0.1)


@given(st.lists(st.booleans(), max_size=SHORT * 6))
def test_no_outcomes_make_it_stop(outcomes: list[bool]) -> None:
    of = pace()
    tell(of, *outcomes)
    assert 0.1 - 1e-9 <= interval(of, 1.0) <= 0.1 * SLOWEST + 1e-9


def test_networks_without_end_are_not_all_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "NETWORKS_MAX", 10)
    of = pace()
    for number in range(100):
        of.reserve(ip_address(number << 8), 1.0)
    assert len(of._networks) == 10


def test_this_machine_itself_waits_for_nothing() -> None:
    of, loopback = pace(rate=1.0), ip_address("127.0.0.9")
    assert [of.reserve(loopback, 5.0) for _ in range(3)] == [5.0] * 3
    for _ in range(3):
        of.begun(loopback, 5.0)
        of.ended(loopback, answered=False)
    assert of.wait(5.0) == 0
