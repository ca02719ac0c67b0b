"""How long whoever fails to log in must wait: not at all at first, then twice as long each time, up to a
bound. Pure; attempts are counted before the password is looked at, so that many at once gain nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

DOUBLINGS_MAX = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """`free` attempts fail without a wait; the next waits `first`, each further one twice as long, `longest`
    at the most."""

    free: int
    first: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many attempts of one party have failed, and until when it must wait."""

    failures: int = 0
    until: datetime | None = None


def wait(attempts: Attempts, limits: Limits, now: datetime) -> timedelta:
    """How long to wait still. One further off than the longest wait was set by a clock that was ahead."""
    if attempts.until is None or not now < attempts.until <= now + limits.longest:
        return timedelta(0)
    return attempts.until - now


def counted(attempts: Attempts, limits: Limits, now: datetime) -> Attempts:
    """After one more attempt, as if it had failed."""
    failures = attempts.failures + 1
    if failures < limits.free:
        return Attempts(failures)
    doublings = min(failures - limits.free, DOUBLINGS_MAX)
    return Attempts(failures, now + min(limits.longest, limits.first * 2**doublings))


def forgiven(attempts: Attempts) -> Attempts:
    """One attempt taken back, since it has not failed; whatever it had to wait for is over."""
    return Attempts(max(0, attempts.failures - 1))
