"""Is there a worker, and how long do lists and answers last without one? For readiness and metrics.

A dead worker is noticed a minute after its last sign of life. Deltas and lists are renewed at half their
validity at the latest, answers at a third, so that is half a day before a delta is out of date, and days
before anything else is. What holds until its authority's end cannot be renewed, and is left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ..core.clocks import of_the_future
from ..core.errors import Unavailable
from ..store.answers import Run
from ..store.rows import CrlShardRow
from ..store.snapshot import Generation
from .authority_health import DELTA_MARGIN, LIST_MARGIN
from .context import Context
from .found_authority import offline
from .issue_ocsp_signer import OFFLINE_MARGIN, needs_signer
from .lease import LEASE_SECONDS, WORKER, read_leases
from .renew_answers import newest_run
from .renew_lists import can_hold_longer, changed_shards, delta_ends, lasting, shards_ahead

UNSEEN = timedelta(seconds=60)
LISTS_LAST = timedelta(days=3)
ANSWERS_LAST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """`seen_at`: the newest sign of life of any worker, None when there was none within the hour; one of the
    future only where there is no other. `lists_end` (of complete lists), `deltas_end` and `answers_end`: the
    earliest nextUpdate of what a worker renews, or now if a part of it is of the future; None where there is
    nothing to renew."""

    seen_at: datetime | None
    lists_end: datetime | None
    deltas_end: datetime | None
    answers_end: datetime | None


async def worker_health(context: Context, folder: Path) -> WorkerHealth:
    """`folder` holds this host's produced answers. Raises Unavailable."""
    now = context.clock()
    lists: list[datetime] = []
    deltas: list[datetime] = []
    answers: list[datetime] = []
    for one in lasting(context, now):
        if not offline(one):
            of_lists, of_deltas = await _list_ends(context, one, now)
            lists += _renewable(one, of_lists)
            deltas += _renewable(one, of_deltas)
        answers += _renewable(one, _answers_end(context, one, newest_run(one, folder), now))
    ends = [min(found, default=None) for found in (lists, deltas, answers)]
    return WorkerHealth(await _seen_at(context, now), *ends)


def _renewable(generation: Generation, ends: Iterable[datetime]) -> list[datetime]:
    return [end for end in ends if can_hold_longer(generation, end)]


async def _seen_at(context: Context, now: datetime) -> datetime | None:
    leases = await read_leases(context.database)
    held = timedelta(seconds=LEASE_SECONDS)
    beats = [row.expires_at - held for name, row in leases.items() if name.startswith(WORKER)]
    return max((at for at in beats if not of_the_future(at, now)), default=min(beats, default=None))


async def _list_ends(
    context: Context, generation: Generation, now: datetime
) -> tuple[list[datetime], list[datetime]]:
    """The ends of its newest complete lists, and of its newest deltas; now, if a list is of the future."""
    rows = await context.database.select(CrlShardRow, '"generation_id" = ?', generation.id)
    deltas = await delta_ends(context.database, generation)
    if await shards_ahead(context.database, generation, now):
        return [now], []
    return [row.next_update for row in rows], list(deltas.values())


def _answers_end(context: Context, generation: Generation, run: Run | None, now: datetime) -> list[datetime]:
    """One end, none without a run. What holds until the end of a signer that only a person can renew is left
    out, as lists of such authorities are: see `offline_tasks`."""
    if run is None:
        return []
    if of_the_future(run.times.this_update, now):
        return [now]
    signer = context.snapshot.signer(generation.id, now)
    if offline(generation) and (signer is None or run.times.next_update >= signer.not_after):
        return []
    return [run.times.next_update]


def require_lasting(health: WorkerHealth, now: datetime) -> None:
    """Raises Unavailable, days before a list or an answer is out of date, when none was renewed in its time.

    For serving processes: they answer well without a worker until then, and must say so before. Of a delta
    only `require_worker` speaks: without it the complete list holds, and nothing else is worse for it.
    """
    for what, end, margin in (
        ("lists", health.lists_end, LISTS_LAST),
        ("OCSP answers", health.answers_end, ANSWERS_LAST),
    ):
        if end is not None and end - now < margin:
            raise Unavailable(f"{what} last until {end:%Y-%m-%d %H:%M} UTC only; is the worker running?")


def require_worker(health: WorkerHealth, now: datetime) -> None:
    """Raises Unavailable when lists and answers are not being renewed, long before one is out of date."""
    if health.seen_at is None:
        raise Unavailable("no worker has been seen; start one, it renews CRLs and OCSP answers")
    if of_the_future(health.seen_at, now):
        text = f"the worker gave a sign of life at {health.seen_at:%Y-%m-%d %H:%M} UTC, in the future"
        raise Unavailable(f"{text}; set the clocks of its host and this one right, and start it again")
    unseen = now - health.seen_at
    if unseen > UNSEEN:
        known = (health.lists_end, health.deltas_end, health.answers_end)
        ends = min((end for end in known if end), default=None)
        until = f"; what it has signed lasts until {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
        raise Unavailable(f"the worker has not been seen for {unseen.total_seconds():.0f} s{until}")
    for what, end, margin in (
        ("CRL", health.lists_end, LIST_MARGIN),
        ("delta CRL", health.deltas_end, DELTA_MARGIN),
    ):
        if end is not None and end - now < margin:
            text = f"a {what} ends at {end:%Y-%m-%d %H:%M} UTC and is not renewed"
            raise Unavailable(f"{text}; see the worker's log")


@dataclass(frozen=True, slots=True)
class OfflineTask:
    """Something that only a person with the recovery passphrase can do. `what` is `crl` or `ocsp-signer`;
    `ends`: when what there is now goes out of date, None where there is nothing."""

    generation: Generation
    what: str
    ends: datetime | None


async def offline_tasks(context: Context) -> list[OfflineTask]:
    """What is due at authorities whose key is under the recovery passphrase. Raises Unavailable."""
    now, found = context.clock(), []
    for generation in lasting(context, now):
        if not offline(generation):
            continue
        lists, deltas = await _list_ends(context, generation, now)
        soon = [end for end in _renewable(generation, lists + deltas) if end - now < OFFLINE_MARGIN]
        if not lists or soon or await changed_shards(context.database, generation):
            found.append(OfflineTask(generation, "crl", min(lists + deltas, default=None)))
        if needs_signer(context, generation, now):
            signer = context.snapshot.signer(generation.id, now)
            found.append(OfflineTask(generation, "ocsp-signer", signer.not_after if signer else None))
    return found


def require_no_offline_task(tasks: list[OfflineTask]) -> None:
    """Raises Unavailable naming the authorities and the command."""
    if not tasks:
        return
    names = ", ".join(sorted({task.generation.path for task in tasks}))
    command = publishing_command(tasks[0])
    raise Unavailable(f"the lists or OCSP signers of {names} are to be renewed by a person: `{command}`")


def publishing_command(task: OfflineTask) -> str:
    """What a person types for it."""
    return f"certwright crl publish {task.generation.authority.name} --recovery-passphrase-file FILE"
