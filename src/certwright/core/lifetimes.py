"""How long a certificate lives, and the schedule by which public TLS certificates get shorter.

A validity period holds both its ends, the second of notAfter included (RFC 5280 section 4.1.2.5, TLS Baseline
Requirements 1.6.1). A day has 86,400 seconds, and any fraction beyond is a further day (TLS BR 6.3.2).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY = 86400
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Longest lifetimes by the time of issuance: pairs of the first moment and days, the latest first."""

    name: str
    clause: str
    steps: tuple[tuple[datetime, int], ...]

    def maximum(self, at: datetime) -> int:
        """Seconds that a certificate issued then may live."""
        for since, days in self.steps:
            if at >= since:
                return days * DAY
        raise ValueError(f"schedule {self.name} does not begin before {at}")


# Ballot SC-081v3 of the CA/Browser Forum; 825 days were permitted until September 2020 (Ballot 193)
TLS_SCHEDULE = Schedule(
    "ca/browser-forum",
    "TLS BR 6.3.2",
    (
        (datetime(2029, 3, 15, tzinfo=UTC), 47),
        (datetime(2027, 3, 15, tzinfo=UTC), 100),
        (datetime(2026, 3, 15, tzinfo=UTC), 200),
        (datetime(2020, 9, 1, tzinfo=UTC), 398),
        (datetime.min.replace(tzinfo=UTC), 825),
    ),
)
SCHEDULES = {schedule.name: schedule for schedule in (TLS_SCHEDULE,)}


def lifetime_of(not_before: datetime, not_after: datetime) -> int:
    """Seconds of a validity period, both ends included; a fraction counts as a whole one."""
    return -((not_before - not_after - _SECOND) // _SECOND)


def days_of(seconds: int) -> int:
    """Days as TLS BR 6.3.2 counts them: a second more than 90 days is 91."""
    return -(-seconds // DAY)
