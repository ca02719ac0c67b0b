"""The sequencer signs only what goes on from what it signed before, and what its writers wrote."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certwright.core import checkpoint, merkle
from certwright.core.checkpoint import Checkpoint
from certwright.core.errors import Conflict, IntegrityError, Unavailable
from certwright.operations.audit_health import SEQUENCER, UNSIGNED, require_signed
from certwright.operations.context import Context
from certwright.operations.sequence_audit import EVENTS_MAX, sequence_audit
from certwright.store.ledger import Change, Ledger
from certwright.store.rows import LeaseRow
from tests.operations.audit_logs import (
    KEY,
    ORIGIN,
    Hand,
    Log,
    event,
    identifier,
    opened,
    sequence,
    shared_log,
    verify,
    written,
)
from tests.real.databases import Database

ANOTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
LAST_LEVELS = "level = (SELECT max(level) FROM audit_node)"
NODE = "INSERT INTO audit_node (level, position, hash)"
MIDDLE_OF_THE_TAIL = "SELECT id FROM audit_event WHERE subject = 'b:tail/1'"
DIGEST = "(SELECT head FROM audit_writer LIMIT 1)"
pytestmark = pytest.mark.database
NEWEST = "size = (SELECT max(size) FROM audit_checkpoint)"


def signed(size: int, root: bytes, key: Ed25519PrivateKey = KEY) -> str:
    return checkpoint.sign(Checkpoint(ORIGIN, size, root), key)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    with shared_log(tmp_path_factory.mktemp("log")) as log:
        yield log


def refused(log: Log, tamper: Callable[[Hand, list[str]], Any]) -> str:
    """Why the sequencer signs nothing after `tamper`, however often it is asked. All is undone then."""

    async def main() -> str:
        hand, notes = log.hand, list(log.notes)
        async with opened(log.made) as context:
            tamper(hand, notes)
            before = hand("SELECT count(*), max(size) FROM audit_checkpoint")
            for _ in range(3):
                with pytest.raises(IntegrityError) as refusal:
                    await sequence_audit(context, ORIGIN, KEY, notes[-1])
            assert hand("SELECT count(*), max(size) FROM audit_checkpoint") == before
            told = hand("SELECT body FROM audit_event WHERE kind = 'audit.discrepancy-found'")
            assert len(told) == 1
            assert refusal.value.detail[:40] in told[0][0]
            with pytest.raises(Unavailable, match="refuses to sign"):
                await require_signed(context.database, context.clock())
            return refusal.value.detail

    try:
        return asyncio.run(main())
    finally:
        log.restore()


# -- what is stored ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            f"UPDATE audit_node SET hash = (SELECT head FROM audit_writer LIMIT 1) WHERE {LAST_LEVELS}",
            "does not lead",
        ),
        (f"DELETE FROM audit_node WHERE {LAST_LEVELS}", "is missing from the stored audit tree"),
        (f"DELETE FROM audit_checkpoint WHERE {NEWEST}", "leaves, stands as of"),
        ("DELETE FROM audit_checkpoint", "leaves of the audit log are stored, and no checkpoint is"),
        (f"UPDATE audit_checkpoint SET size = size + 1 WHERE {NEWEST}", "stands as of"),
        (f"UPDATE audit_checkpoint SET note = '' WHERE {NEWEST}", "is not ours"),
        ("DELETE FROM audit_leaf WHERE position = (SELECT max(position) FROM audit_leaf)", "are stored"),
        ("INSERT INTO audit_leaf SELECT max(position) + 1, -7 FROM audit_leaf", "are stored"),
        ("INSERT INTO audit_leaf SELECT 4611686018427387904, -7 FROM audit_leaf LIMIT 1", "are stored"),
        ("UPDATE audit_writer SET sequenced = sequenced - 1 WHERE name = 'b/0'", "which is not so"),
        ("UPDATE audit_writer SET sequenced = sequenced + 1 WHERE name = 'b/0'", "which is not so"),
        ("UPDATE audit_writer SET sequenced = events + 5 WHERE name = 'c/0'", "which is not so"),
        ("UPDATE audit_writer SET sequenced = -1 WHERE name = 'c/0'", "which is not so"),
        ("UPDATE audit_writer SET sequenced = 4611686018427387904 WHERE name = 'c/0'", "which is not so"),
        ("UPDATE audit_writer SET events = events - 1 WHERE name = 'c/0'", "which is not so"),
        ("UPDATE audit_writer SET events = events + 1 WHERE name = 'b/0'", "event 10 of writer"),
        (f"{NODE} SELECT 0, max(position) + 2, {DIGEST} FROM audit_leaf", "stands outside the tree"),
        (f"{NODE} SELECT 1, 8, {DIGEST}", "node 8 of level 1 stands outside the tree"),
        (f"UPDATE audit_leaf SET event = ({MIDDLE_OF_THE_TAIL}) WHERE position = 2", "which has none yet"),
        (
            "UPDATE audit_writer SET events = events - 1 WHERE name = 'b/0'",
            "chain value of the writer's head",
        ),
        ("UPDATE audit_writer SET head = (SELECT hash FROM audit_node LIMIT 1) WHERE name = 'b/0'", "head"),
    ],
)
def test_nothing_is_signed_on_what_does_not_fit_together(log: Log, statement: str, why: str) -> None:
    assert why in refused(log, lambda hand, notes: hand(statement))


@pytest.mark.parametrize("number", [6, 7, 8, 9])
@pytest.mark.parametrize(
    "change", ["body = replace(body, 'thing', 'other')", "actor = 'local:mallory'", "gone"]
)
def test_nothing_is_signed_past_a_row_that_is_not_what_was_written(
    log: Log, number: int, change: str
) -> None:
    """Of the rows that are placed only the last is looked at: the next one names its chain value."""

    def tamper(hand: Hand, notes: list[str]) -> None:
        row = identifier(hand.writer("b"), number)
        if change == "gone":
            hand("DELETE FROM audit_event WHERE id = ?", row)
        elif number == 6:
            hand("UPDATE audit_event SET chain = ? WHERE id = ?", bytes(32), row)
        else:
            hand(f"UPDATE audit_event SET {change} WHERE id = ?", row)

    assert f"event {number} of writer {log.hand.writer('b')} " in refused(log, tamper)


def test_rows_past_a_head_are_not_placed(database: Database) -> None:
    """They are no event of the writer; the check names them."""

    async def main() -> None:
        async with opened(database) as context:
            kept, hand = await written(context, database), Hand(database)
            writer = hand.writer("d")
            hand(
                "INSERT INTO audit_event SELECT ?, writer, 4, at, kind, actor, source, subject, body, chain "
                "FROM audit_event WHERE id = ?",
                identifier(writer, 4),
                identifier(writer, 3),
            )
            await kept.sequence(context)
            assert hand("SELECT 1 FROM audit_leaf WHERE event = ?", identifier(writer, 4)) == []
            report = await verify(context.database, kept.newest)
            assert (report.discrepancies[0].writer, report.discrepancies[0].number) == (writer, 4)
            hand.close()

    asyncio.run(main())


# -- what is kept outside ------------------------------------------------------------------------


def back(hand: Hand, notes: list[str]) -> None:
    """The log is put back behind its last checkpoint, so that all that is stored fits together."""
    older = checkpoint.parse(notes[-2]).size
    writers = hand(
        "SELECT event / 4294967296, count(*) FROM audit_leaf WHERE position >= ? GROUP BY 1", older
    )
    for writer, count in writers:
        hand("UPDATE audit_writer SET sequenced = sequenced - ? WHERE id = ?", count, writer)
    hand("DELETE FROM audit_checkpoint WHERE size > ?", older)
    for level, position in hand("SELECT level, position FROM audit_node"):
        if (position + 1) << level > older:
            hand("DELETE FROM audit_node WHERE level = ? AND position = ?", level, position)
    hand("DELETE FROM audit_leaf WHERE position >= ?", older)


def test_a_log_put_back_is_not_signed_again(log: Log) -> None:
    assert "was rolled back" in refused(log, back)


def test_only_what_is_kept_outside_can_tell_that_it_was_put_back(database: Database) -> None:
    async def main() -> None:
        async with opened(database) as context:
            kept, hand = await written(context, database), Hand(database)
            back(hand, kept.notes)
            assert await sequence(context, kept.notes[-2]) is not None
            assert (await verify(context.database, kept.notes[-2])).sound
            hand.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (lambda newest: signed(newest.size, bytes(32)), "two different roots"),
        (lambda newest: signed(newest.size + 1, newest.root), "was rolled back"),
        (lambda newest: signed(newest.size - 1, newest.root), "what was logged before has changed"),
        (lambda newest: signed(newest.size, newest.root, ANOTHER), "not signed by a known key"),
        (lambda newest: "", "kept outside the database"),
        (lambda newest: "no note\n", "kept outside the database"),
    ],
)
def test_nothing_is_signed_that_does_not_go_on_from_what_is_kept(
    log: Log, note: Callable[[Checkpoint], str], why: str
) -> None:
    def tamper(hand: Hand, notes: list[str]) -> None:
        notes.append(note(checkpoint.parse(notes[-1])))

    assert why in refused(log, tamper)


def test_a_host_that_did_not_sequence_for_a_while_goes_on(database: Database) -> None:
    """What it keeps is older than what another host has signed, and is brought up to date."""

    async def main() -> None:
        async with opened(database) as context:
            kept = await written(context, database)
            for older in (None, *kept.notes, signed(0, merkle.EMPTY_ROOT)):
                newest = await sequence(context, older)
                assert newest is not None
                assert (await verify(context.database, newest, older)).sound
                await context.ledger.commit(Change(events=[event("more:1")]))

    asyncio.run(main())


def test_a_note_that_was_signed_and_not_kept_comes_again(database: Database) -> None:
    """A crash between the commit and the keeping: the next one gives the newest note, with no new event."""

    async def main() -> None:
        async with opened(database) as context:
            kept = await written(context, database)
            lost = await sequence_audit(context, ORIGIN, KEY, kept.newest)
            assert lost is not None
            again = await sequence_audit(context, ORIGIN, KEY, kept.newest)
            assert again == lost
            assert await sequence_audit(context, ORIGIN, KEY, again) is None
            assert (await verify(context.database, again)).sound

    asyncio.run(main())


# -- several at once, and much of it -------------------------------------------------------------


def test_two_sequencers_at_once_harm_nothing(database: Database) -> None:
    """Both read the same state again and again; of two only one commits."""

    async def attempt(context: Context) -> str | None:
        try:
            return await sequence_audit(context, ORIGIN, KEY, None)
        except Conflict:
            return "came second"

    async def main() -> None:
        async with opened(database) as one, opened(database) as other:
            late = 0
            for number in range(10):
                await one.ledger.commit(Change(events=[event(f"round:{number}")]))
                notes = await asyncio.gather(attempt(one), attempt(other), attempt(one))
                assert any(note not in (None, "came second") for note in notes)
                late += notes.count("came second")
            newest = await sequence(one, None)
            report = await verify(other.database, newest)
            assert report.discrepancies == ()
            assert report.newest is not None
            assert report.newest.size == report.events
            assert late

    asyncio.run(main())


def test_more_events_than_one_commit_takes(database: Database) -> None:
    """From two writers; each has all of its events placed in the order of their numbers."""

    async def main() -> None:
        async with opened(database) as context:
            other = await Ledger.open(context.database, "other", context.clock)
            for ledger in (context.ledger, other):
                await ledger.commit(Change(events=[event(f"much:{n}") for n in range(EVENTS_MAX // 2 + 700)]))
            first = await sequence_audit(context, ORIGIN, KEY, None)
            assert checkpoint.parse(first or "").size == EVENTS_MAX
            newest = await sequence(context, first)
            report = await verify(context.database, first, newest)
            assert report.sound
            assert report.leaves == report.events > EVENTS_MAX
            await other.close()

    asyncio.run(main())


def test_readiness_says_when_events_wait(database: Database) -> None:
    async def main() -> None:
        async with opened(database) as context:
            now = context.clock()
            late = now + UNSIGNED + timedelta(seconds=5)
            await require_signed(context.database, late)  # that no worker lives is said elsewhere
            await context.ledger.commit(Change(inserted=[LeaseRow(SEQUENCER, "somebody", late + UNSIGNED)]))
            await require_signed(context.database, now)
            with pytest.raises(Unavailable, match="are not signed"):
                await require_signed(context.database, late)
            await sequence(context, None)
            await require_signed(context.database, late)

    asyncio.run(main())
