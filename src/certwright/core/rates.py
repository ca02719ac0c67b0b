"""How often each party may ask for something, counted in the memory of one process."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from math import ceil
from operator import itemgetter

PERIOD = timedelta(hours=1)
PARTIES_MAX = 20_000
IPV6_PREFIX = 64


@dataclass(slots=True)
class Rates:
    """So many an hour, evenly, and as many at once of a party that was quiet for an hour.

    Of a party no more is kept than when it will have been quiet for long enough (the generic cell rate
    algorithm, ITU-T I.371). Of more than PARTIES_MAX, those that have asked for least are forgotten.
    """

    _quiet_at: dict[str, datetime] = field(default_factory=dict)

    def take(self, party: str, limit: int, now: datetime) -> int:
        """Take one of `limit` (0: there is no limit). Seconds until there is one to take; 0: taken."""
        if not limit:
            return 0
        known = min(self._quiet_at.get(party, now), now + PERIOD)  # further off: the clock was ahead then
        quiet_at = max(known, now) + PERIOD // limit
        if quiet_at > now + PERIOD:
            return ceil((quiet_at - now - PERIOD) / timedelta(seconds=1))
        self._quiet_at[party] = quiet_at
        if len(self._quiet_at) > PARTIES_MAX:
            self._forget(now)
        return 0

    def _forget(self, now: datetime) -> None:
        """Half of all go at least, so that going through them is rare."""
        busiest = sorted(self._quiet_at.items(), key=itemgetter(1), reverse=True)
        self._quiet_at = {party: at for party, at in busiest[: PARTIES_MAX // 2] if at > now}


def network_of(address: str) -> str:
    """Whom to count an address for: itself, and of IPv6 its /64, which one host has to itself."""
    if not address:
        return ""
    found = ip_address(address)
    mapped = found if isinstance(found, IPv4Address) else found.ipv4_mapped
    return str(mapped or ip_network((found, IPV6_PREFIX), strict=False))
