"""The score of each team, of what has no team, and of everything: counted by the worker after it has judged
all certificates, one row for each day, so that there is a trend."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..core.access import EVERYTHING, Actor, Verb, reach
from ..core.health import Severity
from ..core.scores import Score, in_use
from ..store.among import among, chunks
from ..store.databases import moment_of
from ..store.discovery_rows import HealthScoreRow
from ..store.ledger import Change
from .context import Context
from .walk_certificates import LEAST

CHUNK = 5_000
SCOPES_MAX = 10_000
"""Teams that have a score; those that are met first."""
SHOWN_MAX = 500
DAYS, DAYS_MAX = 30, 366
TEAM = "team:"
"""Before the name of a team in a scope, and alone for certificates without one."""


async def count_scores(context: Context) -> int:
    """Count all and keep today's; how many scopes have one. Raises Unavailable, and Moved when another
    process did the same."""
    now = context.clock().astimezone(UTC)
    found: dict[str, Score] = {EVERYTHING: Score(), TEAM: Score()}
    async for team, used, findings in _certificates(context, now):
        found[EVERYTHING].add(used, findings)
        scope = TEAM + team
        if scope in found or len(found) < SCOPES_MAX:
            found.setdefault(scope, Score()).add(used, findings)
    await _keep(context, found, now)
    return len(found)


async def _certificates(
    context: Context, now: datetime
) -> AsyncIterator[tuple[str, bool, list[tuple[Severity, bool]]]]:
    """The team of each, whether it is in use, and its open findings. Short reads, one after another."""
    last = LEAST
    while True:
        rows = await context.database.query(
            'SELECT "id", "team", "standing", "revoked_at" IS NOT NULL, "not_after" FROM "certificate" '
            f'WHERE "id" > ? ORDER BY "id" LIMIT {CHUNK}',
            last,
        )
        findings = await _findings(context, last, rows[-1][0], now) if rows else {}
        for identifier, team, standing, revoked, not_after in rows:
            used = in_use(standing, bool(revoked), moment_of(not_after), now)
            yield team, used, findings.get(identifier, [])
        if len(rows) < CHUNK:
            return
        last = rows[-1][0]


async def _findings(
    context: Context, after: int, last: int, now: datetime
) -> dict[int, list[tuple[Severity, bool]]]:
    found: dict[int, list[tuple[Severity, bool]]] = {}
    rows = await context.database.query(
        'SELECT "certificate_id", "severity", CASE WHEN "accepted_until" > ? THEN 1 ELSE 0 END '
        'FROM "finding" WHERE "certificate_id" > ? AND "certificate_id" <= ? AND "closed_at" IS NULL',
        *(now, after, last),
    )
    for identifier, severity, accepted in rows:
        found.setdefault(identifier, []).append((Severity(severity), bool(accepted)))
    return found


async def _keep(context: Context, found: dict[str, Score], now: datetime) -> None:
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    known = {row.scope: row for row in await context.database.select(HealthScoreRow, '"day" = ?', day)}
    for some in chunks(sorted(found)):
        change = Change()
        for scope in some:
            one = found[scope]
            numbers = one.certificates, one.sound, one.critical, one.warning, one.notice, one.accepted
            row = HealthScoreRow(context.ledger.new_id(), scope, day, now, *numbers, 1)
            before = known.get(scope)
            if before is None:
                change.inserted.append(row)
            else:
                change.replaced.append((before, row._replace(id=before.id, version=before.version)))
        await context.ledger.commit(change)


# -- for people ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trend:
    """The score of a scope as it was counted last, and before: `days` with its percent, the oldest first,
    None where nothing was in use. `change` is by how many points it has gone up, None where that is not
    known."""

    row: HealthScoreRow
    days: tuple[tuple[datetime, int | None], ...]

    @property
    def percent(self) -> int | None:
        return percent_of(self.row)

    @property
    def change(self) -> int | None:
        known = [percent for _, percent in self.days if percent is not None]
        return known[-1] - known[0] if len(known) > 1 and self.percent is not None else None


@dataclass(frozen=True, slots=True)
class Scores:
    """`trends` are everything, then teams, the lowest first; of `total`."""

    trends: tuple[Trend, ...]
    total: int


def percent_of(row: HealthScoreRow) -> int | None:
    return Score(row.certificates, row.sound).percent


async def list_scores(context: Context, actor: Actor, days: int = DAYS) -> Scores:
    """Scores of the teams whose certificates the actor may view, of the newest day that was counted, and of
    the `days` before. Everything, and what has no team, are for whoever may view everything."""
    newest = await context.database.query('SELECT max("day") FROM "health_score"')
    if newest[0][0] is None:
        return Scores((), 0)
    day = moment_of(newest[0][0])
    rows = await _rows_of_day(context, actor, day)
    rows.sort(key=_rank)
    shown = rows[:SHOWN_MAX]
    begin = day - timedelta(days=max(1, min(days, DAYS_MAX)))
    past = await _past(context, [row.scope for row in shown], begin)
    return Scores(tuple(Trend(row, tuple(past[row.scope])) for row in shown), len(rows))


def _rank(row: HealthScoreRow) -> tuple[bool, int, str]:
    percent = percent_of(row)
    return row.scope != EVERYTHING, 101 if percent is None else percent, row.scope


async def _rows_of_day(context: Context, actor: Actor, day: datetime) -> list[HealthScoreRow]:
    scopes = reach(actor, Verb.VIEW)
    if scopes is None:
        return await context.database.select(HealthScoreRow, '"day" = ?', day)
    found: list[HealthScoreRow] = []
    for some in chunks([TEAM + name for kind, name in scopes if kind == "team"]):
        condition, values = among("scope", some)
        found += await context.database.select(HealthScoreRow, f'"day" = ? AND {condition}', day, *values)
    return found


async def _past(
    context: Context, scopes: list[str], begin: datetime
) -> dict[str, list[tuple[datetime, int | None]]]:
    found: dict[str, list[tuple[datetime, int | None]]] = {}
    for some in chunks(scopes):
        condition, values = among("scope", some)
        sql = f'"day" >= ? AND {condition} ORDER BY "day"'
        for row in await context.database.select(HealthScoreRow, sql, begin, *values):
            found.setdefault(row.scope, []).append((row.day, percent_of(row)))
    return found


def trend_document(trend: Trend) -> dict[str, object]:
    """`team` is empty for what has none, None for everything."""
    row = trend.row
    return {
        "team": None if row.scope == EVERYTHING else row.scope.removeprefix(TEAM),
        "score": trend.percent,
        "change": trend.change,
        "counted_at": row.at.isoformat(),
        "certificates": row.certificates,
        "sound": row.sound,
        "critical": row.critical,
        "warning": row.warning,
        "notice": row.notice,
        "accepted": row.accepted,
        "days": [{"day": day.date().isoformat(), "score": percent} for day, percent in trend.days],
    }
