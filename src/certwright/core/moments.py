"""A point in time as a person or a program writes it (RFC 3339 section 5.6), read in one way everywhere."""

from datetime import UTC, datetime

from .errors import Malformed

SHOWN_MAX = 40


def read_moment(text: str, place: str, *, zone_needed: bool = True) -> datetime:
    """The time, in UTC. Without `zone_needed` what has no time zone is UTC: a day alone, as people write it.

    Raises Malformed naming the place.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and not zone_needed:
            return moment.replace(tzinfo=UTC)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the latter: outside the years 1 to 9999 in UTC
        raise Malformed(f"{place}: {text[:SHOWN_MAX]!r} is no time like 2026-01-31T12:00:00Z") from error
    raise Malformed(f"{place}: {text[:SHOWN_MAX]!r} has no time zone; write 2026-01-31T12:00:00Z for UTC")
