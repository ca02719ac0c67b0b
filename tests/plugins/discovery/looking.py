"""What the tests of the network scanner share: a source that may look at loopback, and what it finds."""

from collections.abc import Sequence
from typing import Any

from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery.network import NetworkSettings, NetworkSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import Progress, Scope, Sighting

LOOPBACK = EgressPolicy(allow_loopback=True)


def source(**settings: Any) -> NetworkSource:
    given: dict[str, Any] = {"pace_loopback": True, "per_second": 1e6, "network_per_second": 1e6}
    given |= {"policy": LOOPBACK, "resolver": ResolverSettings(localhost=True), "total_seconds": 4.0}
    return NetworkSource(
        NetworkSettings(
            **{**given, "per_second": 1e6, "network_per_second": 1e6, "pace_loopback": True, **settings}
        )
    )


async def look(scope: Scope, **settings: Any) -> list[Sighting | Progress]:
    return [event async for event in source(**settings).look(scope)]


async def sightings(*targets: str, exclude: Sequence[str] = (), **settings: Any) -> list[Sighting]:
    events = await look(Scope(targets, tuple(exclude)), **settings)
    return [event for event in events if isinstance(event, Sighting)]


async def sighting(*targets: str, **settings: Any) -> Sighting:
    (only,) = await sightings(*targets, **settings)
    return only
