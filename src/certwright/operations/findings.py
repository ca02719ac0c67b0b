"""Findings as people see and answer them: known, accepted for a time with a reason, or to be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..core.access import Actor, Verb, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Malformed, NotFound
from ..core.health import KINDS, Severity
from ..store.among import among
from ..store.databases import Database
from ..store.discovery_rows import FindingRow, SightingRow
from ..store.ledger import Change
from ..store.rows import CertificateRow
from .context import Context
from .find_certificate import read_subject
from .list_certificates import scope_condition

REASON_MAX = 500
ACCEPTED_MAX = timedelta(days=400)
PAGE_MAX = 1000
DUE = "due"
"""Wanted as a state: open or acknowledged, so neither closed nor accepted for now."""
NO_TEAM = "none"
COUNTED_MAX = 10_000
"""How many findings are looked at where somebody waits for a number."""
Document = dict[str, Any]


class State(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """What is empty does not matter. Without a `state`, those that are not closed; DUE is one more. The team
    NO_TEAM stands for certificates without one."""

    code: str = ""
    severity: str = ""
    team: str = ""
    certificate: int | None = None
    state: str = ""


def state_of(row: FindingRow, now: datetime) -> State:
    if row.closed_at is not None:
        return State.CLOSED
    if row.accepted_until is not None and row.accepted_until > now:
        return State.ACCEPTED
    return State.ACKNOWLEDGED if row.acknowledged_by else State.OPEN


async def list_findings(
    context: Context, actor: Actor, wanted: FindingFilter, after: int | None = None, limit: int = 100
) -> list[FindingRow]:
    """Findings of certificates that the actor may view, the newest first. Raises Malformed."""
    _check(wanted)
    conditions, values = _state_condition(wanted.state, context.clock())
    columns = _columns(wanted) | ({"severity": wanted.severity} if wanted.severity else {})
    conditions += [f'"{column}" = ?' for column in columns]
    values += columns.values()
    scope, names = scope_condition(actor, Verb.VIEW)
    if scope != "1 = 1":
        conditions.append(f'"certificate_id" IN (SELECT "id" FROM "certificate" WHERE {scope})')
        values += names
    if after is not None:
        conditions.append('"id" < ?')
        values.append(after)
    where = " AND ".join(conditions)
    sql = f'{where} ORDER BY "id" DESC LIMIT {max(1, min(limit, PAGE_MAX))}'
    return await context.database.select(FindingRow, sql, *values)


@dataclass(frozen=True, slots=True)
class FindingCounts:
    """How many there are by severity; `looked` says that only the newest so many were looked at."""

    by_severity: Mapping[str, int]
    looked: int | None


async def count_findings(context: Context, actor: Actor, wanted: FindingFilter) -> FindingCounts:
    """Count what `list_findings` finds, whatever the severity, among the newest COUNTED_MAX that have the
    code, team and certificate and are closed or not as wanted. Raises Malformed."""
    _check(wanted)
    closed = "NOT NULL" if wanted.state == State.CLOSED else "NULL"
    columns = _columns(wanted)
    values = list(columns.values())
    closed_or_not = " AND ".join([f'"closed_at" IS {closed}', *(f'"{column}" = ?' for column in columns)])
    newest = f'SELECT * FROM "finding" WHERE {closed_or_not} ORDER BY "id" DESC LIMIT {COUNTED_MAX}'
    states, more = _state_condition(wanted.state, context.clock())
    scope, names = scope_condition(actor, Verb.VIEW)
    if scope != "1 = 1":
        states.append(f'"certificate_id" IN (SELECT "id" FROM "certificate" WHERE {scope})')
    where = " AND ".join(states)
    sql = f'SELECT "severity", COUNT(*) FROM ({newest}) f WHERE {where} GROUP BY "severity"'
    rows = await context.database.query(sql, *values, *more, *names)
    found: dict[str, int] = {row[0]: row[1] for row in rows}
    whole = await context.database.query(f"SELECT COUNT(*) FROM ({newest}) f", *values)
    return FindingCounts(found, COUNTED_MAX if whole[0][0] >= COUNTED_MAX else None)


def _columns(wanted: FindingFilter) -> dict[str, Any]:
    """Values of columns of `finding`."""
    found = {"code": wanted.code, "team": wanted.team, "certificate_id": wanted.certificate}
    columns: dict[str, Any] = {column: value for column, value in found.items() if value}
    if wanted.team == NO_TEAM:
        columns["team"] = ""
    return columns


def _check(wanted: FindingFilter) -> None:
    for value, known, what in (
        (wanted.code, tuple(KINDS), "code"),
        (wanted.severity, tuple(Severity), "severity"),
        (wanted.state, (*State, DUE), "state"),
    ):
        if value and value not in known:
            raise Malformed(f"there is no {what} {shown(value, 40)!r}; known are {', '.join(known)}")


def _state_condition(state: str, now: datetime) -> tuple[list[str], list[Any]]:
    if state == State.CLOSED:
        return ['"closed_at" IS NOT NULL'], []
    conditions, values = ['"closed_at" IS NULL'], []
    if state == State.ACCEPTED:
        conditions.append('"accepted_until" > ?')
        values.append(now)
    elif state:
        conditions.append('("accepted_until" IS NULL OR "accepted_until" <= ?)')
        values.append(now)
    if state in (State.OPEN, State.ACKNOWLEDGED):
        conditions.append("\"acknowledged_by\" = ''" if state == State.OPEN else "\"acknowledged_by\" <> ''")
    return conditions, values


async def find_finding(
    database: Database, actor: Actor, identifier: int
) -> tuple[FindingRow, CertificateRow]:
    """Raises NotFound, also for those of certificates that the actor may not view."""
    missing = NotFound(f"there is no finding {identifier}")
    rows = await database.select(FindingRow, '"id" = ?', identifier)
    if not rows:
        raise missing
    scope, values = scope_condition(actor, Verb.VIEW)
    found = await database.select(CertificateRow, f'"id" = ? AND ({scope})', rows[0].certificate_id, *values)
    if not found:
        raise missing
    return rows[0], found[0]


async def acknowledge_finding(context: Context, actor: Actor, identifier: int) -> FindingRow:
    """Somebody is at it: whoever may renew the certificate says so. Raises NotFound, Forbidden, Conflict."""
    row, certificate = await _to_answer(context, actor, identifier)
    after = row._replace(acknowledged_by=actor.name)
    return await _answer(context, actor, (row, after), certificate, EventKind.FINDING_ACKNOWLEDGED)


async def accept_finding(
    context: Context, actor: Actor, identifier: int, until: datetime, reason: str
) -> FindingRow:
    """It is to stay so for a time. It opens again by itself after that. Raises NotFound, Forbidden, Conflict,
    Malformed."""
    row, certificate = await _to_answer(context, actor, identifier, Verb.MANAGE_OWNERS)
    now = context.clock()
    if not now < until <= now + ACCEPTED_MAX:
        raise Malformed(f"accept it until a moment within the next {ACCEPTED_MAX.days} days")
    if not 1 <= len(reason.strip()) <= REASON_MAX:
        raise Malformed(f"say why, in 1 to {REASON_MAX} characters")
    after = row._replace(accepted_until=until, reason=reason.strip(), acknowledged_by=actor.name)
    return await _answer(context, actor, (row, after), certificate, EventKind.FINDING_ACCEPTED)


async def _to_answer(
    context: Context, actor: Actor, identifier: int, verb: Verb = Verb.RENEW
) -> tuple[FindingRow, CertificateRow]:
    row, certificate = await find_finding(context.database, actor, identifier)
    require(actor, verb, await read_subject(context.database, actor, certificate))
    if row.closed_at is not None:
        raise Conflict(f"finding {identifier} has closed: its fact is gone")
    return row, certificate


async def _answer(
    context: Context,
    actor: Actor,
    change: tuple[FindingRow, FindingRow],
    certificate: CertificateRow,
    kind: EventKind,
) -> FindingRow:
    before, after = change
    detail: dict[str, JsonValue] = {"code": before.code, "finding": str(before.id)}
    if after.accepted_until != before.accepted_until and after.accepted_until is not None:
        detail |= {"until": after.accepted_until.isoformat(), "reason": shown(after.reason, REASON_MAX)}
    place = f"certificate:{certificate.fingerprint.hex()}"
    event = Event(kind, context.clock(), actor.name, actor.source, place, detail)
    await context.ledger.commit(Change(replaced=[change], events=[event]))
    return after._replace(version=before.version + 1)


async def finding_documents(context: Context, rows: list[FindingRow]) -> list[Document]:
    """With the certificates they are about, and where. Raises Unavailable."""
    certificates: dict[int, tuple[str, str]] = {}
    places: dict[int, Document] = {}
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        condition, values = among("id", [row.certificate_id for row in some])
        sql = f'SELECT "id", "fingerprint", "subject" FROM "certificate" WHERE {condition}'
        for identifier, fingerprint, subject in await context.database.query(sql, *values):
            certificates[identifier] = bytes(fingerprint).hex(), subject
        condition, values = among("id", [row.sighting_id for row in some])
        for one in await context.database.select(SightingRow, condition, *values):
            places[one.id] = {
                "zone": one.zone, "kind": one.kind, "host": one.host, "port": one.port, "name": one.name
            }  # fmt: skip
    now = context.clock()
    return [_document(row, certificates, places, now) for row in rows]


def _document(
    row: FindingRow, certificates: dict[int, tuple[str, str]], places: dict[int, Document], now: datetime
) -> Document:
    fingerprint, subject = certificates.get(row.certificate_id, ("", ""))
    return {
        "id": str(row.id),
        "code": row.code,
        "severity": row.severity,
        "state": state_of(row, now).value,
        "detail": row.detail,
        "certificate": fingerprint,
        "subject": subject,
        "team": row.team,
        "place": places.get(row.sighting_id),
        "opened_at": row.opened_at.isoformat(),
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
        "acknowledged_by": row.acknowledged_by,
        "accepted_until": row.accepted_until.isoformat() if row.accepted_until else None,
        "reason": row.reason,
    }
