"""Post-quantum readiness by system: a host, a team or an environment. Counted by the worker, and kept in one
row of the overview."""

import heapq
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ..core.access import EVERYTHING, Actor, Verb, reach
from ..core.readiness import HORIZON, Readiness
from ..core.scores import in_use
from ..store.databases import moment_of
from ..store.ledger import Change
from ..store.people_rows import OverviewRow
from .context import Context
from .count_certificates import CHUNK, READINESS
from .walk_certificates import LEAST

KEPT_MAX = 400
"""Systems of each kind that are kept: those that have most left to do."""
COUNTED_MAX = 10_000
"""Teams and environments that are told apart."""
HOST, TEAM, ENVIRONMENT = KINDS = ("host", "team", "environment")
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class System:
    """`kind` is one of KINDS, or EVERYTHING; the `name` of a team or environment is empty for none."""

    kind: str
    name: str
    readiness: Readiness


@dataclass(frozen=True, slots=True)
class Systems:
    """Everything first, then what has most left to do; `totals` says how many there are of each kind. Counted
    `at`, None for not yet."""

    systems: tuple[System, ...] = ()
    totals: tuple[tuple[str, int], ...] = ()
    at: datetime | None = None


async def count_readiness(context: Context) -> Systems:
    """Count and keep it. Raises Unavailable, and Moved when another process did."""
    now = context.clock().astimezone(UTC)
    groups: dict[Key, Readiness] = {(EVERYTHING, ""): Readiness()}
    await _count_certificates(context, groups, now)
    hosts: list[tuple[tuple[int, int], str, Readiness]] = []
    total = 0
    async for host, readiness in _hosts(context, groups, now):
        total += 1
        push = heapq.heappush if len(hosts) < KEPT_MAX else heapq.heappushpop
        push(hosts, (readiness.left, host, readiness))
    systems = [System(HOST, host, readiness) for _, host, readiness in hosts]
    systems += [System(*key, readiness) for key, readiness in groups.items()]
    totals = {HOST: total} | {kind: sum(key[0] == kind for key in groups) for kind in (TEAM, ENVIRONMENT)}
    found = Systems(_kept(systems), tuple(totals.items()), now)
    await _keep(context, found, now)
    return found


def _kept(systems: list[System]) -> tuple[System, ...]:
    def rank(system: System) -> tuple[int, int, str]:
        first, second = system.readiness.left
        return -first, -second, system.name

    kinds = (EVERYTHING, *KINDS)
    by_kind = [sorted((one for one in systems if one.kind == kind), key=rank) for kind in kinds]
    return tuple(one for some in by_kind for one in some[:KEPT_MAX])


def _groups_of(groups: dict[Key, Readiness], team: str, environment: str) -> list[Readiness]:
    keys = [
        key
        for key in ((TEAM, team), (ENVIRONMENT, environment))
        if key in groups or len(groups) < COUNTED_MAX
    ]
    return [groups[EVERYTHING, ""], *(groups.setdefault(key, Readiness()) for key in keys)]


async def _count_certificates(context: Context, groups: dict[Key, Readiness], now: datetime) -> None:
    """Those in use, by team and environment. Short reads, one after another."""
    last = LEAST
    while True:
        rows = await context.database.query(
            'SELECT "id", "team", "environment", "standing", "revoked_at" IS NOT NULL, "not_after", '
            '"key_algorithm", "signature_algorithm" FROM "certificate" '
            f'WHERE "id" > ? ORDER BY "id" LIMIT {CHUNK}',
            last,
        )
        for _, team, environment, standing, revoked, not_after, key, signature in rows:
            ends = moment_of(not_after)
            if in_use(standing, bool(revoked), ends, now):
                for one in _groups_of(groups, team, environment):
                    one.add_certificate(key, signature, ends)
        if len(rows) < CHUNK:
            return
        last = rows[-1][0]


async def _hosts(
    context: Context, groups: dict[Key, Readiness], now: datetime
) -> AsyncIterator[tuple[str, Readiness]]:
    """Each host with all that is served there now, one after the other; its endpoints count for the groups of
    their certificates too."""
    host, readiness, seen = "", Readiness(), set[int]()
    async for identifier, at, facts, team, environment, *certificate in _places(context):
        if at != host:
            if readiness.places:
                yield host, readiness
            host, readiness, seen = at, Readiness(), set()
        hybrid = json.loads(facts).get("post_quantum")
        for one in (readiness, *_groups_of(groups, team, environment)):
            one.add_place(hybrid)
        if identifier not in seen:
            seen.add(identifier)
            key, signature, not_after = certificate
            if moment_of(not_after) > now:
                readiness.add_certificate(key, signature, moment_of(not_after))
    if readiness.places:
        yield host, readiness


async def _places(context: Context) -> AsyncIterator[tuple[Any, ...]]:
    host, last = "", LEAST
    while True:
        rows = await context.database.query(
            'SELECT c."id", s."host", s."facts", c."team", c."environment", c."key_algorithm", '
            'c."signature_algorithm", c."not_after", s."id" FROM "sighting" s '
            'JOIN "certificate" c ON c."id" = s."certificate_id" '
            """WHERE (s."host", s."id") > (?, ?) AND s."ended_at" IS NULL AND s."kind" = 'tls' """
            f'ORDER BY s."host", s."id" LIMIT {CHUNK}',
            *(host, last),
        )
        for row in rows:
            yield row[:-1]
        if len(rows) < CHUNK:
            return
        host, last = rows[-1][1], rows[-1][-1]


async def _keep(context: Context, found: Systems, now: datetime) -> None:
    systems = [[one.kind, one.name, asdict(one.readiness)] for one in found.systems]
    document = json.dumps({"systems": systems, "totals": found.totals}, separators=(",", ":"))
    known = await context.database.select(OverviewRow, '"scope" = ?', READINESS)
    change = Change()
    if known:
        change.replaced.append((known[0], known[0]._replace(at=now, document=document)))
    else:
        change.inserted.append(OverviewRow(context.ledger.new_id(), READINESS, now, document, 1))
    await context.ledger.commit(change)


async def list_readiness(context: Context, actor: Actor) -> Systems:
    """As it was counted last. Who may not view everything sees the teams whose certificates they may view."""
    kept = await context.database.select(OverviewRow, '"scope" = ?', READINESS)
    if not kept:
        return Systems()
    document = json.loads(kept[0].document)
    systems = [System(kind, name, Readiness(**counts)) for kind, name, counts in document["systems"]]
    totals = tuple((kind, number) for kind, number in document["totals"])
    scopes = reach(actor, Verb.VIEW)
    if scopes is not None:
        systems = [one for one in systems if one.kind == TEAM and (TEAM, one.name) in scopes]
        totals = ((TEAM, len(systems)),)
    return Systems(tuple(systems), totals, kept[0].at)


def readiness_document(found: Systems) -> dict[str, object]:
    return {
        "counted_at": found.at.isoformat() if found.at else None,
        "horizon": HORIZON.date().isoformat(),
        "systems": [
            {"kind": "everything" if one.kind == EVERYTHING else one.kind, "name": one.name}
            | asdict(one.readiness)
            for one in found.systems
        ],
        "totals": dict(found.totals),
    }
