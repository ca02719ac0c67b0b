"""Check what the database holds beside the events: nodes, checkpoints' columns, how far writers are placed.

None of it can hide a change to an event. It is what the sequencer goes on from and what proofs are made of,
so that what is wrong there would stop the one and spoil the other.
"""

from collections.abc import AsyncIterator, Mapping

from ..core.audit import NUMBER_MAX, WRITER_MAX
from ..core.audit_verify import Discrepancy, DiscrepancyKind
from ..core.checkpoint import parse
from ..core.errors import CertwrightError
from ..core.merkle import node_hash
from ..store.databases import Database
from .read_audit import MOST, NUMBERS, PAGE, Standing, octets, read_checkpoints, whole

LEVELS = 63
ASTRAY_MAX = 100


async def check_store(
    database: Database, standing: Standing, placed: Mapping[int, int] | None
) -> AsyncIterator[Discrepancy]:
    """What is wrong. `placed` has the number of each writer's last leaf; None where leaves are wrong
    themselves, which has been reported."""
    signed = max(0, standing.signed)
    if signed != standing.size:
        text = f"the newest stored checkpoint is of {signed} leaves, and {standing.size} are stored"
        yield _wrong(text, leaf=min(signed, standing.size))
    for one in _sequenced(standing, placed) if placed is not None else ():
        yield one
    async for size, root, note in read_checkpoints(database, min(standing.signed, MOST - 1) + 1):
        differing = _columns(size, root, note)
        if differing is not None:
            yield differing
    async for one in _nodes(database, standing.size):
        yield one
    for level, position in await _nodes_astray(database):
        leaf = position << level if 0 <= level < LEVELS else None
        yield _wrong(_outside(level, position), leaf=leaf)


async def in_the_way(database: Database) -> str:
    """What keeps the sequencer from adding to the tree, other than another sequencer; empty for nothing.

    Each is seen in one statement together with how far the tree goes.
    """
    for level, position in await _nodes_astray(database):
        return _outside(level, position)
    rows = await database.query(
        'SELECT l."position", l."event" FROM "audit_writer" w JOIN "audit_leaf" l '
        f'ON l."event" > w."id" * {NUMBERS} + w."sequenced" % {NUMBERS} '
        f'AND l."event" <= w."id" * {NUMBERS} + w."events" % {NUMBERS} '
        f'WHERE w."events" > w."sequenced" AND w."id" BETWEEN 1 AND {WRITER_MAX} LIMIT 1'
    )
    for position, event in rows:
        return f"leaf {position} is of event {event & NUMBER_MAX} of writer {event >> 32}, which has none yet"
    return ""


def _outside(level: int, position: int) -> str:
    return f"node {position} of level {level} stands outside the tree"


def _wrong(text: str, writer: int = 0, number: int = 0, leaf: int | None = None) -> Discrepancy:
    return Discrepancy(DiscrepancyKind.INCONSISTENT, text, writer, number, leaf)


def _sequenced(standing: Standing, placed: Mapping[int, int]) -> list[Discrepancy]:
    """Whether each writer's row says how many of its events have leaves: the others get theirs next."""
    found = []
    for writer in standing.writers:
        reached = placed.get(writer.id, 0)
        if writer.sequenced != reached:
            text = (
                f"writer {writer.id} is said to have leaves for {writer.sequenced} events, and has {reached}"
            )
            found.append(_wrong(text, writer.id, min(reached, max(0, writer.sequenced)) + 1))
    return found


def _columns(size: int, root: bytes, note: str) -> Discrepancy | None:
    """Whether the columns say what the note says; a note that cannot be read is reported by itself."""
    try:
        checkpoint = parse(note)
    except CertwrightError:
        return None
    if (checkpoint.size, checkpoint.root) == (size, root):
        return None
    return _wrong(f"the stored checkpoint of {size} leaves has the note of another", leaf=max(0, size - 1))


_WITH_THOSE_BELOW = (
    'SELECT n."position", substr(n."hash", 1, 64), substr(a."hash", 1, 64), substr(b."hash", 1, 64) '
    'FROM "audit_node" n '
    'LEFT JOIN "audit_node" a ON a."level" = n."level" - 1 AND a."position" = 2 * n."position" '
    'LEFT JOIN "audit_node" b ON b."level" = n."level" - 1 AND b."position" = 2 * n."position" + 1 '
    'WHERE n."level" = ? AND n."position" >= ? AND n."position" < ? '
    f'ORDER BY n."position" LIMIT {PAGE}'
)


async def _nodes(database: Database, size: int) -> AsyncIterator[Discrepancy]:
    """Whether every complete subtree has its node, and that is the hash of the two below it."""
    for level in range(1, size.bit_length()):
        count, expected = size >> level, 0
        while True:
            found = await database.query(_WITH_THOSE_BELOW, level, expected, count)
            for position, digest, left, right in found:
                if position > expected:
                    yield _missing(level, expected, position)
                if node_hash(octets(left), octets(right)) != octets(digest):
                    text = f"node {position} of level {level} is not the hash of the two nodes below it"
                    yield _wrong(text, leaf=position << level)
                expected = position + 1
            if len(found) < PAGE:
                break
        if expected < count:
            yield _missing(level, expected, count)


def _missing(level: int, first: int, end: int) -> Discrepancy:
    which = f"nodes {first} to {end - 1} are" if end - first > 1 else f"node {first} is"
    return _wrong(f"{which} missing from level {level} of the stored tree", leaf=first << level)


async def _nodes_astray(database: Database) -> list[tuple[int, int]]:
    """Nodes of leaves that are not there, seen together with the leaves. The sequencer could never add its
    own in their place."""
    found = await database.query(
        "WITH RECURSIVE levels(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM levels WHERE n < 62) "
        'SELECT a."level", a."position" FROM levels JOIN "audit_node" a ON a."level" = levels.n '
        'AND a."position" >= (SELECT COALESCE(max("position") + 1, 0) FROM "audit_leaf" '
        f'WHERE "position" < {MOST}) >> levels.n '
        'UNION ALL SELECT a."level", a."position" FROM levels JOIN "audit_node" a ON a."level" = levels.n '
        'AND a."position" < 0 '
        'UNION ALL SELECT "level", "position" FROM "audit_node" WHERE "level" > 62 OR "level" < 0 '
        f"LIMIT {ASTRAY_MAX}"
    )
    return [(whole(level), whole(position)) for level, position in found]
