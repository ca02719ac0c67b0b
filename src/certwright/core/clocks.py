"""How far the clocks of hosts may differ, and what is to be thought of a moment that lies further ahead."""

from datetime import datetime, timedelta

CLOCK_LAG = timedelta(minutes=5)
"""By so much one host's clock may lag behind another's; what the other has just made counts all the same."""


def of_the_future(moment: datetime, now: datetime) -> bool:
    """Does it lie further ahead than clocks may differ? Then the clock it is from was wrong, or ours is."""
    return moment - now > CLOCK_LAG
