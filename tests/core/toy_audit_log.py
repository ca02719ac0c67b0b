"""A small audit log as a database would hold it: written, numbered by a sequencer and signed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certwright.core import audit_export, audit_records, checkpoint, merkle
from certwright.core.audit import Chain, Event, EventKind, EventRow, Head, leaf_entry
from certwright.core.audit_records import (
    End,
    Header,
    Leaf,
    Record,
    Report,
    SignedCheckpoint,
    Unsequenced,
    WriterHead,
)
from certwright.core.checkpoint import Checkpoint, VerifierKey

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
ORIGIN = "pki.example/audit"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
THEIRS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEY = VerifierKey.of(ORIGIN, PRIVATE.public_key())
THEIR_KEY = VerifierKey.of(ORIGIN, THEIRS.public_key())


@dataclass(frozen=True)
class Log:
    """What a database holds: rows, leaves in order (hash, event), checkpoints, heads, keys."""

    rows: dict[tuple[int, int], EventRow]
    leaves: list[tuple[bytes, tuple[int, int]]]
    checkpoints: list[tuple[int, str]]
    heads: dict[int, Head]
    keys: tuple[VerifierKey, ...] = (KEY,)

    def records(self) -> Iterator[Record]:
        sequenced = {event for _, event in self.leaves}
        return arrange(
            self.keys,
            self.heads.items(),
            (Leaf(index, hash_, self.rows.get(event)) for index, (hash_, event) in enumerate(self.leaves)),
            self.checkpoints,
            (row for event, row in sorted(self.rows.items()) if event not in sequenced),
        )

    def lines(self) -> list[str]:
        return [audit_export.encode(record) for record in self.records()]

    def verify(self, trusted: Iterable[VerifierKey] = (KEY,), held: Iterable[str] = ()) -> Report:
        """Checks the records, and the export of them, which must agree."""
        report = audit_records.verify_records(self.records(), tuple(trusted), tuple(held))
        assert audit_export.verify_export(self.lines(), tuple(trusted), tuple(held)) == report
        return report

    def with_row(self, row: EventRow) -> "Log":
        return replace(self, rows={**self.rows, (row.writer, row.number): row})

    def without(self, event: tuple[int, int]) -> "Log":
        return replace(self, rows={key: row for key, row in self.rows.items() if key != event})


def arrange(
    keys: Sequence[VerifierKey],
    heads: Iterable[tuple[int, Head]],
    leaves: Iterable[Leaf],
    checkpoints: Iterable[tuple[int, str]],
    unsequenced: Iterable[EventRow],
) -> Iterator[Record]:
    """A log's records in their order.

    `leaves` in the order of the tree, `checkpoints` as (size, note) by size, `unsequenced` by writer and
    number.
    """
    yield Header(tuple(keys))
    for writer, head in heads:
        yield WriterHead(writer, head)
    notes = iter(checkpoints)
    waiting = next(notes, None)
    count = rows = 0
    for leaf in leaves:
        while waiting is not None and waiting[0] <= count:
            yield SignedCheckpoint(waiting[1])
            waiting = next(notes, None)
        yield leaf
        count += 1
        rows += leaf.row is not None
    while waiting is not None:
        yield SignedCheckpoint(waiting[1])
        waiting = next(notes, None)
    for row in unsequenced:
        yield Unsequenced(row)
        rows += 1
    yield End(count, rows)


def event(writer: int, number: int, profile: str = "tls-server") -> Event:
    at = NOON + timedelta(seconds=number)
    return Event(
        EventKind.CERTIFICATE_ISSUED, at, "local:\u00e4lice", "::1", f"x:{writer}", {"profile": profile}
    )


def sign(leaves: list[bytes], key: Ed25519PrivateKey = PRIVATE) -> tuple[int, str]:
    return len(leaves), checkpoint.sign(Checkpoint(ORIGIN, len(leaves), merkle.root_hash(leaves)), key)


def made(counts: dict[int, int], sequence: list[int], every: int = 4) -> Log:
    """`counts` events of each writer; `sequence` says whose next event each leaf is."""
    rows, heads = {}, {}
    for writer, count in counts.items():
        written, chain = Chain.start(writer).extend(event(writer, number) for number in range(1, count + 1))
        rows.update({(writer, row.number): row for row in written})
        heads[writer] = Head(chain.number, chain.head)
    reached = dict.fromkeys(counts, 0)
    leaves, notes = [], []
    for writer in sequence:
        reached[writer] += 1
        row = rows[writer, reached[writer]]
        leaves.append((merkle.leaf_hash(leaf_entry(row)), (writer, row.number)))
        if len(leaves) % every == 0 or len(leaves) == len(sequence):
            notes.append(sign([hash_ for hash_, _ in leaves]))
    return Log(rows, leaves, notes, heads)


LOG = made({1: 9, 2: 6, 3: 4}, [1, 1, 2, 1, 3, 2, 2, 1, 1, 3, 2, 3, 1])
"""13 leaves with checkpoints at 4, 8, 12 and 13; the rest is not sequenced yet."""
NEWEST = LOG.checkpoints[-1][1]


def kinds(report: Report) -> list[str]:
    return [item.kind.value for item in report.discrepancies]


def named(report: Report) -> set[tuple[int, int]]:
    return {(item.writer, item.number) for item in report.discrepancies}


def rewritten(log: Log, writer: int, number: int, *, hashes: bool) -> Log:
    """The writer's chain written anew from an event on, with its head; with `hashes` the leaves too."""
    before = log.rows.get((writer, number - 1))
    chain = Chain(writer, number - 1, before.chain) if before else Chain.start(writer)
    count = log.heads[writer].number
    forged, chain = chain.extend(event(writer, place, "forged") for place in range(number, count + 1))
    for row in forged:
        log = log.with_row(row)
    leaves = log.leaves
    if hashes:
        leaves = [(merkle.leaf_hash(leaf_entry(log.rows[key])), key) for _, key in log.leaves]
    return replace(log, heads={**log.heads, writer: Head(count, chain.head)}, leaves=leaves)


def rolled_back(log: Log, size: int) -> Log:
    """The database as it was at `size` leaves, whole and consistent."""
    leaves = log.leaves[:size]
    reached: dict[int, int] = {}
    for _, (writer, number) in leaves:
        reached[writer] = number
    rows = {key: row for key, row in log.rows.items() if key[1] <= reached.get(key[0], 0)}
    heads = {writer: Head(number, log.rows[writer, number].chain) for writer, number in reached.items()}
    return Log(rows, leaves, [note for note in log.checkpoints if note[0] <= size], heads)
