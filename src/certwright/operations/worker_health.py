"""Is there a worker, and how long do lists and answers last without one? For readiness and metrics.

A dead worker is noticed a minute after its last sign of life. Lists are renewed at half their validity at the
latest, answers at a third, so that is days before any of them is out of date.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ..core.clocks import of_the_future
from ..core.errors import Unavailable
from ..store.answers import Run
from ..store.rows import CrlShardRow
from ..store.snapshot import Generation
from .context import Context
from .found_authority import offline
from .issue_ocsp_signer import OFFLINE_MARGIN, needs_signer
from .lease import LEASE_SECONDS, WORKER, read_leases
from .renew_answers import newest_run
from .renew_lists import changed_shards, lasting, shards_ahead

UNSEEN = timedelta(seconds=60)
LIST_MARGIN = timedelta(days=1)
LISTS_LAST = timedelta(days=3)
ANSWERS_LAST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """`seen_at`: the newest sign of life of any worker, None when there was none within the hour; one of the
    future only where there is no other. `lists_end` and `answers_end`: the earliest nextUpdate of what a
    worker renews, or now if a part of it is of the future; None where there is nothing."""

    seen_at: datetime | None
    lists_end: datetime | None
    answers_end: datetime | None


async def worker_health(context: Context, folder: Path) -> WorkerHealth:
    """`folder` holds this host's produced answers. Raises Unavailable."""
    now = context.clock()
    generations = lasting(context, now)
    lists = [await _lists_end(context, one, now) for one in generations if not offline(one)]
    runs = [run for one in generations if (run := newest_run(one, folder))]
    return WorkerHealth(
        await _seen_at(context, now),
        min((end for end in lists if end), default=None),
        min((_answers_end(run, now) for run in runs), default=None),
    )


async def _seen_at(context: Context, now: datetime) -> datetime | None:
    leases = await read_leases(context.database)
    held = timedelta(seconds=LEASE_SECONDS)
    beats = [row.expires_at - held for name, row in leases.items() if name.startswith(WORKER)]
    return max((at for at in beats if not of_the_future(at, now)), default=min(beats, default=None))


async def _lists_end(context: Context, generation: Generation, now: datetime) -> datetime | None:
    rows = await context.database.select(CrlShardRow, '"generation_id" = ?', generation.id)
    if await shards_ahead(context.database, generation, now):
        return now
    return min((row.next_update for row in rows), default=None)


def _answers_end(run: Run, now: datetime) -> datetime:
    return now if of_the_future(run.times.this_update, now) else run.times.next_update


def require_lasting(health: WorkerHealth, now: datetime) -> None:
    """Raises Unavailable, days before a list or an answer is out of date, when none was renewed in its time.

    For serving processes: they answer well without a worker until then, and must say so before.
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
        ends = min((end for end in (health.lists_end, health.answers_end) if end), default=None)
        until = f"; what it has signed lasts until {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
        raise Unavailable(f"the worker has not been seen for {unseen.total_seconds():.0f} s{until}")
    if health.lists_end is not None and health.lists_end - now < LIST_MARGIN:
        raise Unavailable(
            f"a CRL ends at {health.lists_end:%Y-%m-%d %H:%M} UTC and is not renewed; see the worker's log"
        )


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
        ends = await _lists_end(context, generation, now)
        changed = await changed_shards(context.database, generation)
        if ends is None or ends - now < OFFLINE_MARGIN or changed:
            found.append(OfflineTask(generation, "crl", ends))
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
