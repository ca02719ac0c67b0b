"""When people are reminded of a campaign, and who: pure decisions on its dates.

Reminders go to owners half way and shortly before the campaign is due; then their teams are told, and at last
the security officers. Who was away catches up with the last of those that have passed, not with all of them.
"""

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

SHORTLY = timedelta(days=3)
OVERDUE = timedelta(days=3)


class Answer(StrEnum):
    NEEDED = "needed"
    NOT_NEEDED = "not-needed"
    NOT_MINE = "not-mine"


class Stage(IntEnum):
    """What is done already, in this order."""

    ASKED = 0
    HALF_WAY = 1
    SHORTLY_BEFORE = 2
    TEAM_TOLD = 3
    OFFICERS_TOLD = 4


def stage_at(opened: datetime, due: datetime, now: datetime) -> Stage:
    """The stage that a campaign should be in. A moment that would come before an earlier one comes with
    it."""
    half = opened + (due - opened) / 2
    moments = (half, max(half, due - SHORTLY), due, due + OVERDUE)
    return Stage(sum(now >= moment for moment in moments))


def next_begins(opened: datetime, repeat_days: int | None) -> datetime | None:
    """When the campaign that repeats this one opens; None for one that is not repeated."""
    return opened + timedelta(days=repeat_days) if repeat_days is not None else None
