"""Read the whole audit log in the order that `core.audit_records` checks and `core.audit_export` writes."""

from collections.abc import AsyncIterator, Callable, Sequence

from ..core.audit import Head
from ..core.audit_records import End, Header, Leaf, Record, SignedCheckpoint, Unsequenced, WriterHead
from ..core.checkpoint import VerifierKey
from ..store.databases import Database
from .read_audit import (
    NONE,
    Standing,
    read_astray,
    read_checkpoints,
    read_leaves,
    read_standing,
    read_unplaced,
)

Progress = Callable[[int, int], None]


async def export_audit(
    database: Database, keys: Sequence[VerifierKey], progress: Progress = lambda done, total: None
) -> AsyncIterator[Record]:
    """Every record of the log, page by page; it may grow meanwhile. Raises Unavailable.

    `progress` is told how many of how many events have been read.
    """
    standing = await read_standing(database)
    done, total = 0, standing.events
    async for record in records_of(database, keys, standing):
        yield record
        done += isinstance(record, Unsequenced) or (isinstance(record, Leaf) and record.row is not None)
        progress(done, total)


async def records_of(
    database: Database, keys: Sequence[VerifierKey], standing: Standing
) -> AsyncIterator[Record]:
    """The records up to where the log stood at one moment, and rows that have no place in it at all."""
    yield Header(tuple(keys))
    for writer in standing.writers:
        yield WriterHead(writer.id, Head(writer.events, writer.head))
    rows = 0
    async for record in _tree(database, standing):
        rows += isinstance(record, Leaf) and record.row is not None
        yield record
    async for row in read_unplaced(database, standing):
        rows += 1
        yield Unsequenced(row)
    for row in await read_astray(database, standing.size):
        rows += 1
        yield Unsequenced(row)
    yield End(standing.size, rows)


async def _tree(database: Database, standing: Standing) -> AsyncIterator[Leaf | SignedCheckpoint]:
    """Leaves, and each checkpoint after the last leaf that it covers."""
    checkpoints = _checkpoints(database, standing)
    waiting = await anext(checkpoints, None)
    async for leaf in read_leaves(database, standing.size):
        while waiting is not None and waiting[0] <= leaf.index:
            yield SignedCheckpoint(waiting[1])
            waiting = await anext(checkpoints, None)
        yield leaf
    while waiting is not None:
        yield SignedCheckpoint(waiting[1])
        waiting = await anext(checkpoints, None)


async def _checkpoints(database: Database, standing: Standing) -> AsyncIterator[tuple[int, str]]:
    """Size and note of each. The newest one is that of the standing: it may be thinned out meanwhile."""
    async for size, _, note in read_checkpoints(database, standing.signed):
        yield size, note
    if standing.signed != NONE:
        yield standing.signed, standing.note
