"""When people are reminded: in order, each once, the last in time to be of use."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.attestation import Stage, next_begins, stage_at

OPENED = datetime(2026, 1, 1, tzinfo=UTC)
lives = st.timedeltas(timedelta(minutes=1), timedelta(days=366))
ages = st.timedeltas(timedelta(), timedelta(days=400))


@given(lives, ages, ages)
def test_stages_only_grow_and_say_what_they_are(life: timedelta, one: timedelta, other: timedelta) -> None:
    due = OPENED + life
    earlier, later = sorted((OPENED + one, OPENED + other))
    assert stage_at(OPENED, due, earlier) <= stage_at(OPENED, due, later)
    stage = stage_at(OPENED, due, later)
    assert (stage >= Stage.TEAM_TOLD) == (later >= due)
    assert (stage >= Stage.HALF_WAY) == (later - OPENED >= life / 2)
    assert (stage == Stage.OFFICERS_TOLD) == (later >= due + timedelta(days=3))


@pytest.mark.parametrize(
    ("days", "stage"),
    [(0, Stage.ASKED), (15, 1), (26, 1), (27, Stage.SHORTLY_BEFORE), (30, 3), (32, 3), (33, 4), (300, 4)],
)
def test_a_month(days: int, stage: int) -> None:
    assert stage_at(OPENED, OPENED + timedelta(days=30), OPENED + timedelta(days=days)) == stage


def test_what_is_repeated_begins_after_its_period() -> None:
    assert next_begins(OPENED, None) is None
    assert next_begins(OPENED, 90) == OPENED + timedelta(days=90)
