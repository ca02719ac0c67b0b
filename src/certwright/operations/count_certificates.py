"""Certificates in numbers, for the first page of the console: counted now and then, one row for each scope.

What counts are those that we have issued or adopted; of others' that were found, only how many are live and
wait for somebody to say whether they matter. A scope is `*`, or an authority, profile, endpoint or team, as
grants have it: so whoever sees a part reads the numbers of that part. Owners are too many; what one owns is
counted when it is asked for, by an index.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..core.access import EVERYTHING
from ..core.audit import EventKind
from ..core.revocation import Reason
from ..core.standing import Standing
from ..store.ledger import Change
from ..store.people_rows import OverviewRow
from .context import Context
from .walk_certificates import GREATEST, LEAST

PAST_DAYS, AHEAD_DAYS = 90, 371
CHUNK = 5_000
NETWORKS, READINESS = "networks", "readiness"
"""Scopes whose rows are no numbers of these: `count_networks` and `count_readiness` keep them."""
NAMES_MAX = 200
"""How many authorities, profiles, endpoints and teams, each, have numbers of their own."""
COLUMNS = (
    *("id", "authority", "profile", "endpoint", "team", "owner"),
    *("not_after", "issued_at", "revoked_at", "revocation_reason", "standing"),
)


@dataclass(slots=True)
class Numbers:
    """How many certificates there are. `found` are live ones of others that nobody has adopted or ignored;
    all others here are issued or adopted. `unowned` are live ones without owner and team; `ends` are live
    ones by the day they end, `issued` all by the day we issued them, `failed` requests refused by day (ISO,
    UTC); `authorities` and `teams` are live ones by name. `findings` are open ones by
    code, of certificates of every standing, without those that are accepted for now."""

    total: int = 0
    live: int = 0
    expired: int = 0
    revoked: int = 0
    hold: int = 0
    found: int = 0
    unowned: int = 0
    ends: "Counter[str]" = field(default_factory=Counter)
    issued: "Counter[str]" = field(default_factory=Counter)
    failed: "Counter[str]" = field(default_factory=Counter)
    authorities: "Counter[str]" = field(default_factory=Counter)
    teams: "Counter[str]" = field(default_factory=Counter)
    findings: "Counter[str]" = field(default_factory=Counter)

    def add(self, other: "Numbers") -> None:
        for name in ("total", "live", "expired", "revoked", "hold", "found", "unowned"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("ends", "issued", "failed", "authorities", "teams", "findings"):
            getattr(self, name).update(getattr(other, name))

    def document(self) -> str:
        """As they are kept."""
        kept = {one.name: getattr(self, one.name) for one in fields(self)}
        return json.dumps(kept, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Window:
    """Days that are counted one by one, around now."""

    now: datetime

    @property
    def past(self) -> date:
        return self.now.date() - timedelta(days=PAST_DAYS)

    @property
    def ahead(self) -> date:
        return self.now.date() + timedelta(days=AHEAD_DAYS)


def count(numbers: Numbers, row: tuple[Any, ...], window: Window) -> None:
    """One certificate more; `row` has COLUMNS, times as the database gives them."""
    _, authority, _, _, team, owner, not_after, issued_at, revoked_at, reason, standing = row
    ends = day_of(not_after)
    if standing in (Standing.FOUND, Standing.IGNORED):
        numbers.found += standing == Standing.FOUND and ends >= window.now.date().isoformat()
        return
    numbers.total += 1
    issued = day_of(issued_at)
    if standing == Standing.ISSUED and issued >= window.past.isoformat():
        numbers.issued[issued] += 1
    if revoked_at is not None:
        if reason == Reason.CERTIFICATE_HOLD:
            numbers.hold += 1
        else:
            numbers.revoked += 1
        return
    if ends < window.now.date().isoformat():
        numbers.expired += 1
        return
    numbers.live += 1
    numbers.unowned += not owner and not team
    numbers.authorities[authority] += 1
    numbers.teams[team] += 1
    if ends < window.ahead.isoformat():
        numbers.ends[ends] += 1


def day_of(moment: datetime | str) -> str:
    """SQLite keeps times as text that begins with the day in UTC."""
    return moment[:10] if isinstance(moment, str) else moment.astimezone(UTC).date().isoformat()


def numbers_from(document: str) -> Numbers:
    """As they were kept."""
    kept: dict[str, Any] = json.loads(document)
    read: dict[str, Any] = {name: Counter(it) if isinstance(it, dict) else it for name, it in kept.items()}
    return Numbers(**read)


async def count_certificates(context: Context) -> dict[str, Numbers]:
    """Count all and keep the numbers, by scope. Raises Unavailable, and Moved when another process did."""
    window = Window(context.clock().astimezone(UTC))
    by_scope: dict[str, Numbers] = {EVERYTHING: Numbers()}
    async for rows in _chunks(context):
        for row in rows:
            for scope in _scopes(row):
                if scope in by_scope or len(by_scope) < 4 * NAMES_MAX:
                    count(by_scope.setdefault(scope, Numbers()), row, window)
    async for rows in _finding_chunks(context, window.now):
        for row in rows:
            for scope in _scopes(row):
                if scope in by_scope:
                    by_scope[scope].findings[row[5]] += 1
    by_scope[EVERYTHING].failed = await _failed(context, window)
    await _keep(context, by_scope, window.now)
    return by_scope


def _scopes(row: tuple[Any, ...]) -> Iterable[str]:
    yield EVERYTHING
    for kind, name in zip(COLUMNS[1:5], row[1:5], strict=True):
        if name:
            yield f"{kind}:{name}"


async def _chunks(context: Context) -> AsyncIterator[list[tuple[Any, ...]]]:
    """Short reads, one after another: the event loop goes on between them, and no transaction stays open."""
    columns, last = ", ".join(f'"{column}"' for column in COLUMNS), LEAST
    while True:
        sql = f'SELECT {columns} FROM "certificate" WHERE "id" > ? ORDER BY "id" LIMIT {CHUNK}'
        rows = await context.database.query(sql, last)
        yield rows
        if len(rows) < CHUNK or rows[-1][0] == GREATEST:
            return
        last = rows[-1][0]


async def _finding_chunks(context: Context, now: datetime) -> AsyncIterator[list[tuple[Any, ...]]]:
    """Open findings: identifier, what scopes speak of as in COLUMNS, and the code."""
    last = LEAST
    while True:
        rows = await context.database.query(
            'SELECT f."id", c."authority", c."profile", c."endpoint", c."team", f."code" FROM "finding" f '
            'JOIN "certificate" c ON c."id" = f."certificate_id" WHERE f."closed_at" IS NULL AND f."id" > ? '
            'AND (f."accepted_until" IS NULL OR f."accepted_until" <= ?) '
            f'ORDER BY f."id" LIMIT {CHUNK}',
            last,
            now,
        )
        yield rows
        if len(rows) < CHUNK:
            return
        last = rows[-1][0]


async def _failed(context: Context, window: Window) -> "Counter[str]":
    """Refused requests by day. What was counted yesterday or before is not counted again."""
    kept = await context.database.select(OverviewRow, '"scope" = ?', EVERYTHING)
    days = numbers_from(kept[0].document).failed if kept else Counter()
    first = kept[0].at.astimezone(UTC).date() - timedelta(days=1) if kept else window.past
    found = Counter({day: n for day, n in days.items() if window.past.isoformat() <= day < first.isoformat()})
    begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
    sql = 'SELECT "at" FROM "audit_event" WHERE "at" >= ? AND "kind" = ?'
    for (moment,) in await context.database.query(sql, begins, str(EventKind.CERTIFICATE_REFUSED)):
        found[day_of(moment)] += 1
    return found


async def _keep(context: Context, by_scope: dict[str, Numbers], now: datetime) -> None:
    rows = await context.database.select(OverviewRow, '"scope" NOT IN (?, ?)', NETWORKS, READINESS)
    known = {row.scope: row for row in rows}
    change = Change(removed=[row for scope, row in known.items() if scope not in by_scope])
    for scope, numbers in by_scope.items():
        document = numbers.document()
        before = known.get(scope)
        if before is None:
            change.inserted.append(OverviewRow(context.ledger.new_id(), scope, now, document, 1))
        else:
            change.replaced.append((before, before._replace(at=now, document=document)))
    await context.ledger.commit(change)
