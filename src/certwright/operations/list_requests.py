"""List requests for certificates as their reader may see them, the newest first, a page at a time."""

from dataclasses import dataclass
from datetime import datetime

from ..core.access import Actor, Verb, reach
from ..core.approval import RequestStatus
from ..store.approvals import OPEN, REFUSED, Request, with_decisions
from ..store.databases import Database
from ..store.people_rows import CertificateRequestRow
from ..store.snapshot import Snapshot
from .find_request import named_by, standing_for

PAGE_MAX = 1000
_ENDED = {
    RequestStatus.WITHDRAWN: "withdrawn_at",
    RequestStatus.ISSUED: "issued_at",
    RequestStatus.FAILED: "failed_at",
}
Condition = tuple[str, list[object]]


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What to list; what is None or false does not matter. `mine`: those that the reader has made."""

    status: RequestStatus | None = None
    mine: bool = False


@dataclass(frozen=True, slots=True)
class RequestPage:
    """`next` goes on after this page; None at the end."""

    requests: tuple[Request, ...]
    next: int | None


async def list_requests(
    database: Database,
    snapshot: Snapshot,
    actor: Actor,
    wanted: RequestFilter,
    now: datetime,
    after: int | None = None,
    limit: int = 100,
) -> RequestPage:
    """Up to `limit` requests, at most PAGE_MAX, after the one of identifier `after`."""
    conditions = [visible_condition(actor, standing_for(snapshot, actor, now))]
    if wanted.status is not None:
        conditions.append(_status(wanted.status, now))
    if wanted.mine:
        conditions.append(_own(actor))
    if after is not None:
        place = 'SELECT r."created_at", r."id" FROM "certificate_request" r WHERE r."id" = ?'
        conditions.append((f'("created_at", "id") < ({place})', [after]))
    limit = max(1, min(limit, PAGE_MAX))
    where = " AND ".join(f"({text})" for text, _ in conditions)
    values = [value for _, more in conditions for value in more]
    sql = f'{where} ORDER BY "created_at" DESC, "id" DESC LIMIT {limit + 1}'
    rows = await database.select(CertificateRequestRow, sql, *values)
    following = rows[limit - 1].id if len(rows) > limit else None
    return RequestPage(tuple(await with_decisions(database, rows[:limit])), following)


def _status(status: RequestStatus, now: datetime) -> Condition:
    """As `core.approval.request_status` has it."""
    if status in _ENDED:
        return f'"{_ENDED[status]}" IS NOT NULL', []
    if status is RequestStatus.REFUSED:
        return REFUSED, []
    if status is RequestStatus.REJECTED:
        return f'"rejected_at" IS NOT NULL AND NOT ({REFUSED})', []
    if status is RequestStatus.APPROVED:
        return f'{OPEN} AND "approved_at" IS NOT NULL', []
    passed = f'{OPEN} AND "approved_at" IS NULL AND "expires_at"'
    if status is RequestStatus.EXPIRED:
        return f'"expired_at" IS NOT NULL OR ({passed} <= ?)', [now]
    return f"{passed} > ?", [now]


def _own(actor: Actor) -> Condition:
    if actor.account:
        return '"requester" = ? OR "requester_user" = ?', [actor.name, actor.account]
    return '"requester" = ?', [actor.name]


def visible_condition(actor: Actor, others: tuple[Actor, ...]) -> Condition:
    """SQL for the requests that the actor may see, as `find_request.visible` has it."""
    scopes = [reach(one, Verb.VIEW) for one in (actor, *others)]
    if None in scopes:
        return "1 = 1", []
    own, values = _own(actor)
    tests = [own]
    for kind, name in (pair for pairs in scopes for pair in pairs or ()):
        if kind != "tag":  # a request has no tags yet; the others are columns
            tests.append(f'"{kind}" = ?')
            values.append(name)
    for name in sorted({name for one in (actor, *others) for name in named_by(one)}):
        tests.append('"id" IN (SELECT r."request_id" FROM "request_approver" r WHERE r."approver" = ?)')
        values.append(name)
    return " OR ".join(tests), values
