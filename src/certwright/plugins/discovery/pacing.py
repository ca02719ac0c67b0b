"""When the next connection may begin: overall, and in each network by itself (a /24 of IPv4, a /64 of IPv6).

A network that answers much less than it did before is given rest, since it may be our own doing: its rate is
halved, down to a sixteenth, until it answers again. On loopback this machine is asked as fast as can be.
"""

from collections import OrderedDict
from dataclasses import dataclass
from random import Random

from ...core.egress import Address

NETWORKS_MAX = 65_536
BURST_SECONDS = 0.02
"""So much of the overall rate may come at once, since no clock of ours is finer."""
SHORT, LONG = 64, 1024
"""Outcomes over which the two means of a network's answers are taken."""
SLOWEST = 16
_KNOWN_TO_ANSWER = 0.1
_MUCH_LESS, _RECOVERED = 1 / 3, 1 / 2


def network_of(address: Address) -> tuple[int, int]:
    """The network by which connections are paced."""
    return address.version, int(address) >> (8 if address.version == 4 else 64)


@dataclass(slots=True)
class _Network:
    """`due` is when its next connection may begin; the means are of outcomes that were answers."""

    due: float = 0.0
    outcomes: int = 0
    recent: float = 0.0
    usual: float = 0.0
    slower: int = 1


class Pace:
    """Reserves moments for connections. Rates are per second, `jitter` the part of an interval by which it
    may be longer or shorter; `on_loopback` says that they hold there too."""

    def __init__(
        self, rate: float, network_rate: float, jitter: float, random: Random, *, on_loopback: bool = False
    ) -> None:
        self._on_loopback = on_loopback
        self._interval, self._network_interval = 1 / rate, 1 / network_rate
        self._jitter, self._random = jitter, random
        self._due = 0.0
        self._networks: OrderedDict[tuple[int, int], _Network] = OrderedDict()

    def wait(self, now: float) -> float:
        """Seconds until the overall rate permits another one; 0 for now."""
        return max(self._due - BURST_SECONDS - now, 0.0)

    def begun(self, address: Address, now: float) -> None:
        """One to this address begins now."""
        if not self._free(address):
            self._due = max(self._due, now) + self._long(self._interval)

    def reserve(self, address: Address, now: float) -> float:
        """The moment at which one to this address may begin; it is taken."""
        if self._free(address):
            return now
        network = self._network(address)
        moment = max(network.due, now)
        network.due = moment + self._long(self._network_interval * network.slower)
        return moment

    def ended(self, address: Address, answered: bool) -> None:
        """What a connection to this address came to; a refusal is an answer."""
        if self._free(address):
            return
        network = self._network(address)
        network.outcomes += 1
        value = 1.0 if answered else 0.0
        network.recent += (value - network.recent) / min(network.outcomes, SHORT)
        network.usual += (value - network.usual) / min(network.outcomes, LONG)
        if network.outcomes % SHORT:
            return
        if network.recent > network.usual * _RECOVERED:
            network.slower = max(network.slower // 2, 1)
        elif network.recent < network.usual * _MUCH_LESS and network.usual > _KNOWN_TO_ANSWER:
            network.slower = min(network.slower * 2, SLOWEST)

    def _free(self, address: Address) -> bool:
        return address.is_loopback and not self._on_loopback

    def _network(self, address: Address) -> _Network:
        key = network_of(address)
        found = self._networks.get(key)
        if found is None:
            found = self._networks[key] = _Network()
            if len(self._networks) > NETWORKS_MAX:
                self._networks.popitem(last=False)
        return found

    def _long(self, interval: float) -> float:
        return interval * (1 + self._jitter * (2 * self._random.random() - 1)) if self._jitter else interval
