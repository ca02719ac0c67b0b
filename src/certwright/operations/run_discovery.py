"""Run a look from where it stands to its end: a source tells what it sees, and it is taken in as it comes.

How far the source is goes on record in the same commit as what it has seen by then, so whoever goes on after
a crash misses nothing. Two who run the same do no harm: the second to tell how far it is stops.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ..core.audit import Event, EventKind
from ..core.errors import CertwrightError, Moved
from ..ports import Progress, Scope, Sighting
from ..store.changed_rows import Mark
from ..store.discovery_rows import DiscoveryRunRow, DiscoveryScopeRow, SightingRow
from ..store.ledger import Change
from .context import Context
from .discovery_runs import OPEN_MAX, STALLED, counts
from .discovery_scopes import begin_due_runs, pauses, scope_of, secrets_of
from .note_findings import judge_again
from .take_seen_lists import WAITING_OCTETS, take_seen_lists
from .take_sightings import PLACES_MAX, Look, Taken, take_sightings

FLUSH_SECONDS = 0.5
GONE_AT_ONCE = 500
AT_ONCE = 4
"""How many runs of a zone a worker is at; each keeps the pace that its scope says."""
LOOK_SECONDS = 2.0

Watcher = Callable[[DiscoveryRunRow, list[Sighting], Taken], Awaitable[None]]
"""Told of each part that is on record: how far the run is, and what was seen and taken in."""


async def nobody(row: DiscoveryRunRow, sightings: list[Sighting], taken: Taken) -> None:
    """Where nobody watches."""


async def run_discovery(context: Context, row: DiscoveryRunRow, watcher: Watcher = nobody) -> DiscoveryRunRow:
    """Go on with a run until its end, or until its scope's quiet time; the row as it is then.

    What a source cannot do ends the run with a problem. Raises Unavailable where the database is gone, and
    leaves the run to be gone on with.
    """
    scope = await scope_of(context.database, row)
    secrets = secrets_of(context, scope) if scope else {}
    run = _Run(context, row, watcher, scope)
    try:
        run.since = await last_mark(context, row)
        await run.begin()
        if await _look(context, run, json.loads(row.settings) | secrets):
            await run.end()
    except Moved:
        return run.row  # it was cancelled, or somebody else goes on with it
    return run.row


async def _look(context: Context, run: "_Run", settings: dict[str, Any]) -> bool:
    """Whether the source has come to its end, or can go no further."""
    row = run.row
    targets, exclude = (tuple(json.loads(text)) for text in (row.targets, row.exclude))
    try:
        source = context.open_source(row.source, settings)
        async with aclosing(source.look(Scope(targets, exclude, row.after, run.since))) as items:
            async for item in items:
                await run.note(item)
                if pauses(run.scope, context.clock()):
                    return False
    except _SourceError as error:
        raise error.cause from error
    except Moved:
        raise
    except CertwrightError as error:
        run.problem = error.detail
    return True


class _SourceError(Exception):
    """What went wrong on our side of a source, told apart from what the source itself raises."""

    def __init__(self, cause: CertwrightError) -> None:
        super().__init__(cause.detail)
        self.cause = cause


@dataclass(slots=True)
class _Run:
    context: Context
    row: DiscoveryRunRow
    watcher: Watcher
    scope: DiscoveryScopeRow | None = None
    since: str = ""
    problem: str = ""
    mark: str = ""
    whole: bool = True
    waiting: list[Sighting] = field(default_factory=list)
    lists: list[Sighting] = field(default_factory=list)
    """CRLs of authorities that are not known yet: the run may still come to them."""
    progress: dict[str, Any] = field(default_factory=dict)
    flushed: float = 0.0

    @property
    def look(self) -> Look:
        return Look(self.row.id, self.row.scope_id, self.row.zone)

    async def begin(self) -> None:
        now, self.whole = self.context.clock(), self.row.whole
        self.flushed = asyncio.get_running_loop().time()
        await self._record(Change(), {"started_at": self.row.started_at or now})

    async def note(self, item: Sighting | Progress) -> None:
        try:
            if isinstance(item, Sighting):
                self.waiting.append(item)
            else:
                self.mark, self.whole = item.mark, self.whole and item.whole
                self.progress = {
                    "done": item.done,
                    "total": item.total,
                    "after": item.cursor,
                    "whole": self.whole,
                }
            due = asyncio.get_running_loop().time() - self.flushed >= FLUSH_SECONDS
            if due or len(self.waiting) >= PLACES_MAX:
                await self.flush()
        except CertwrightError as error:
            raise _SourceError(error) from error

    async def flush(self, last: bool = False) -> None:
        """Take in what waits, and put on record how far the source is."""
        sightings, self.waiting = self.waiting, []
        self.flushed = asyncio.get_running_loop().time()
        taken = await take_sightings(self.context, self.look, sightings) if sightings else Taken()
        await self._take_lists([one for one in sightings if one.revocation_list], taken, last)
        numbers = {
            "seen": self.row.seen + taken.seen,
            "new": self.row.new + taken.new,
            "appeared": self.row.appeared + taken.appeared,
            "problems": self.row.problems + len(taken.problems),
        }
        await self._record(Change(), numbers | self.progress)
        await judge_again(self.context, taken.certificates)
        await self.watcher(self.row, sightings, taken)

    async def _take_lists(self, new: list[Sighting], taken: Taken, last: bool) -> None:
        if last:
            new, self.lists = [*self.lists, *new], []
        room = 0 if last else WAITING_OCTETS - sum(len(one.revocation_list) for one in self.lists)
        seen = await take_seen_lists(self.context, self.row.zone, new, room)
        self.lists += seen.waiting
        taken.problems += seen.problems
        taken.certificates |= seen.certificates

    async def end(self) -> None:
        """The last part, what is gone, and the end."""
        await self.flush(last=True)
        gone = 0
        if self.row.scope_id and self.whole and not self.problem:
            gone = await note_gone(self.context, self.look)
        now = self.context.clock()
        columns: dict[str, Any] = {"ended_at": now, "problem": self.problem, "gone": self.row.gone + gone}
        if not self.problem:
            columns |= {"done": max(self.row.total, self.row.done), "mark": self.mark}
        after = self.row._replace(**columns)
        place = f"discovery-run:{self.row.id}"
        event = Event(EventKind.DISCOVERY_ENDED, now, self.row.asked_by, "", place, counts(after))
        await self._record(Change(events=[event]), columns)

    async def _record(self, change: Change, columns: dict[str, Any]) -> None:
        """Raises Moved where somebody else has told how far the run is, or has ended it."""
        after = self.row._replace(**columns, seen_at=self.context.clock())
        change.replaced.append((self.row, after))
        await self.context.ledger.commit(change)
        self.row = after._replace(version=self.row.version + 1)


async def last_mark(context: Context, row: DiscoveryRunRow) -> str:
    """Where a run of a scope may begin: the newest mark of its runs that came to their end and were told the
    same. Secrets are not compared: a mark says what is known, not what may be seen."""
    if not row.scope_id:
        return ""
    same = ("scope_id", "source", "targets", "exclude", "settings", "zone")
    condition = " AND ".join(f'"{column}" = ?' for column in same)
    values = [getattr(row, column) for column in same]
    sql = f'SELECT "mark" FROM "discovery_run" WHERE {condition} AND "mark" <> ? ORDER BY "ended_at" DESC'
    rows = await context.database.query(f"{sql} LIMIT 1", *values, "")
    return str(rows[0][0]) if rows else ""


async def note_gone(context: Context, look: Look) -> int:
    """What the scope's earlier runs have seen and this one, which has come to its end, has not; how many."""
    gone = 0
    while True:
        rows = await context.database.query(
            'SELECT "id", "certificate_id" FROM "sighting" WHERE "ended_at" IS NULL AND "scope_id" = ? '
            f'AND "last_run" <> ? LIMIT {GONE_AT_ONCE}',
            look.scope,
            look.run,
        )
        if not rows:
            return gone
        ended = Mark(SightingRow, {"ended_at": context.clock()}, [row[0] for row in rows])
        await context.ledger.commit(Change(marked=[ended]))
        await judge_again(context, [row[1] for row in rows])
        gone += len(rows)


async def run_waiting(context: Context, zone: str) -> None:
    """Run what waits in a zone, and what comes to wait meanwhile, until nothing does; a long run does not
    hold up the short ones. Raises Unavailable; what was under way is then left to be gone on with."""
    under_way: dict[int, asyncio.Task[DiscoveryRunRow]] = {}
    try:
        while True:
            await begin_due_runs(context, zone)
            while len(under_way) < AT_ONCE and (row := await next_run(context, zone, under_way)):
                under_way[row.id] = asyncio.create_task(run_discovery(context, row))
            if not under_way:
                return
            await asyncio.wait(under_way.values(), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for identifier in [one for one, task in under_way.items() if task.done()]:
                under_way.pop(identifier).result()
    finally:
        for task in under_way.values():
            task.cancel()
        await asyncio.gather(*under_way.values(), return_exceptions=True)


async def next_run(context: Context, zone: str, but: Collection[int] = ()) -> DiscoveryRunRow | None:
    """A run of the zone that nobody is at, the one that was asked for first; none of a scope that pauses,
    and none of those in `but`."""
    now = context.clock()
    rows = await context.database.select(
        DiscoveryRunRow,
        '"ended_at" IS NULL AND "zone" = ? AND ("seen_at" IS NULL OR "seen_at" < ?) ORDER BY "id" '
        f"LIMIT {OPEN_MAX}",
        zone,
        now - STALLED,
    )
    for row in rows:
        if row.id not in but and not pauses(await scope_of(context.database, row), now):
            return row
    return None
