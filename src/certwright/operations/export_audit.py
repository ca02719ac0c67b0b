"""Read the whole audit log in the order that `core.audit_records` checks and `core.audit_export` writes."""

from collections.abc import AsyncIterator, Sequence

from ..core.audit import EventRow, Head
from ..core.audit_records import End, Header, Leaf, Record, SignedCheckpoint, Unsequenced, WriterHead
from ..core.checkpoint import VerifierKey
from ..store.databases import Database
from ..store.rows import AuditCheckpointRow, AuditEventRow, AuditWriterRow
from .sequence_audit import tree_size

PAGE = 2_000


async def export_audit(database: Database, keys: Sequence[VerifierKey]) -> AsyncIterator[Record]:
    """Every record of the log, page by page; it may grow meanwhile. Raises Unavailable.

    The size of the tree is taken first, then the heads, then leaves below that size and rows up to the heads.
    """
    size = await tree_size(database)
    writers = await database.select(AuditWriterRow, '1 = 1 ORDER BY "id"')
    yield Header(tuple(keys))
    for writer in writers:
        yield WriterHead(writer.id, Head(writer.events, writer.head))
    rows = 0
    checkpoints = await database.select(AuditCheckpointRow, '"size" <= ? ORDER BY "size"', size)
    waiting = list(reversed(checkpoints))
    async for leaf in _leaves(database, size):
        while waiting and waiting[-1].size <= leaf.index:
            yield SignedCheckpoint(waiting.pop().note)
        yield leaf
        rows += leaf.row is not None
    while waiting:
        yield SignedCheckpoint(waiting.pop().note)
    for writer in writers:
        async for row in _unplaced(database, writer, size):
            yield Unsequenced(row)
            rows += 1
    yield End(size, rows)


async def _leaves(database: Database, size: int) -> AsyncIterator[Leaf]:
    """Leaves below `size`; one that is gone leaves a gap, which the check names."""
    for start in range(0, size, PAGE):
        end = min(start + PAGE, size)
        events = {
            row.id: EventRow(*row)
            for row in await database.select(
                AuditEventRow,
                '"id" IN (SELECT "event" FROM "audit_leaf" WHERE "position" >= ? AND "position" < ?)',
                start,
                end,
            )
        }
        for index, event, digest in await database.query(
            'SELECT l."position", l."event", n."hash" FROM "audit_leaf" l LEFT JOIN "audit_node" n '
            'ON n."level" = 0 AND n."position" = l."position" WHERE l."position" >= ? AND l."position" < ? '
            'ORDER BY l."position"',
            start,
            end,
        ):
            yield Leaf(index, digest or b"", events.get(event))


async def _unplaced(database: Database, writer: AuditWriterRow, size: int) -> AsyncIterator[EventRow]:
    """Rows of a writer that no leaf below `size` stands for, in the order of their numbers."""
    last, end = writer.id << 32, (writer.id + 1) << 32
    while True:
        rows = await database.select(
            AuditEventRow,
            '"id" > ? AND "id" < ? AND NOT EXISTS (SELECT 1 FROM "audit_leaf" l '
            f'WHERE l."event" = "audit_event"."id" AND l."position" < ?) ORDER BY "id" LIMIT {PAGE}',
            last,
            end,
            size,
        )
        for row in rows:
            yield EventRow(*row)
        if len(rows) < PAGE:
            return
        last = rows[-1].id
