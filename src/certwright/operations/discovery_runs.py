"""Runs on record: what somebody, or a scope's time, asked to be looked at, and how far it is."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Malformed, Moved, NotFound
from ..core.sightings import ZONE_MAX
from ..ports import Scope
from ..store.among import AT_ONCE, among
from ..store.databases import Database
from ..store.discovery_rows import DiscoveryRunRow
from ..store.ledger import Change
from .context import Context
from .discovery_sources import secret_names

TARGETS_MAX, TARGET_CHARACTERS_MAX = 1_000, 1_024
SETTINGS_OCTETS_MAX = 256 * 1024
OPEN_MAX = 50
SHOWN_TARGETS = 8
STALLED = timedelta(seconds=60)
"""A run of which nothing was heard for so long belongs to nobody any more."""
Document = dict[str, Any]


class RunStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    STALLED = "stalled"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DiscoveryOrder:
    """What to look at: a source by its plugin's name, and what it is to be told. `zone` says which workers
    look; `scope` is the identifier of the scope whose run this is, 0 for none."""

    source: str
    targets: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    zone: str = ""
    scope: int = 0


def check_order(context: Context, order: DiscoveryOrder) -> None:
    """Raises Malformed for what no source could be told, or this one cannot read; NotFound for no source."""
    if not order.targets:
        raise Malformed("nothing to look at was named; name a host, a network, a folder or the like")
    for text in (*order.targets, *order.exclude):
        if not text or len(text) > TARGET_CHARACTERS_MAX or not text.isprintable():
            raise Malformed(f"{shown(text, 40)!r} is not 1 to {TARGET_CHARACTERS_MAX} printable characters")
    if len(order.targets) + len(order.exclude) > TARGETS_MAX:
        raise Malformed(f"more than {TARGETS_MAX} targets at once; write networks, or make several scopes")
    if len(order.zone) > ZONE_MAX or not order.zone.isprintable():
        raise Malformed(f"a zone has at most {ZONE_MAX} printable characters")
    if len(json.dumps(order.settings)) > SETTINGS_OCTETS_MAX:
        raise Malformed(f"the settings are longer than {SETTINGS_OCTETS_MAX} octets")
    context.open_source(order.source, order.settings).check(Scope(order.targets, order.exclude))


def run_status(row: DiscoveryRunRow, now: datetime) -> RunStatus:
    if row.ended_at is None:
        if row.seen_at is None:
            return RunStatus.WAITING
        return RunStatus.STALLED if now - row.seen_at > STALLED else RunStatus.RUNNING
    if row.cancelled_by:
        return RunStatus.CANCELLED
    return RunStatus.FAILED if row.problem else RunStatus.DONE


async def ask_discovery(
    context: Context, actor: Actor, order: DiscoveryOrder, *, mine: bool = False
) -> DiscoveryRunRow:
    """Put a run on record. `mine` says that the caller runs it now; otherwise a worker of the zone does.

    Raises Forbidden, Malformed (also for secrets, which a run would keep in clear), NotFound, Conflict when
    too many wait.
    """
    require(actor, Verb.DISCOVER, Subject())
    check_order(context, order)
    if order.settings and (secret := sorted(secret_names(order.source) & order.settings.keys())):
        raise Malformed(f"{', '.join(secret)} are secret, and only a scope keeps secrets; make one")
    waiting = await context.database.query(
        f'SELECT "id" FROM "discovery_run" WHERE "ended_at" IS NULL LIMIT {OPEN_MAX}'
    )
    if len(waiting) >= OPEN_MAX:
        raise Conflict(f"{OPEN_MAX} runs wait or are under way; wait for one, or cancel one")
    row = new_run(context, actor.name, order, mine=mine)
    await context.ledger.commit(Change(inserted=[row], events=[asked_event(row, actor)]))
    return row


def new_run(context: Context, asked_by: str, order: DiscoveryOrder, *, mine: bool = False) -> DiscoveryRunRow:
    now = context.clock()
    return DiscoveryRunRow(
        id=context.ledger.new_id(),
        scope_id=order.scope,
        source=order.source,
        targets=json.dumps(order.targets),
        exclude=json.dumps(order.exclude),
        settings=json.dumps(order.settings, sort_keys=True),
        zone=order.zone,
        asked_at=now,
        asked_by=asked_by,
        started_at=now if mine else None,
        seen_at=now if mine else None,
        ended_at=None,
        cancelled_by="",
        after="",
        mark="",
        whole=True,
        done=0,
        total=0,
        seen=0,
        new=0,
        appeared=0,
        gone=0,
        problems=0,
        problem="",
        version=1,
    )


def asked_event(row: DiscoveryRunRow, actor: Actor) -> Event:
    targets: list[str] = json.loads(row.targets)
    detail: dict[str, JsonValue] = {
        "source": row.source,
        "targets": [shown(target, 100) for target in targets[:SHOWN_TARGETS]],
        "targets_count": len(targets),
    }
    if row.zone:
        detail["zone"] = row.zone
    if row.scope_id:
        detail["scope"] = str(row.scope_id)
    place = f"discovery-run:{row.id}"
    return Event(EventKind.DISCOVERY_ASKED, row.asked_at, actor.name, actor.source, place, detail)


async def find_run(database: Database, actor: Actor, identifier: int) -> DiscoveryRunRow:
    """Raises Forbidden, NotFound."""
    require(actor, Verb.VIEW, Subject())
    return await _find(database, identifier)


async def _find(database: Database, identifier: int) -> DiscoveryRunRow:
    rows = await database.select(DiscoveryRunRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound(f"there is no discovery run {identifier}")
    return rows[0]


async def list_runs(
    database: Database, actor: Actor, scope: int | None = None, after: int | None = None, limit: int = 50
) -> list[DiscoveryRunRow]:
    """Runs, the newest first, after the one of identifier `after`. Raises Forbidden."""
    require(actor, Verb.VIEW, Subject())
    conditions, values = ["1 = 1"], []
    if scope is not None:
        conditions.append('"scope_id" = ?')
        values.append(scope)
    if after is not None:
        conditions.append('"id" < ?')
        values.append(after)
    where = " AND ".join(conditions)
    sql = f'{where} ORDER BY "id" DESC LIMIT {max(1, min(limit, 1000))}'
    return await database.select(DiscoveryRunRow, sql, *values)


async def last_runs(database: Database, actor: Actor, scopes: Sequence[int]) -> dict[int, DiscoveryRunRow]:
    """The newest run of each scope that has one, by the scope's identifier. Raises Forbidden."""
    require(actor, Verb.VIEW, Subject())
    newest = 'SELECT r."id" FROM "discovery_run" r WHERE r."scope_id" = s."id" ORDER BY r."id" DESC LIMIT 1'
    found: dict[int, DiscoveryRunRow] = {}
    for start in range(0, len(scopes), AT_ONCE):
        condition, values = among("id", scopes[start : start + AT_ONCE])
        sql = f'"id" IN (SELECT ({newest}) FROM "discovery_scope" s WHERE s.{condition})'
        rows = await database.select(DiscoveryRunRow, sql, *values)
        found |= {row.scope_id: row for row in rows}
    return found


async def cancel_run(context: Context, actor: Actor, identifier: int) -> DiscoveryRunRow:
    """Whoever runs it stops within seconds; what it has seen stays. Raises Forbidden, NotFound, Conflict when
    it has ended."""
    require(actor, Verb.DISCOVER, Subject())
    while True:
        row = await _find(context.database, identifier)
        if row.ended_at is not None:
            raise Conflict(f"discovery run {identifier} has ended already")
        now = context.clock()
        after = row._replace(ended_at=now, cancelled_by=actor.name)
        event = Event(
            EventKind.DISCOVERY_ENDED, now, actor.name, actor.source, f"discovery-run:{row.id}", counts(after)
        )
        with suppress(Moved):  # who runs it has just told how far it is
            await context.ledger.commit(Change(replaced=[(row, after)], events=[event]))
            return after


def counts(row: DiscoveryRunRow) -> dict[str, JsonValue]:
    """What a run has come to, for the audit."""
    detail: dict[str, JsonValue] = {
        name: getattr(row, name) for name in ("done", "seen", "new", "appeared", "gone", "problems")
    }
    if row.problem:
        detail["problem"] = shown(row.problem, 300)
    if row.cancelled_by:
        detail["cancelled_by"] = row.cancelled_by
    return detail


def run_document(row: DiscoveryRunRow, now: datetime) -> Document:
    times = {
        name: moment.isoformat() if (moment := getattr(row, name)) else None
        for name in ("asked_at", "started_at", "seen_at", "ended_at")
    }
    numbers = {
        name: getattr(row, name) for name in ("done", "total", "seen", "new", "appeared", "gone", "problems")
    }
    return {
        "id": str(row.id),
        "scope": str(row.scope_id) if row.scope_id else None,
        "source": row.source,
        "targets": json.loads(row.targets),
        "exclude": json.loads(row.exclude),
        "settings": json.loads(row.settings),
        "zone": row.zone,
        "status": run_status(row, now).value,
        "asked_by": row.asked_by,
        "cancelled_by": row.cancelled_by,
        "problem": row.problem,
        **times,
        **numbers,
    }
