"""The right to a task that one process at a time may do: taken, renewed, given back.

A lease is a row. Whoever renews or takes it replaces the row as it was read, so that of two who try at once
one gets it; a holder that dies loses it when its time is over. Hosts' clocks must agree to a few seconds; a
lease that lasts longer than any can was taken while a clock was ahead, and is void.

What is done under a lease must do no harm when it is done twice: a process that stood still for longer than
its lease finishes what it had begun beside its successor.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from ..core.clocks import of_the_future
from ..core.errors import Moved
from ..store.databases import Database, Duplicate
from ..store.ledger import Change
from ..store.rows import LeaseRow
from .context import Context

LEASE_SECONDS = 10.0
LEASES_MAX = 10_000

WORKER = "worker/"
"""What the names of the leases begin with that say that a worker lives; its executor's name follows, and the
holder is the version of its durable work."""


async def read_leases(database: Database) -> dict[str, LeaseRow]:
    """All leases by name, those that have run out too. Raises Unavailable."""
    rows = await database.select(LeaseRow, f'1 = 1 ORDER BY "name" LIMIT {LEASES_MAX}')
    return {row.name: row for row in rows}


def in_force(row: LeaseRow, now: datetime, duration: timedelta) -> bool:
    """`duration`: for how long leases are taken."""
    return now < row.expires_at and not of_the_future(row.expires_at - duration, now)


async def take_lease(
    context: Context, name: str, holder: str, duration: timedelta, before: LeaseRow | None
) -> LeaseRow | None:
    """Take a lease or renew it; its row, None when somebody else holds it.

    `before` is its row as read. Raises Unavailable.
    """
    now = context.clock()
    if before is not None and before.holder != holder and in_force(before, now, duration):
        return None
    after = LeaseRow(name, holder, now + duration)
    change = Change(inserted=[after]) if before is None else Change(replaced=[(before, after)])
    try:
        await context.ledger.commit(change)
    except (Moved, Duplicate):
        return None
    return after


async def give_back(context: Context, row: LeaseRow) -> None:
    """End a lease of ours before its time; one that somebody else has by now stays. Raises Unavailable."""
    with suppress(Moved):
        await context.ledger.commit(Change(replaced=[(row, row._replace(expires_at=context.clock()))]))
