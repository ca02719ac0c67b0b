"""Networks on a map: for each /24 of IPv4 and /64 of IPv6, how many servers present certificates there now,
and when the first of these ends. Counted by the worker, and kept in one row: that of the scope NETWORKS."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import ip_address
from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..store.ledger import Change
from ..store.people_rows import OverviewRow
from .context import Context
from .count_certificates import CHUNK, NETWORKS, day_of
from .walk_certificates import LEAST

KEPT_MAX = 400
COUNTED_MAX = 100_000
"""Networks that are told apart while counting; what is in others is not counted."""
BITS = {4: 24, 6: 64}


@dataclass(frozen=True, slots=True)
class SeenNetwork:
    """`first` is the address in it whose certificate ends first, on the day `ends`; `places` are addresses,
    ports and server names."""

    zone: str
    network: str
    places: int
    ends: date
    first: str


@dataclass(frozen=True, slots=True)
class SeenNetworks:
    """`networks` are those in which something ends first, of `total`; counted `at`, None for not yet."""

    networks: tuple[SeenNetwork, ...] = ()
    total: int = 0
    at: datetime | None = None


def network_of(host: str) -> str:
    """The network on the map, empty for what is no address."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    bits = BITS[address.version]
    begin = int(address) >> (address.max_prefixlen - bits) << (address.max_prefixlen - bits)
    return f"{type(address)(begin)}/{bits}"


async def count_networks(context: Context) -> int:
    """Count and keep them; how many there are. Raises Unavailable, and Moved when another process did."""
    found: dict[tuple[str, str], tuple[int, str, str]] = {}
    async for rows in _chunks(context):
        for _, zone, host, not_after in rows:
            key, ends = (zone, network_of(host)), day_of(not_after)
            if not key[1] or (key not in found and len(found) >= COUNTED_MAX):
                continue
            places, *first = found.get(key, (0, ends, host))
            found[key] = places + 1, *min((ends, host), (first[0], first[1]))
    kept = sorted(found.items(), key=lambda item: (item[1][1], item[0]))[:KEPT_MAX]
    networks = [[*key, *value] for key, value in kept]
    await _keep(context, json.dumps({"networks": networks, "total": len(found)}, separators=(",", ":")))
    return len(found)


async def _chunks(context: Context) -> AsyncIterator[list[tuple[Any, ...]]]:
    """Short reads, one after another: the event loop goes on between them."""
    last = LEAST
    while True:
        rows = await context.database.query(
            'SELECT s."id", s."zone", s."host", c."not_after" FROM "sighting" s '
            'JOIN "certificate" c ON c."id" = s."certificate_id" '
            """WHERE s."id" > ? AND s."ended_at" IS NULL AND s."kind" = 'tls' """
            f'ORDER BY s."id" LIMIT {CHUNK}',
            last,
        )
        yield rows
        if len(rows) < CHUNK:
            return
        last = rows[-1][0]


async def _keep(context: Context, document: str) -> None:
    now, change = context.clock(), Change()
    known = await context.database.select(OverviewRow, '"scope" = ?', NETWORKS)
    if known:
        change.replaced.append((known[0], known[0]._replace(at=now, document=document)))
    else:
        change.inserted.append(OverviewRow(context.ledger.new_id(), NETWORKS, now, document, 1))
    await context.ledger.commit(change)


async def list_networks(context: Context, actor: Actor) -> SeenNetworks:
    """As they were counted last, what ends first before the others. Raises Forbidden."""
    require(actor, Verb.VIEW, Subject())
    kept = await context.database.select(OverviewRow, '"scope" = ?', NETWORKS)
    if not kept:
        return SeenNetworks()
    document = json.loads(kept[0].document)
    networks = tuple(
        SeenNetwork(zone, network, places, date.fromisoformat(ends), first)
        for zone, network, places, ends, first in document["networks"]
    )
    return SeenNetworks(networks, document["total"], kept[0].at)
