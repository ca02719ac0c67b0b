"""Replays on record: a draft that somebody wants run, how far a worker is with it, and what came of it."""

import asyncio
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import CertwrightError, Conflict, Moved, NotFound, Unavailable
from ..core.rules import RuleSet
from ..core.rules_document import rules_from_document, rules_to_document
from ..store.databases import Database, moment_of
from ..store.ledger import Change
from ..store.rows import PolicyReplayRow
from ..store.snapshot import Snapshot
from .context import Context
from .read_policy import rules_of
from .replay_documents import replayed_document
from .replay_policy import Progress, ReplayOrder, replay_policy, replay_scope

REPLAY = "policy.replay"
"""Kind of follow-up."""
RUNNING_MAX = 5
KEPT = 50
LARGE = ("draft", "result")
_BEHIND = f'ORDER BY "created_at" DESC, "id" DESC LIMIT 100 OFFSET {KEPT}'
PROGRESS_SECONDS = 1.0
STALLED = timedelta(minutes=5)
Document = dict[str, Any]


class ReplayStatus(StrEnum):
    """`waiting` for a worker, `running`, `stalled` where none has told anything for long."""

    WAITING = "waiting"
    RUNNING = "running"
    STALLED = "stalled"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


def replay_status(row: PolicyReplayRow, now: datetime) -> ReplayStatus:
    if row.ended_at is None:
        if now - (row.seen_at or row.created_at) > STALLED:
            return ReplayStatus.STALLED
        return ReplayStatus.RUNNING if row.seen_at else ReplayStatus.WAITING
    if row.cancelled_by:
        return ReplayStatus.CANCELLED
    return ReplayStatus.FAILED if row.problem else ReplayStatus.DONE


async def start_replay(
    context: Context, actor: Actor, rules: RuleSet, at: datetime | None = None, *, everything: bool = False
) -> PolicyReplayRow:
    """Have a draft run beside the rules in force, everything judged as if it were asked for `at` a moment,
    else now. Raises Forbidden, Conflict when too many are under way."""
    require(actor, Verb.MANAGE_POLICY, Subject())
    now, snapshot = context.clock(), context.snapshot
    open_ones = await _outlines(context.database, '"ended_at" IS NULL')
    running = [row for row in open_ones if replay_status(row, now) is not ReplayStatus.STALLED]
    if len(running) >= RUNNING_MAX:
        raise Conflict(f"{len(running)} replays are under way; wait for one, or cancel one")
    draft = json.dumps(rules_to_document(rules), sort_keys=True)
    row = PolicyReplayRow(
        id=context.ledger.new_id(),
        draft=draft,
        digest=hashlib.sha256(draft.encode()).digest(),
        based_on=snapshot.policy.number if snapshot.policy else 0,
        at=at or now,
        everything=everything,
        created_at=now,
        created_by=actor.name,
        done=0,
        total=0,
        seen_at=None,
        ended_at=None,
        cancelled_by="",
        problem="",
        result="",
        version=1,
    )
    old = await _outlines(context.database, f'"ended_at" IS NOT NULL {_BEHIND}')
    follow_up = (REPLAY, json.dumps({"replay": str(row.id)}))
    await context.ledger.commit(
        Change(inserted=[row], removed=[*old], events=[_event(row, actor)], follow_ups=[follow_up])
    )
    return row


def _event(row: PolicyReplayRow, actor: Actor) -> Event:
    detail: dict[str, JsonValue] = {
        "digest": row.digest.hex(),
        "based_on": row.based_on,
        "at": row.at.isoformat(),
        "everything": row.everything,
    }
    place = f"policy-replay:{row.id}"
    return Event(EventKind.POLICY_REPLAYED, row.created_at, actor.name, actor.source, place, detail)


async def find_replay(database: Database, actor: Actor, identifier: int) -> PolicyReplayRow:
    """Raises Forbidden, NotFound."""
    require(actor, Verb.VIEW, Subject())
    return await _find(database, identifier)


def replay_number(text: str) -> int:
    """An identifier as addresses have it. Raises NotFound: what is no number names nothing."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20) or int(text) >= 2**63:
        raise NotFound(f"there is no replay {text[:40]!r}")
    return int(text)


async def _find(database: Database, identifier: int) -> PolicyReplayRow:
    rows = await database.select(PolicyReplayRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound(f"there is no replay {identifier}; the newest {KEPT} are kept")
    return rows[0]


async def list_replays(database: Database, actor: Actor) -> list[PolicyReplayRow]:
    """All that are kept, the newest first, without their drafts and results. Raises Forbidden."""
    require(actor, Verb.VIEW, Subject())
    return await _outlines(database, f'1 = 1 ORDER BY "created_at" DESC, "id" DESC LIMIT {KEPT}')


async def _outlines(database: Database, condition: str) -> list[PolicyReplayRow]:
    """Rows without what makes them large, which is empty text here."""
    columns = [f"'' AS \"{name}\"" if name in LARGE else f'"{name}"' for name in PolicyReplayRow._fields]
    rows = await database.query(f'SELECT {", ".join(columns)} FROM "policy_replay" WHERE {condition}')
    return [_outline(PolicyReplayRow(*row)) for row in rows]


def _outline(row: PolicyReplayRow) -> PolicyReplayRow:
    """With the types that `query` does not know of."""
    seen, ended = (at if at is None else moment_of(at) for at in (row.seen_at, row.ended_at))
    created, at, everything = moment_of(row.created_at), moment_of(row.at), bool(row.everything)
    return row._replace(created_at=created, at=at, seen_at=seen, ended_at=ended, everything=everything)


async def cancel_replay(context: Context, actor: Actor, identifier: int) -> PolicyReplayRow:
    """Whoever runs it stops within seconds. Raises Forbidden, NotFound, Conflict when it has ended."""
    require(actor, Verb.MANAGE_POLICY, Subject())
    while True:
        row = await _find(context.database, identifier)
        if row.ended_at is not None:
            raise Conflict(f"replay {identifier} has ended already")
        after = row._replace(ended_at=context.clock(), cancelled_by=actor.name)
        with suppress(Moved):  # a worker has just told how far it is
            await context.ledger.commit(Change(replaced=[(row, after)]))
            return after


def draft_of(row: PolicyReplayRow) -> RuleSet:
    return rules_from_document(json.loads(row.draft))


def replay_document(row: PolicyReplayRow, now: datetime) -> Document:
    return {
        "id": str(row.id),
        "status": replay_status(row, now).value,
        "digest": row.digest.hex(),
        "based_on": row.based_on,
        "at": row.at.isoformat(),
        "everything": row.everything,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        "done": row.done,
        "total": row.total,
        "problem": row.problem,
        "result": json.loads(row.result) if row.result else None,
    }


async def run_replay(
    database: Database,
    snapshot: Snapshot,
    actor: Actor,
    order: ReplayOrder,
    now: datetime,
    progress: Progress = lambda done, total: None,
) -> Document:
    """Run a draft here and now, with nothing on record; what it has found. Raises Forbidden, Unavailable."""
    require(actor, Verb.MANAGE_POLICY, Subject())
    return await _replayed(database, snapshot, order, now, progress)


async def _replayed(
    database: Database, snapshot: Snapshot, order: ReplayOrder, now: datetime, progress: Progress
) -> Document:
    found = await replay_policy(database, snapshot, order, now, progress)
    return await replayed_document(database, order, replay_scope(snapshot, order, now), found)


# -- running it ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Place:
    done: int = 0
    total: int = 0

    def move(self, done: int, total: int) -> None:
        self.done, self.total = done, total


async def replay_follow_up(context: Context, payload: dict[str, object]) -> None:
    """Run a replay from its beginning, unless it has ended. Raises Unavailable: it is to be run again."""
    try:
        row = await _find(context.database, int(str(payload["replay"])))
    except NotFound:
        return  # it was cancelled, and is no longer kept
    try:
        await _run(context, row)
    except Unavailable:
        raise
    except CertwrightError as error:
        await _end(context, row.id, problem=error.detail)


async def _run(context: Context, row: PolicyReplayRow) -> None:
    database, snapshot, now = context.database, context.snapshot, context.clock()
    current = await rules_of(database, row.based_on)
    order, place = ReplayOrder(current, draft_of(row), row.at, row.everything), _Place()
    work = asyncio.create_task(_replayed(database, snapshot, order, now, place.move))
    try:
        while row.ended_at is None:
            row = await _note(context, row.id, place)
            ended, _ = await asyncio.wait({work}, timeout=PROGRESS_SECONDS)
            if ended:
                await _end(context, row.id, result=json.dumps(work.result()), place=place)
                return
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _note(context: Context, identifier: int, place: _Place) -> PolicyReplayRow:
    """How far it is goes on record, unless it has ended; the row as it is then."""
    while True:
        row = await _find(context.database, identifier)
        if row.ended_at is not None:
            return row
        after = row._replace(done=place.done, total=place.total, seen_at=context.clock())
        with suppress(Moved):
            await context.ledger.commit(Change(replaced=[(row, after)]))
            return after


async def _end(
    context: Context, identifier: int, *, problem: str = "", result: str = "", place: _Place | None = None
) -> None:
    """Unless it has ended already."""
    while True:
        row = await _find(context.database, identifier)
        if row.ended_at is not None:
            return
        after = row._replace(ended_at=context.clock(), problem=problem, result=result)
        if place is not None:
            after = after._replace(done=place.total, total=place.total)
        with suppress(Moved):
            await context.ledger.commit(Change(replaced=[(row, after)]))
            return
