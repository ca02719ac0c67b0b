"""Give audit events their place in the Merkle tree, and sign where the tree stands.

A signature is worth what was checked before it: the stored tree must lead to the newest stored checkpoint,
that one must bear our own signature and go on from the checkpoint kept outside the database, and every row
must follow on its writer's chain. Where one of these does not hold nothing is signed, and a person must look.

One sequencer at a time by lease; a second one would fail on the leaf numbers, and harm nothing. Events of a
writer are placed in the order of their numbers.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..core import merkle
from ..core.access import Actor
from ..core.audit import EventKind, EventRow, Head, genesis, leaf_entry
from ..core.audit_verify import Follower
from ..core.checkpoint import Checkpoint, VerifierKey, compare, sign, verify
from ..core.errors import CertwrightError, Conflict, IntegrityError
from ..store.databases import Database
from ..store.ledger import Change
from ..store.rows import AuditCheckpointRow, AuditLeafRow, AuditNodeRow, AuditWriterRow
from .check_audit_store import in_the_way
from .context import Context
from .read_audit import Stored, Waiting, read_rows_of, read_stored
from .thin_checkpoints import surplus_checkpoints
from .verify_audit import LOG, record_discrepancies

EVENTS_MAX = 5_000
"""Events placed in one commit, so that other writers wait only a moment."""
SYSTEM = Actor("system:audit")
TOLD = timedelta(hours=1)


async def sequence_audit(
    context: Context, origin: str, key: Ed25519PrivateKey, held: str | None
) -> str | None:
    """Place what has no place yet, at most EVENTS_MAX events; the newest signed note, to be kept outside.

    `held` is the note kept outside the database, read before this is called; None where there is none yet.
    None comes back when there was nothing to place and `held` is the newest, so that a note that was lost
    between its commit and its keeping comes again.

    Raises IntegrityError, which is then on record too, when what is stored does not fit together or with
    `held`; Conflict when another sequencer came first, Unavailable.
    """
    try:
        return await _sequence(context, origin, key, held)
    except IntegrityError as error:
        try:
            await _tell(context, error)
        except CertwrightError as failure:
            raise error from failure
        raise


async def _sequence(context: Context, origin: str, key: Ed25519PrivateKey, held: str | None) -> str | None:
    stored = await read_stored(context.database)
    if not stored.writers and held == stored.note:
        return None
    verifier = VerifierKey.of(origin, key.public_key())
    newest = _newest(stored, verifier)
    frontier = await load_frontier(context.database, newest.size)
    if frontier.root() != newest.root:
        text = f"the stored tree of {frontier.size} leaves does not lead to the root of the newest checkpoint"
        raise IntegrityError(f"{text}; run 'certwright audit verify'")
    await _check_held(context.database, newest, held, verifier)
    if not stored.writers:
        return stored.note
    return await _extend(context, stored, frontier, origin, key)


async def _extend(
    context: Context, stored: Stored, frontier: merkle.Frontier, origin: str, key: Ed25519PrivateKey
) -> str:
    """Place the rows of the writers that wait, and sign."""
    change, leaves = Change(), list[bytes]()
    for waiting in stored.writers:
        number = waiting.row.sequenced
        async for row in _rows(context.database, waiting, EVENTS_MAX - len(leaves)):
            change.inserted.append(AuditLeafRow(frontier.size + len(leaves), row.id))
            leaves.append(merkle.leaf_hash(leaf_entry(row)))
            number = row.number
        change.replaced.append((waiting.row, waiting.row._replace(sequenced=number)))
        if len(leaves) == EVENTS_MAX:
            break
    grown, nodes = frontier.extend(leaves)
    now, root = context.clock(), grown.root()
    note = sign(Checkpoint(origin, grown.size, root), key)
    change.inserted += [AuditNodeRow(*node) for node in nodes]
    change.inserted.append(AuditCheckpointRow(grown.size, now, root, note))
    change.removed += await surplus_checkpoints(context.database, now)
    try:
        await context.ledger.commit(change)
    except Conflict as error:
        text = await in_the_way(context.database)
        if text:
            raise IntegrityError(f"{text}; run 'certwright audit verify'") from error
        raise
    return note


# -- what must hold before anything is signed ----------------------------------------------------


def _newest(stored: Stored, verifier: VerifierKey) -> Checkpoint:
    """The newest stored checkpoint, if all leaves are under it and it is our own; an empty one at first."""
    if stored.note is None:
        if stored.size:
            raise IntegrityError(f"{stored.size} leaves of the audit log are stored, and no checkpoint is")
        return Checkpoint(verifier.name, 0, merkle.EMPTY_ROOT)
    try:
        checkpoint = verify(stored.note, [verifier])
    except CertwrightError as error:
        raise IntegrityError(f"the newest stored checkpoint is not ours: {error.detail}") from error
    if not checkpoint.size == stored.size == stored.signed:
        text = f"the newest stored checkpoint states {checkpoint.size} leaves, stands as of {stored.signed}"
        raise IntegrityError(f"{text}, and {stored.size} are stored; run 'certwright audit verify'")
    return checkpoint


async def _check_held(
    database: Database, newest: Checkpoint, held: str | None, verifier: VerifierKey
) -> None:
    """The log goes on from the checkpoint kept outside. That one may be older, as on a host that did not
    sequence for a while."""
    if held is None:
        return
    try:
        kept = verify(held, [verifier])
    except CertwrightError as error:
        raise IntegrityError(f"the checkpoint kept outside the database: {error.detail}") from error
    if kept.size > newest.size:
        text = f"the checkpoint kept outside the database states {kept.size} leaves, the newest stored one"
        raise IntegrityError(f"{text} {newest.size}: the database was rolled back")
    path = merkle.consistency_path(kept.size, newest.size)
    compare(kept, newest, merkle.assemble(path, await load_nodes(database, path)))


async def _rows(database: Database, waiting: Waiting, limit: int) -> AsyncIterator[EventRow]:
    """Up to `limit` of the writer's next rows, each checked to follow on the one before."""
    writer = waiting.row
    if not 0 <= writer.sequenced < writer.events or waiting.wrong:
        text = f"writer {writer.id} is said to have leaves for {writer.sequenced} of {writer.events} events"
        raise IntegrityError(f"{text}, which is not so; run 'certwright audit verify'")
    before = Head(writer.sequenced, await _chain_before(database, writer))
    follower = Follower({writer.id: Head(writer.events, writer.head)}, {writer.id: before})
    number, last = writer.sequenced, min(writer.events, writer.sequenced + limit)
    while number < last:
        rows = await read_rows_of(database, writer.id, number + 1, last)
        for row in rows:
            found = follower.feed(row)
            if row.id != writer.id << 32 | number + 1:
                raise _missing(writer.id, number + 1)
            if found:
                raise IntegrityError(f"{found[0].text}; run 'certwright audit verify'")
            number += 1
            yield row
        if not rows:
            raise _missing(writer.id, number + 1)
        await asyncio.sleep(0)  # others on this loop get their turn


async def _chain_before(database: Database, writer: AuditWriterRow) -> bytes:
    """The chain value of the last row that is placed."""
    if writer.sequenced == 0:
        return genesis(writer.id)
    rows = await read_rows_of(database, writer.id, writer.sequenced, writer.sequenced)
    if not rows:
        raise _missing(writer.id, writer.sequenced)
    return rows[0].chain


def _missing(writer: int, number: int) -> IntegrityError:
    return IntegrityError(f"event {number} of writer {writer} is missing; run 'certwright audit verify'")


async def _tell(context: Context, error: IntegrityError) -> None:
    """Put it on record, once in an hour: it is found again every second."""
    recent = await context.database.query(
        'SELECT 1 FROM "audit_event" WHERE "subject" = ? AND "kind" = ? AND "at" > ? AND "actor" = ? LIMIT 1',
        LOG,
        EventKind.AUDIT_DISCREPANCY_FOUND.value,
        context.clock() - TOLD,
        SYSTEM.name,
    )
    if not recent:
        await record_discrepancies(context, SYSTEM, 1, error.detail)


# -- the stored tree -----------------------------------------------------------------------------


async def load_frontier(database: Database, size: int) -> merkle.Frontier:
    """The right edge of the tree of the first `size` leaves. Raises IntegrityError when a node is gone."""
    path = merkle.root_path(size)
    nodes = await load_nodes(database, path)
    merkle.assemble(path, nodes)
    return merkle.Frontier(size, tuple(nodes[place] for place in merkle.needed(path)))


async def load_nodes(database: Database, path: merkle.Path) -> dict[merkle.Coordinate, bytes]:
    """The stored hashes a path asks for; what is missing is missing from the result."""
    places = merkle.needed(path)
    if not places:
        return {}
    condition = " OR ".join(['"level" = ? AND "position" = ?'] * len(places))
    parameters = [number for place in places for number in place]
    rows = await database.select(AuditNodeRow, condition, *parameters)
    return {merkle.Coordinate(row.level, row.position): row.hash for row in rows}
