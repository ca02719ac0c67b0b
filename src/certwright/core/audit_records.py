"""The whole audit log as a stream of records, and the check of it.

`LogVerifier` takes a log record by record, `verify_records` a whole one, so that a database and an export
of it (`audit_export`) are checked by the same code. All streams: memory grows with the number of writers,
not with that of events. Reading a log that grows: take the tree size and the heads at one moment, then leaves
below that size, and unsequenced rows up to those heads.

What holds: given a trusted key or a checkpoint kept outside the database, any change to what the
newest such checkpoint covers is found, and so is a log that was rolled back behind a checkpoint kept
outside. What no checkpoint covers yet is held by the writers' chains and heads alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .audit import EventRow, Head, leaf_entry
from .audit_verify import WRITERS_MAX, Discrepancy, DiscrepancyKind, Follower
from .checkpoint import Checkpoint, VerifierKey, parse, verify
from .errors import CertwrightError, IntegrityError, Malformed, TooLarge
from .merkle import Frontier, leaf_hash

DISCREPANCIES_MAX = 1_000
PENDING_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Header:
    """The first record: the public keys of the log's checkpoints, the newest first, of one name."""

    keys: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class WriterHead:
    """How far a writer had come when the log was read."""

    writer: int
    head: Head


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf, its hash as stored in the tree, and its row; no row where that one is gone."""

    index: int
    hash: bytes
    row: EventRow | None


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint as a signed note. It stands right after the last leaf that it covers."""

    note: str


@dataclass(frozen=True, slots=True)
class Unsequenced:
    """A row that no leaf stands for yet."""

    row: EventRow


@dataclass(frozen=True, slots=True)
class End:
    """The last record, so that one cut short is seen. `rows` counts those of leaves too."""

    leaves: int
    rows: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """In place of a line that cannot be read."""

    text: str


Record = Header | WriterHead | Leaf | SignedCheckpoint | Unsequenced | End
_ORDER: dict[type, int] = {WriterHead: 1, Leaf: 2, SignedCheckpoint: 2, Unsequenced: 3, End: 4}


# -- the check -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    `newest` is the newest checkpoint whose signature and root are right: `newest.size` leaves are as
    they were when it was signed. `trusted` says whether its key was given to the check; if not, the
    key was taken from the log itself, and whoever can write the log may have written it as well.
    `found` counts the discrepancies, of which the first DISCREPANCIES_MAX are kept.
    """

    origin: str
    events: int
    leaves: int
    newest: Checkpoint | None
    trusted: bool
    discrepancies: tuple[Discrepancy, ...]
    found: int

    @property
    def sound(self) -> bool:
        """Nothing was found wrong."""
        return self.found == 0


def verify_records(
    records: Iterable[Record | Damaged], trusted: Sequence[VerifierKey] = (), held: Sequence[str] = ()
) -> Report:
    """Check a whole log.

    `trusted` are the log's public keys as known from elsewhere, `held` checkpoints (signed notes) of
    it that were kept elsewhere. What is wrong with the log stands in the report. Raises Malformed when
    the records do not begin with a header, or a held checkpoint cannot be read; TooLarge past
    WRITERS_MAX writers or PENDING_MAX checkpoints that are larger than the log.
    """
    stream = iter(records)
    header = next(stream, None)
    if not isinstance(header, Header):
        why = f" ({header.text})" if isinstance(header, Damaged) else ""
        raise Malformed(f"the audit export does not begin with a header{why}; is it another file?")
    verifier = LogVerifier(header, trusted, held)
    for record in stream:
        verifier.feed(record)
    return verifier.finish()


class LogVerifier:
    """Follows the records of one log, as `verify_records` does. Raises Malformed for a held checkpoint that
    cannot be read. Leaves grow a frontier, whose root checkpoints must meet."""

    def __init__(self, header: Header, trusted: Sequence[VerifierKey], held: Sequence[str]) -> None:
        self._keys = tuple(trusted) or header.keys
        self._trusted = bool(trusted)
        self._found: list[Discrepancy] = []
        self._count = 0
        self._heads: dict[int, Head] = {}
        self._follower = Follower(self._heads)
        self._frontier = Frontier()
        self._leaves = 0
        self._rows = 0
        self._order = 0
        self._whole = True  # no leaf has been passed over, so that the frontier's root means something
        self._mismatch = False
        self._newest: Checkpoint | None = None
        self._waiting = 0
        self._pending: dict[int, list[tuple[Checkpoint, bool]]] = {}
        if trusted and not set(trusted) & set(header.keys):
            named = header.keys[0].text()
            self._report(DiscrepancyKind.KEY_REPLACED, f"the log names the key {named}, which is not trusted")
        for note in held:
            self._hold(note)

    @property
    def events(self) -> int:
        """How many events have been read."""
        return self._rows

    @property
    def found(self) -> int:
        """How much has been found wrong so far."""
        return self._count

    def feed(self, record: Record | Damaged) -> None:
        """Check the next record, the header left out. Raises TooLarge as `verify_records`."""
        order = _ORDER.get(type(record), 0)
        if isinstance(record, Damaged):
            self._report(DiscrepancyKind.UNREADABLE, record.text)
        elif order == 0 or order < self._order or self._order == _ORDER[End]:
            text = f"a {type(record).__name__} record stands out of place, after {self._leaves} leaves"
            self._report(DiscrepancyKind.UNREADABLE, text)
        else:
            self._order = order
            self._take(record)

    def _take(self, record: Record) -> None:
        if isinstance(record, Leaf):
            self._leaf(record)
        elif isinstance(record, Unsequenced):
            self._row(record.row, None)
        elif isinstance(record, SignedCheckpoint):
            self._checkpoint(record.note)
        elif isinstance(record, WriterHead):
            self._head(record)
        elif isinstance(record, End):
            self._end(record)

    def finish(self) -> Report:
        """What was found, once all records have been fed."""
        for discrepancy in self._follower.finish():
            self.add(discrepancy)
        if self._order != _ORDER[End]:
            self._report(DiscrepancyKind.MISSING, "the log ends without its end record: it was cut short")
        for size in sorted(size for size in self._pending if size > self._leaves):
            text = f"{_which(self._pending[size])} states {size} leaves, the log has {self._leaves}"
            self._report(DiscrepancyKind.ROLLED_BACK, f"{text}: it was rolled back")
        covered = self._newest.size if self._newest else 0
        if covered < self._leaves and self._whole and not self._mismatch:
            text = f"no checkpoint covers leaves {covered} to {self._leaves - 1}"
            self._report(DiscrepancyKind.UNSIGNED, text, leaf=covered)
        return Report(
            self._keys[0].name,
            self._rows,
            self._leaves,
            self._newest,
            self._trusted,
            tuple(self._found),
            self._count,
        )

    # -- one method for each record

    def _head(self, record: WriterHead) -> None:
        if len(self._heads) >= WRITERS_MAX:
            raise TooLarge(f"the audit log has more than {WRITERS_MAX} writers")
        if record.writer in self._heads:
            text = f"writer {record.writer} has two heads"
            self._report(DiscrepancyKind.DUPLICATED, text, record.writer, record.head.number)
        else:
            self._heads[record.writer] = record.head

    def _leaf(self, record: Leaf) -> None:
        if record.index < self._leaves:
            text = f"leaf {record.index} stands where leaf {self._leaves} belongs"
            self._report(DiscrepancyKind.REORDERED, text, leaf=record.index)
            return
        if record.index > self._leaves:
            text = f"leaves {self._leaves} to {record.index - 1} are missing, or stand elsewhere"
            self._report(DiscrepancyKind.MISSING, text, leaf=self._leaves)
            self._whole = False
        self._leaves = record.index + 1
        if record.row is None:
            text = f"the row of leaf {record.index} is missing"
            self._report(DiscrepancyKind.MISSING, text, leaf=record.index)
        else:
            self._row(record.row, record)
        if self._whole:
            self._frontier = self._frontier.append(record.hash)
            self._meet(self._leaves)

    def _row(self, row: EventRow, leaf: Leaf | None) -> None:
        self._rows += 1
        index = None if leaf is None else leaf.index
        named = False
        for discrepancy in self._follower.feed(row, index):
            self.add(discrepancy)
            named = named or discrepancy.number == row.number
        if leaf is not None and not named and leaf_hash(leaf_entry(row)) != leaf.hash:
            text = f"event {row.number} of writer {row.writer} is not what was logged as leaf {index}"
            self._report(DiscrepancyKind.CHANGED, text, row.writer, row.number, index)

    def _checkpoint(self, note: str) -> None:
        try:
            checkpoint = verify(note, self._keys)
        except CertwrightError as error:
            text = f"the checkpoint after {self._leaves} leaves: {error.detail}"
            self._report(DiscrepancyKind.SIGNATURE, text)
            return
        if checkpoint.size < self._leaves:
            text = f"the checkpoint of {checkpoint.size} leaves stands after {self._leaves} leaves"
            self._report(DiscrepancyKind.UNREADABLE, text)
            return
        self._expect(checkpoint, held=False)

    def _end(self, record: End) -> None:
        if (record.leaves, record.rows) != (self._leaves, self._rows):
            text = (
                f"the log states {record.leaves} leaves and {record.rows} rows,"
                f" but {self._leaves} and {self._rows} are there"
            )
            self._report(DiscrepancyKind.MISSING, text)

    # -- checkpoints

    def _hold(self, note: str) -> None:
        """A checkpoint kept elsewhere counts by what it states, even when the log's key is another."""
        try:
            checkpoint = verify(note, self._keys)
        except IntegrityError as error:
            checkpoint = parse(note)
            text = f"the held checkpoint of {checkpoint.size} leaves: {error.detail}"
            self._report(DiscrepancyKind.KEY_REPLACED, text)
        self._expect(checkpoint, held=True)

    def _expect(self, checkpoint: Checkpoint, *, held: bool) -> None:
        if self._waiting >= PENDING_MAX:
            raise TooLarge(f"more than {PENDING_MAX} checkpoints wait for leaves of the audit log")
        self._waiting += 1
        self._pending.setdefault(checkpoint.size, []).append((checkpoint, held))
        if checkpoint.size == self._leaves and self._whole:
            self._meet(self._leaves)

    def _meet(self, size: int) -> None:
        """Compare the root at `size` leaves with every checkpoint of that size."""
        expected = self._pending.pop(size, None)
        if not expected:
            return
        self._waiting -= len(expected)
        root = self._frontier.root()
        for checkpoint, held in expected:
            if checkpoint.root == root:
                self._newest = checkpoint
            elif held or not self._mismatch:
                self._mismatch = True
                last = self._newest.size if self._newest else 0
                text = (
                    f"leaves {last} to {size - 1} do not lead to the root of"
                    f" {_which([(checkpoint, held)])} of {size} leaves: something among them was changed"
                )
                self._report(DiscrepancyKind.ROOT_MISMATCH, text, leaf=last)

    def _report(
        self, kind: DiscrepancyKind, text: str, writer: int = 0, number: int = 0, leaf: int | None = None
    ) -> None:
        self.add(Discrepancy(kind, text, writer, number, leaf))

    def add(self, discrepancy: Discrepancy) -> None:
        """Take in what was found beside the records."""
        self._count += 1
        if len(self._found) < DISCREPANCIES_MAX:
            self._found.append(discrepancy)


def _which(expected: Sequence[tuple[Checkpoint, bool]]) -> str:
    return "a held checkpoint" if any(held for _, held in expected) else "a checkpoint of the log"
