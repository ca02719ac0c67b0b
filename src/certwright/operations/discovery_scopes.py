"""Scopes: what is looked at again and again, by which source, how often, and when not."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Malformed, NotFound
from ..core.quiet import is_quiet, parse_quiet
from ..store.databases import Database
from ..store.discovery_rows import DiscoveryRunRow, DiscoveryScopeRow
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from .context import Context
from .discovery_runs import SHOWN_TARGETS, DiscoveryOrder, asked_event, check_order, new_run
from .discovery_sources import secret_names

SCOPES_MAX = 1_000
MINUTES_MAX = 366 * 24 * 60
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
SCHEDULE = Actor("system:schedule")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScopeOrder:
    """`look` is what a run is told; with `every_minutes` 0 runs begin when somebody asks. `quiet` are spans
    as `core.quiet` reads them: in these no run begins, and one that is under way pauses."""

    name: str
    look: DiscoveryOrder
    every_minutes: int = 0
    quiet: tuple[str, ...] = ()


async def save_scope(
    context: Context, actor: Actor, order: ScopeOrder, version: int = 0
) -> DiscoveryScopeRow:
    """Make a scope, or put it in the place of the one of that name as its `version` has it.

    A secret setting that is not given stays as it was, unless the source, the targets or another setting is
    changed: it would be shown to whom it was not meant for. Raises Forbidden, Malformed, NotFound, Conflict.
    """
    require(actor, Verb.DISCOVER, Subject())
    check_scope_name(order.name)
    if not 0 <= order.every_minutes <= MINUTES_MAX:
        raise Malformed(f"every_minutes is {order.every_minutes}; it must be 0 to {MINUTES_MAX}")
    parse_quiet(order.quiet)
    before = await _named(context.database, order.name)
    if (before.version if before else 0) != version:
        raise Conflict(f"scope {order.name} has changed meanwhile, or is there already; read it again")
    kept = secrets_of(context, before) if before and _same_places(before, order.look) else {}
    settings = kept | dict(order.look.settings)
    check_order(context, replace(order.look, settings=settings))
    row = _row(context, actor, order, settings, before)
    change = Change(events=[_event(EventKind.SCOPE_SAVED, row, actor, context.clock())])
    if before is None:
        taken = Conflict(f"scope {order.name} is there already; read it again")
        change.inserted.append(row)
        change.absent.append(Absent(DiscoveryScopeRow, "name", order.name, taken))
    else:
        change.replaced.append((before, row))
    await context.ledger.commit(change)
    return row if before is None else row._replace(version=row.version + 1)


def check_scope_name(name: str) -> None:
    """Raises Malformed."""
    if not _NAME.fullmatch(name):
        raise Malformed("name a scope with 1 to 100 small letters, digits, dots and hyphens")


def _same_places(before: DiscoveryScopeRow, look: DiscoveryOrder) -> bool:
    """Whoever changes where a password goes, or how the other side is known, must know the password."""
    plain = {key: value for key, value in look.settings.items() if key not in secret_names(look.source)}
    known = before.source, before.zone, json.loads(before.targets), json.loads(before.settings)
    return known == (look.source, look.zone, list(look.targets), json.loads(json.dumps(plain)))


def _row(
    context: Context,
    actor: Actor,
    order: ScopeOrder,
    settings: Mapping[str, Any],
    before: DiscoveryScopeRow | None,
) -> DiscoveryScopeRow:
    now, look = context.clock(), order.look
    identifier = before.id if before else context.ledger.new_id()
    secret = {key: value for key, value in settings.items() if key in secret_names(look.source)}
    plain = {key: value for key, value in settings.items() if key not in secret}
    closed = b""
    if secret:
        closed = context.keyring.encrypt(json.dumps(secret).encode(), _place(identifier), context.random(44))
    return DiscoveryScopeRow(
        id=identifier,
        name=order.name,
        source=look.source,
        targets=json.dumps(look.targets),
        exclude=json.dumps(look.exclude),
        settings=json.dumps(plain, sort_keys=True),
        secrets=closed,
        zone=look.zone,
        every_minutes=order.every_minutes,
        quiet=json.dumps(order.quiet),
        next_run_at=now if order.every_minutes else None,
        created_at=before.created_at if before else now,
        created_by=before.created_by if before else actor.name,
        removed_at=None,
        version=before.version if before else 1,
    )


def secrets_of(context: Context, row: DiscoveryScopeRow) -> dict[str, Any]:
    """The secret settings of a scope, opened. Raises IntegrityError."""
    if not row.secrets:
        return {}
    found: dict[str, Any] = json.loads(context.keyring.decrypt(row.secrets, _place(row.id)))
    return found


def _place(identifier: int) -> str:
    return f"discovery scope {identifier}"


def _event(kind: EventKind, row: DiscoveryScopeRow, actor: Actor, now: datetime) -> Event:
    targets: list[str] = json.loads(row.targets)
    detail: dict[str, JsonValue] = {
        "source": row.source,
        "targets": [shown(target, 100) for target in targets[:SHOWN_TARGETS]],
        "targets_count": len(targets),
        "every_minutes": row.every_minutes,
    }
    return Event(kind, now, actor.name, actor.source, f"discovery-scope:{row.name}", detail)


async def remove_scope(context: Context, actor: Actor, name: str) -> DiscoveryScopeRow:
    """What it has seen stays; nobody looks again. The row as it was. Raises Forbidden, NotFound, Moved."""
    require(actor, Verb.DISCOVER, Subject())
    row = await find_scope(context.database, actor, name)
    now = context.clock()
    gone = row._replace(removed_at=now, next_run_at=None, name=f"{row.name}#{row.id}", secrets=b"")
    event = _event(EventKind.SCOPE_REMOVED, row, actor, now)
    await context.ledger.commit(Change(replaced=[(row, gone)], events=[event]))
    return row


async def find_scope(database: Database, actor: Actor, name: str) -> DiscoveryScopeRow:
    """Raises Forbidden, NotFound."""
    require(actor, Verb.VIEW, Subject())
    row = await _named(database, name)
    if row is None:
        raise NotFound(f"there is no discovery scope {name[:100]!r}")
    return row


async def _named(database: Database, name: str) -> DiscoveryScopeRow | None:
    rows = await database.select(DiscoveryScopeRow, '"name" = ? AND "removed_at" IS NULL', name)
    return rows[0] if rows else None


async def list_scopes(database: Database, actor: Actor) -> list[DiscoveryScopeRow]:
    """By name. Raises Forbidden."""
    require(actor, Verb.VIEW, Subject())
    return await database.select(
        DiscoveryScopeRow, f'"removed_at" IS NULL ORDER BY "name" LIMIT {SCOPES_MAX}'
    )


def look_of(row: DiscoveryScopeRow) -> DiscoveryOrder:
    """What a run of the scope is told, without secrets."""
    targets, exclude = (tuple(json.loads(text)) for text in (row.targets, row.exclude))
    return DiscoveryOrder(row.source, targets, exclude, json.loads(row.settings), row.zone, row.id)


async def run_scope(context: Context, actor: Actor, name: str) -> DiscoveryRunRow:
    """Have a worker look at it now. Raises Forbidden, NotFound, Conflict when that is to be done already."""
    require(actor, Verb.DISCOVER, Subject())
    scope = await find_scope(context.database, actor, name)
    if await _under_way(context.database, scope.id):
        raise Conflict(f"a run of scope {name} waits or is under way already")
    row = new_run(context, actor.name, look_of(scope))
    await context.ledger.commit(Change(inserted=[row], events=[asked_event(row, actor)]))
    return row


async def _under_way(database: Database, scope: int) -> bool:
    sql = 'SELECT 1 FROM "discovery_run" WHERE "scope_id" = ? AND "ended_at" IS NULL LIMIT 1'
    return bool(await database.query(sql, scope))


async def scope_of(database: Database, run: DiscoveryRunRow) -> DiscoveryScopeRow | None:
    """The scope whose run it is, None where it has none or that is removed. Raises Unavailable."""
    if not run.scope_id:
        return None
    rows = await database.select(DiscoveryScopeRow, '"id" = ? AND "removed_at" IS NULL', run.scope_id)
    return rows[0] if rows else None


def pauses(scope: DiscoveryScopeRow | None, now: datetime) -> bool:
    """Is it a time at which the scope is not looked at?"""
    return scope is not None and is_quiet(parse_quiet(json.loads(scope.quiet)), now)


async def begin_due_runs(context: Context, zone: str) -> int:
    """Ask for a run of each scope of the zone whose time has come; how many. What was missed while nobody
    looked is made up for once. Raises Unavailable, Moved."""
    now = context.clock()
    due = await context.database.select(
        DiscoveryScopeRow,
        '"next_run_at" IS NOT NULL AND "next_run_at" <= ? AND "zone" = ? AND "removed_at" IS NULL '
        'ORDER BY "next_run_at" LIMIT 20',
        now,
        zone,
    )
    begun = 0
    for scope in due:
        if pauses(scope, now):
            continue
        after = scope._replace(next_run_at=now + timedelta(minutes=scope.every_minutes))
        change = Change(replaced=[(scope, after)])
        if not await _under_way(context.database, scope.id):
            row = new_run(context, SCHEDULE.name, look_of(scope))
            change.join(Change(inserted=[row], events=[asked_event(row, SCHEDULE)]))
            begun += 1
        await context.ledger.commit(change)
    return begun


def scope_document(row: DiscoveryScopeRow) -> Document:
    """Secrets are told by name alone, and by whether there are any."""
    return {
        "name": row.name,
        "id": str(row.id),
        "source": row.source,
        "targets": json.loads(row.targets),
        "exclude": json.loads(row.exclude),
        "settings": json.loads(row.settings),
        "has_secrets": bool(row.secrets),
        "zone": row.zone,
        "every_minutes": row.every_minutes,
        "quiet": json.loads(row.quiet),
        "next_run_at": row.next_run_at.isoformat() if row.next_run_at else None,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        "version": row.version,
    }
