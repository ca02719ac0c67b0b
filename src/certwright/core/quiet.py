"""Times of day, in UTC, at which nothing is looked at: `08:00-18:00`, or `mon-fri 08:00-18:00`.

A span whose end is not after its beginning goes over midnight, and belongs to the day on which it begins.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .errors import Malformed

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPANS_MAX = 20
_SPAN = re.compile(
    r"(?:(?P<first>mon|tue|wed|thu|fri|sat|sun)(?:-(?P<last>mon|tue|wed|thu|fri|sat|sun))? +)?"
    r"(?P<begin>([01]\d|2[0-3]):[0-5]\d)-(?P<end>([01]\d|2[0-3]):[0-5]\d)"
)
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class QuietSpan:
    """`days` are numbers from Monday 0; `begin` and `end` minutes after midnight, `end` perhaps on the next
    day."""

    days: frozenset[int]
    begin: int
    end: int

    def holds(self, moment: datetime) -> bool:
        at = moment.astimezone(UTC)
        minute = at.hour * 60 + at.minute
        yesterday = (at - timedelta(days=1)).weekday()
        return (at.weekday() in self.days and self.begin <= minute < self.end) or (
            yesterday in self.days and minute + _DAY_MINUTES < self.end
        )


def parse_quiet(texts: Iterable[str]) -> tuple[QuietSpan, ...]:
    """Raises Malformed."""
    spans = tuple(_span(text) for text in texts)
    if len(spans) > SPANS_MAX:
        raise Malformed(f"{len(spans)} quiet times; at most {SPANS_MAX}")
    return spans


def _span(text: str) -> QuietSpan:
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise Malformed(f"{text[:40]!r} is no quiet time; write 08:00-18:00 or mon-fri 08:00-18:00, in UTC")
    begin, end = _minutes(found["begin"]), _minutes(found["end"])
    return QuietSpan(_days(found["first"], found["last"]), begin, end if end > begin else end + _DAY_MINUTES)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    begin = DAYS.index(first)
    length = (DAYS.index(last or first) - begin) % 7 + 1
    return frozenset((begin + number) % 7 for number in range(length))


def is_quiet(spans: Iterable[QuietSpan], moment: datetime) -> bool:
    """Does one of them hold?"""
    return any(span.holds(moment) for span in spans)
