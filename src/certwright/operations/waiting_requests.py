"""Requests that somebody can decide on now, the one that expires first before the others.

Whether a step waits for a person is the core's to say, request by request. The query finds those that wait,
by the index of open requests, and whose steps name the person or a role of theirs; of so many at most it is
said, so that a list costs the same however many wait.
"""

from dataclasses import dataclass
from datetime import datetime

from ..core.access import Actor
from ..core.approval import stand_in
from ..core.errors import Conflict, Forbidden
from ..store.approvals import OPEN, PARAMETERS_MAX, Request, with_decisions
from ..store.databases import Database
from ..store.people_rows import CertificateRequestRow
from ..store.snapshot import Snapshot
from .find_request import people_of, standing_for

LOOKED_MAX = 500
COUNTED_MAX = 100
Place = tuple[datetime, int]
"""When a request expires, and its number: the list is in this order."""


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """`next` goes on after those that were looked at; None at the end."""

    requests: tuple[Request, ...]
    next: Place | None


async def waiting_for(
    database: Database,
    snapshot: Snapshot,
    actor: Actor,
    now: datetime,
    after: Place | None = None,
    limit: int = 100,
) -> WaitingPage:
    """Up to `limit` requests that the actor can approve or, for another, could; of LOOKED_MAX at the most."""
    others = standing_for(snapshot, actor, now)
    rows = await _candidates(database, (actor, *others), now, after)
    found: list[Request] = []
    last: CertificateRequestRow | None = None
    for request in await with_decisions(database, rows):
        if len(found) == limit:
            break
        last = request.row
        if can_decide(actor, others, request, now):
            found.append(request)
    done = last is None or (last is rows[-1] and len(rows) < LOOKED_MAX)
    return WaitingPage(tuple(found), None if done or last is None else (last.expires_at, last.id))


async def count_waiting_for(database: Database, snapshot: Snapshot, actor: Actor, now: datetime) -> int:
    """How many those are; COUNTED_MAX stands for that many or more."""
    page = await waiting_for(database, snapshot, actor, now, limit=COUNTED_MAX)
    return len(page.requests)


def can_decide(actor: Actor, others: tuple[Actor, ...], request: Request, now: datetime) -> bool:
    """May the actor take the step that the request is at, in person or in the place of one of the others?"""
    person, for_whom = people_of(actor, others, request.row)
    try:
        stand_in(request.facts, person, for_whom, now)
    except (Forbidden, Conflict):
        return False
    return True


async def _candidates(
    database: Database, actors: tuple[Actor, ...], now: datetime, after: Place | None
) -> list[CertificateRequestRow]:
    """What waits, and names one of the actors or a role of theirs at whatever step."""
    named = sorted({name for one in actors for name in _names(one)})
    roles = sorted({grant.role for one in actors for grant in one.grants})
    tests = ['"steps" LIKE ?'] * len(roles)
    values: list[object] = [now, *(f'%"role:{role}"%' for role in roles)]
    if named:
        marks = ",".join("?" * min(len(named), PARAMETERS_MAX))
        tests.append(
            f'"id" IN (SELECT r."request_id" FROM "request_approver" r WHERE r."approver" IN ({marks}))'
        )
        values += named[:PARAMETERS_MAX]
    if not tests:
        return []
    where = f'{OPEN} AND "approved_at" IS NULL AND "expires_at" > ? AND ({" OR ".join(tests)})'
    if after is not None:
        where += ' AND ("expires_at", "id") > (?, ?)'
        values += after
    order = f'ORDER BY "expires_at", "id" LIMIT {LOOKED_MAX}'
    return await database.select(CertificateRequestRow, f"{where} {order}", *values)


def _names(actor: Actor) -> list[str]:
    """What a step can name them by beside roles."""
    return [f"user:{actor.user}", *(f"team:{team}" for team in actor.teams)] if actor.user else []
