"""Proofs over the audit log for those who hold a checkpoint (RFC 9162 section 2.1).

An inclusion proof shows that an event is a leaf of the tree that a checkpoint is the root of; a consistency
proof that a later tree only adds to an earlier one. docs/reference/audit.md says how to check them. Each is
checked here before it is given out, so that a stored node that was changed is not taken for a changed event.
"""

from dataclasses import dataclass

from ..core import merkle
from ..core.access import Actor, Subject, Verb, require
from ..core.audit import EventRow, leaf_entry
from ..core.checkpoint import parse
from ..core.errors import Conflict, IntegrityError, NotFound
from ..store.databases import Database
from ..store.rows import AuditCheckpointRow, AuditEventRow, AuditLeafRow
from .sequence_audit import load_frontier, load_nodes


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The leaf `position` of `checkpoint`'s tree is `event`; `hashes` lead from the leaf to the root."""

    event: AuditEventRow
    position: int
    checkpoint: AuditCheckpointRow
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Consistency:
    """The tree of `checkpoint` begins with the tree of its first `older` leaves, as `hashes` show."""

    older: int
    checkpoint: AuditCheckpointRow
    hashes: tuple[bytes, ...]


async def read_checkpoint(database: Database, actor: Actor, size: int | None = None) -> AuditCheckpointRow:
    """The newest checkpoint, or the one of this many leaves. Old ones are thinned out; a consistency proof
    leads from any size to the newest. Raises Forbidden, NotFound, IntegrityError."""
    require(actor, Verb.VIEW_AUDIT, Subject())
    if size is None:
        rows = await database.select(AuditCheckpointRow, '1 = 1 ORDER BY "size" DESC LIMIT 1')
    else:
        rows = await database.select(AuditCheckpointRow, '"size" = ?', size)
    if not rows and size is None:
        raise NotFound("no checkpoint has been signed yet; the worker signs one when there are new events")
    if not rows:
        raise NotFound(f"no checkpoint of {size} leaves is stored; take the newest one")
    stated = parse(rows[0].note)
    if (stated.size, stated.root) != (rows[0].size, rows[0].root):
        text = f"the stored checkpoint of {rows[0].size} leaves has the note of another"
        raise _unproved(IntegrityError(text))
    return rows[0]


async def prove_inclusion(database: Database, actor: Actor, event: int, size: int | None = None) -> Inclusion:
    """For the event with this identifier, under the newest checkpoint or the one of `size` leaves.

    Raises Forbidden, NotFound, Conflict while the event has no place under it, IntegrityError.
    """
    checkpoint = await read_checkpoint(database, actor, size)
    events = await database.select(AuditEventRow, '"id" = ?', event)
    if not events:
        raise NotFound(f"there is no audit event {event}")
    leaves = await database.select(AuditLeafRow, '"event" = ?', event)
    if not leaves or leaves[0].position >= checkpoint.size:
        raise Conflict(
            f"event {event} is newer than the checkpoint of {checkpoint.size} leaves; ask again later"
        )
    position, leaf = leaves[0].position, merkle.leaf_hash(leaf_entry(EventRow(*events[0])))
    path = merkle.inclusion_path(position, checkpoint.size)
    hashes = merkle.assemble(path, await load_nodes(database, path))
    try:
        merkle.verify_inclusion(leaf, position, checkpoint.size, hashes, checkpoint.root)
    except IntegrityError as error:
        raise _unproved(error) from error
    return Inclusion(events[0], position, checkpoint, hashes)


async def prove_consistency(
    database: Database, actor: Actor, older: int, size: int | None = None
) -> Consistency:
    """From a tree of `older` leaves to the newest checkpoint or that of `size` leaves.

    Raises Forbidden, NotFound, Malformed when `older` is the larger one, IntegrityError.
    """
    checkpoint = await read_checkpoint(database, actor, size)
    path = merkle.consistency_path(older, checkpoint.size)
    hashes = merkle.assemble(path, await load_nodes(database, path))
    root = (await load_frontier(database, older)).root()
    try:
        merkle.verify_consistency(older, root, checkpoint.size, checkpoint.root, hashes)
    except IntegrityError as error:
        raise _unproved(error) from error
    return Consistency(older, checkpoint, hashes)


def _unproved(error: IntegrityError) -> IntegrityError:
    return IntegrityError(f"{error.detail}; run 'certwright audit verify'")
