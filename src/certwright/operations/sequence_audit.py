"""Give audit events their place in the Merkle tree, and sign where the tree stands.

One sequencer at a time by lease; a second one would fail on the leaf numbers, and harm nothing. Events of a
writer are placed in the order of their numbers, writers by turns.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..core import merkle
from ..core.audit import EventRow, leaf_entry
from ..core.checkpoint import Checkpoint, sign
from ..store.databases import Database
from ..store.ledger import Change
from ..store.rows import (
    AuditCheckpointRow,
    AuditEventRow,
    AuditLeafRow,
    AuditNodeRow,
    AuditWriterRow,
)
from .context import Context

EVENTS_MAX = 5_000
"""Events placed in one commit, so that other writers wait only a moment."""


async def sequence_audit(context: Context, origin: str, key: Ed25519PrivateKey) -> str | None:
    """Place what has no place yet, at most EVENTS_MAX events; the new signed note, None without news.

    Raises Conflict when another sequencer came first, Unavailable.
    """
    writers = await context.database.select(AuditWriterRow, '"events" > "sequenced" ORDER BY "id"')
    if not writers:
        return None
    frontier = await load_frontier(context.database, await tree_size(context.database))
    change = Change()
    leaves: list[bytes] = []
    for writer in writers:
        rows = await _unplaced(context.database, writer, EVENTS_MAX - len(leaves))
        for row in rows:
            change.inserted.append(AuditLeafRow(frontier.size + len(leaves), row.id))
            leaves.append(merkle.leaf_hash(leaf_entry(EventRow(*row))))
        if rows:
            change.replaced.append((writer, writer._replace(sequenced=rows[-1].number)))
    if not leaves:
        return None
    grown, nodes = frontier.extend(leaves)
    note = sign(Checkpoint(origin, grown.size, grown.root()), key)
    change.inserted += [AuditNodeRow(*node) for node in nodes]
    change.inserted.append(AuditCheckpointRow(grown.size, context.clock(), grown.root(), note))
    await context.ledger.commit(change)
    return note


async def tree_size(database: Database) -> int:
    """Leaves placed so far."""
    rows = await database.query('SELECT max("size") FROM "audit_checkpoint"')
    return rows[0][0] or 0


async def load_frontier(database: Database, size: int) -> merkle.Frontier:
    """The right edge of the tree of the first `size` leaves. Raises IntegrityError when a node is gone."""
    path = merkle.root_path(size)
    nodes = await load_nodes(database, path)
    merkle.assemble(path, nodes)
    return merkle.Frontier(size, tuple(nodes[place] for place in merkle.needed(path)))


async def load_nodes(database: Database, path: merkle.Path) -> dict[merkle.Coordinate, bytes]:
    """The stored hashes a path asks for; what is missing is missing from the result."""
    found = {}
    for place in merkle.needed(path):
        for row in await database.select(AuditNodeRow, '"level" = ? AND "position" = ?', *place):
            found[place] = row.hash
    return found


async def _unplaced(database: Database, writer: AuditWriterRow, limit: int) -> list[AuditEventRow]:
    first = (writer.id << 32) + writer.sequenced + 1
    last = (writer.id << 32) + writer.events
    return await database.select(
        AuditEventRow, f'"id" BETWEEN ? AND ? ORDER BY "id" LIMIT {max(limit, 0)}', first, last
    )
