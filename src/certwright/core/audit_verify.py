"""Checking audit rows against their own bodies, their writers' chains and their writers' heads.

This finds every change to single rows and every row dropped, added or moved, as long as the chains
were not written anew from there on; that is found by the Merkle tree, see `audit_export`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from .audit import (
    BODY_OCTETS_MAX,
    CHAIN_OCTETS,
    NUMBER_MAX,
    WRITER_MAX,
    Described,
    EventRow,
    Head,
    canonical,
    chain_value,
    genesis,
    moment,
)
from .errors import CertwrightError, TooLarge

WRITERS_MAX = 1_000_000
GAPS_MAX = 256
"""Gaps that are remembered, in case the rows come later; past them a gap is reported at once."""

_FIELDS = frozenset(("actor", "at", "detail", "kind", "number", "previous", "source", "subject", "writer"))


class DiscrepancyKind(Described):
    """What is wrong with the log."""

    CHANGED = "changed", "A row is not what was written, or what was logged."
    MISSING = "missing", "Rows, leaves or the end of an export are not there."
    REORDERED = "reordered", "A row stands in another row's place."
    DUPLICATED = "duplicated", "A row stands there a second time."
    EXTRA = "extra", "A row stands past its writer's head."
    HEAD_MISSING = "head-missing", "A writer with rows has no head."
    ROOT_MISMATCH = "root-mismatch", "The leaves do not lead to the root of a checkpoint."
    ROLLED_BACK = "rolled-back", "The log is smaller than a checkpoint states."
    UNSIGNED = "unsigned", "Leaves stand past the newest checkpoint."
    SIGNATURE = "signature", "A checkpoint is not signed by the log's key."
    INCONSISTENT = (
        "inconsistent",
        "What the database holds beside the events, to sign them and to prove them, contradicts them.",
    )
    KEY_REPLACED = "key-replaced", "The log names another key or origin than the trusted one."
    UNREADABLE = "unreadable", "A line of an export cannot be read, or stands out of place."


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing found wrong. `writer` and `number` name the event, `leaf` its place in the tree.

    Zero, or None for the leaf, where there is none to name. `text` is one line for a person.
    """

    kind: DiscrepancyKind
    text: str
    writer: int = 0
    number: int = 0
    leaf: int | None = None


@dataclass(slots=True)
class _Stand:
    """How far one writer has been followed. `named`: the newest row has been reported already."""

    number: int
    chain: bytes
    leaf: int | None = None
    named: bool = False
    gaps: list[range] = field(default_factory=list)


class Follower:
    """Takes rows, each writer's in the order of their numbers, and says what is wrong with them.

    Rows of several writers may come mixed. Memory grows with the number of writers, not of rows.
    `heads` says where each writer's chain must end. `positions`, when given, is where each writer
    has been followed to before, so that a log can be checked in parts.
    """

    def __init__(self, heads: Mapping[int, Head], positions: Mapping[int, Head] | None = None) -> None:
        self._heads = heads
        self._stands = {
            writer: _Stand(position.number, position.chain) for writer, position in (positions or {}).items()
        }
        self._gaps = 0

    def feed(self, row: EventRow, leaf: int | None = None) -> list[Discrepancy]:
        """Check the next row. Raises TooLarge past WRITERS_MAX writers, Malformed for a time without zone."""
        found: list[Discrepancy] = []
        stand = self._stands.get(row.writer)
        if stand is None:
            stand = self._first_of(row, found)
        problem, previous = inspect(row)
        if problem is not None:
            found.append(Discrepancy(problem[0], problem[1], row.writer, row.number, leaf))
        if row.number <= stand.number:
            found.append(self._late(row, leaf, stand))
            return found
        if row.number > stand.number + 1:
            found.extend(self._gap(row, stand))
        elif problem is None and previous != stand.chain and not stand.named:
            found.append(_broken_link(row, leaf, stand))
        found.extend(self._check_head(row, leaf, problem is not None))
        stand.number, stand.chain, stand.leaf = row.number, row.chain, leaf
        stand.named = problem is not None
        return found

    def finish(self) -> Iterator[Discrepancy]:
        """What is missing, once all rows have been fed."""
        for writer, stand in self._stands.items():
            for gap in stand.gaps:
                yield _missing(writer, gap)
        for writer, head in self._heads.items():
            reached = self._stands[writer].number if writer in self._stands else 0
            if reached < head.number:
                yield _missing(writer, range(reached + 1, head.number + 1))

    def _first_of(self, row: EventRow, found: list[Discrepancy]) -> _Stand:
        if len(self._stands) >= WRITERS_MAX:
            raise TooLarge(f"the audit log has more than {WRITERS_MAX} writers")
        if row.writer not in self._heads:
            text = f"writer {row.writer} has rows but no head; its newest rows may be gone"
            found.append(Discrepancy(DiscrepancyKind.HEAD_MISSING, text, row.writer))
        start = genesis(row.writer) if 1 <= row.writer <= WRITER_MAX else b""
        return self._stands.setdefault(row.writer, _Stand(0, start))

    def _late(self, row: EventRow, leaf: int | None, stand: _Stand) -> Discrepancy:
        """A number that has been passed: it fills a gap, or it was there before."""
        for place, gap in enumerate(stand.gaps):
            if row.number in gap:
                rest = (range(gap.start, row.number), range(row.number + 1, gap.stop))
                stand.gaps[place : place + 1] = [part for part in rest if part]
                kind, what = DiscrepancyKind.REORDERED, f"stands after number {stand.number}"
                break
        else:
            kind, what = DiscrepancyKind.DUPLICATED, "stands there a second time"
        text = f"event {row.number} of writer {row.writer} {what}"
        return Discrepancy(kind, text, row.writer, row.number, leaf)

    def _gap(self, row: EventRow, stand: _Stand) -> Iterator[Discrepancy]:
        head = self._heads.get(row.writer)
        end = row.number if head is None else min(row.number, head.number + 1)
        gap = range(stand.number + 1, end)
        if not gap:
            return  # a row past the head: that there are none before it is as the head says
        if self._gaps < GAPS_MAX:
            self._gaps += 1
            stand.gaps.append(gap)
        else:
            yield _missing(row.writer, gap)

    def _check_head(self, row: EventRow, leaf: int | None, named: bool) -> Iterator[Discrepancy]:
        head = self._heads.get(row.writer)
        where = f"event {row.number} of writer {row.writer}"
        if head is not None and row.number > head.number:
            text = f"{where} stands past the writer's head, which is at {head.number}"
            yield Discrepancy(DiscrepancyKind.EXTRA, text, row.writer, row.number, leaf)
        if head is not None and row.number == head.number and row.chain != head.chain and not named:
            text = f"{where} does not have the chain value of the writer's head: one was changed"
            yield Discrepancy(DiscrepancyKind.CHANGED, text, row.writer, row.number, leaf)


def verify_rows(rows: Iterable[EventRow], heads: Mapping[int, Head]) -> Iterator[Discrepancy]:
    """Check all rows of the log, each writer's in the order of their numbers, against the heads.

    Streams: memory grows with the number of writers. Raises TooLarge past WRITERS_MAX writers.
    """
    follower = Follower(heads)
    for row in rows:
        yield from follower.feed(row)
    yield from follower.finish()


def inspect(row: EventRow) -> tuple[tuple[DiscrepancyKind, str] | None, bytes]:
    """Check one row in itself. What is wrong with it, if anything, and the chain value before it."""
    where = f"event {row.number} of writer {row.writer}"
    body = _parse(row.body)
    previous = _previous(body)
    if previous is None:
        return (DiscrepancyKind.CHANGED, f"{where} has a body that is not an event's"), b""
    if (body["writer"], body["number"]) != (row.writer, row.number):
        is_of = f"event {str(body['number'])[:20]} of writer {str(body['writer'])[:20]}"
        return (DiscrepancyKind.REORDERED, f"{where} has the body of {is_of}"), previous
    columns = _differing_columns(row, body)
    if columns:
        text = f"{where} was changed: {', '.join(columns)} and the body disagree"
        return (DiscrepancyKind.CHANGED, text), previous
    if chain_value(previous, row.body.encode()) != row.chain:
        text = f"{where} was changed: the body does not have this chain value"
        return (DiscrepancyKind.CHANGED, text), previous
    return None, previous


def _parse(text: str) -> dict[str, Any]:
    """The fields of a body in canonical form, or nothing when it is not one."""
    if len(text) > BODY_OCTETS_MAX:
        return {}
    try:
        body = json.loads(text)
        if isinstance(body, dict) and _is_event(body) and canonical(body, -1) == text:
            text.encode()
            return body
    except (ValueError, RecursionError, CertwrightError):
        # Whatever the reason, it is not what a writer writes.
        return {}
    return {}


def _is_event(body: dict[str, Any]) -> bool:
    return (
        body.keys() == _FIELDS
        and isinstance(body["detail"], dict)
        and type(body["writer"]) is int
        and type(body["number"]) is int
    )


def _previous(body: dict[str, Any]) -> bytes | None:
    """The chain value that a body names as the one before it."""
    text = body.get("previous")
    try:
        previous = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return previous if len(previous) == CHAIN_OCTETS and previous.hex() == text else None


def _differing_columns(row: EventRow, body: dict[str, Any]) -> list[str]:
    # A time without a zone is left so, for `moment` to refuse: it would be read in the machine's zone.
    at = row.at.astimezone(UTC) if row.at.tzinfo else row.at
    pairs = {
        "id": (row.id, row.writer << 32 | row.number),
        "at": (moment(at), body["at"]),
        "kind": (row.kind, body["kind"]),
        "actor": (row.actor, body["actor"]),
        "source": (row.source, body["source"]),
        "subject": (row.subject, body["subject"]),
        "number": (1 <= row.number <= NUMBER_MAX, True),
        "writer": (1 <= row.writer <= WRITER_MAX, True),
    }
    return [name for name, (stored, written) in pairs.items() if stored != written]


def _broken_link(row: EventRow, leaf: int | None, stand: _Stand) -> Discrepancy:
    if stand.number == 0:
        text = f"event {row.number} of writer {row.writer} does not begin the writer's chain"
        return Discrepancy(DiscrepancyKind.CHANGED, text, row.writer, row.number, leaf)
    text = (
        f"event {stand.number} of writer {row.writer} was changed: it does not have the chain value"
        f" that event {row.number} names (or that one was changed as well)"
    )
    return Discrepancy(DiscrepancyKind.CHANGED, text, row.writer, stand.number, stand.leaf)


def _missing(writer: int, gap: range) -> Discrepancy:
    which = f"events {gap.start} to {gap.stop - 1}" if len(gap) > 1 else f"event {gap.start}"
    text = f"{which} of writer {writer} missing"
    return Discrepancy(DiscrepancyKind.MISSING, text, writer, gap.start)
