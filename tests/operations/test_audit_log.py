"""The audit log in a real database: whatever is done to its tables is found and named."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from certwright.core import audit, checkpoint, merkle
from certwright.core.audit import Chain, EventRow
from certwright.core.audit_export import encode, verify_export
from certwright.core.audit_records import Report
from certwright.core.audit_verify import DiscrepancyKind
from certwright.operations.export_audit import export_audit
from certwright.store.ledger import Change, Ledger
from certwright.store.rows import AuditEventRow
from tests.operations.audit_logs import (
    KEY,
    ORIGIN,
    VERIFIER,
    Hand,
    Log,
    event,
    identifier,
    opened,
    shared_log,
    verify,
    written,
)
from tests.real.databases import Database

Place = tuple[str, int]
FAR = 2**62
pytestmark = pytest.mark.database
PLACED = [("b", 1), ("b", 3), ("b", 6), ("d", 3)]
TAIL = [("b", 7), ("b", 8), ("b", 9)]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    with shared_log(tmp_path_factory.mktemp("log")) as log:
        yield log


def at(hand: Hand, place: Place) -> int:
    return identifier(hand.writer(place[0]), place[1])


def named(report: Report, hand: Hand, place: Place) -> bool:
    """The event is named, or its leaf is."""
    writer = hand.writer(place[0])
    leaves = hand("SELECT position FROM audit_leaf WHERE event = ?", identifier(writer, place[1]))
    return any(
        (one.writer, one.number) == (writer, place[1]) or (leaves and one.leaf == leaves[0][0])
        for one in report.discrepancies
    )


def kinds(report: Report) -> set[str]:
    return {one.kind.value for one in report.discrepancies}


# -- rows ----------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "body": ("body = replace(body, ?, ?)", ("thing", "other")),
    "body-gone": ("body = ?", ("",)),
    "body-endless": ("body = ?", ("x" * 1_000_000,)),
    "actor": ("actor = ?", ("local:mallory",)),
    "source": ("source = ?", ("",)),
    "subject": ("subject = subject || ?", (" ",)),
    "kind": ("kind = ?", ("profile.removed",)),
    "time": ("at = (SELECT max(started_at) FROM audit_writer)", ()),
    "chain": ("chain = ?", (bytes(32),)),
    "chain-short": ("chain = ?", (b"",)),
    "number": ("number = number + 100", ()),
    "writer": ("writer = writer + 100", ()),
}


@pytest.mark.parametrize("place", PLACED + TAIL)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_row_is_named(log: Log, change: str, place: Place) -> None:
    columns, parameters = CHANGES[change]
    hand = log.hand
    report = log.after(
        lambda hand: hand(f"UPDATE audit_event SET {columns} WHERE id = ?", *parameters, at(hand, place)),
    )
    assert not report.sound
    assert named(report, hand, place)


def setting(statement: str, value: Any) -> Callable[[Hand], Any]:
    return lambda hand: hand(statement, value, at(hand, ("b", 3)))


def test_what_is_not_of_its_columns_type_is_named(log: Log) -> None:
    """SQLite takes anything anywhere, even text that is no text."""
    if log.hand.kind != "sqlite":
        pytest.skip("PostgreSQL keeps to the types of its columns")
    values = ("?", b"\xff"), ("?", "no"), ("?", 1.5), ("?", -(2**63)), ("CAST(? AS TEXT)", b"\xff\xfe")
    for column in ("at", "actor", "kind", "number", "writer", "body", "chain"):
        for expression, value in values:
            statement = f"UPDATE audit_event SET {column} = {expression} WHERE id = ?"
            report = log.after(setting(statement, value))
            assert named(report, log.hand, ("b", 3)), (column, expression, value)


@pytest.mark.parametrize("place", PLACED + TAIL)
def test_a_dropped_row_is_named(log: Log, place: Place) -> None:
    hand = log.hand
    report = log.after(lambda hand: hand("DELETE FROM audit_event WHERE id = ?", at(hand, place)))
    assert kinds(report) <= {"missing", "changed"}
    assert named(report, hand, place)


@pytest.mark.parametrize(
    "places", [(("b", 2), ("b", 3)), (("b", 8), ("b", 9)), (("b", 6), ("b", 7)), (("b", 2), ("c", 2))]
)
def test_swapped_rows_are_named(log: Log, places: tuple[Place, Place]) -> None:
    def swap(hand: Hand) -> None:
        one, other = (at(hand, place) for place in places)
        for before, after in ((one, -7), (other, one), (-7, other)):
            hand("UPDATE audit_event SET id = ? WHERE id = ?", after, before)

    hand = log.hand
    report = log.after(swap)
    assert all(named(report, hand, place) for place in places)


def test_a_row_that_stands_there_twice_is_named(log: Log) -> None:
    def double(hand: Hand) -> None:
        columns = ", ".join(EventRow._fields[1:])
        first, place = at(hand, ("b", 9)), at(hand, ("b", 10))
        hand(
            f"INSERT INTO audit_event (id, {columns}) SELECT ?, {columns} FROM audit_event WHERE id = ?",
            place,
            first,
        )

    report = log.after(double)
    assert not report.sound
    assert named(report, log.hand, ("b", 9))


def forge(hand: Hand, place: Place, chain: Chain) -> None:
    row, _ = chain.append(event(f"forged:{place}"))
    marks = ", ".join("?" * len(row))
    at_ = row.at.replace(tzinfo=None).isoformat(" ") if hand.kind == "sqlite" else row.at
    hand(f"INSERT INTO audit_event ({', '.join(EventRow._fields)}) VALUES ({marks})", *row._replace(at=at_))


@pytest.mark.parametrize("writer", ["b", "d"])
def test_a_row_forged_at_the_end_of_a_chain_is_named(log: Log, writer: str) -> None:
    number = {"b": 9, "d": 3}[writer]

    def insert(hand: Hand) -> None:
        [[head]] = hand("SELECT chain FROM audit_event WHERE id = ?", at(hand, (writer, number)))
        forge(hand, (writer, number + 1), Chain(hand.writer(writer), number, bytes(head)))

    report = log.after(insert)
    assert kinds(report) == {"extra"}
    assert named(report, log.hand, (writer, number + 1))


@pytest.mark.parametrize("away", [-1, 1, 1000])
def test_rows_of_a_writer_that_never_was_are_named(log: Log, away: int) -> None:
    """Before the first writer is none, so that one takes its place."""

    def insert(hand: Hand) -> None:
        if away < 0:
            hand("DELETE FROM audit_writer WHERE id = ?", hand.writer("c"))
        else:
            [[last]] = hand("SELECT max(id) FROM audit_writer")
            forge(hand, ("", 1), Chain.start(int(last) + away))

    report = log.after(insert)
    assert "head-missing" in kinds(report)


@pytest.mark.parametrize("writer", ["b", "c", "d"])
def test_a_writer_whose_row_is_gone_still_has_its_events_checked(log: Log, writer: str) -> None:
    def remove(hand: Hand) -> None:
        hand("UPDATE audit_event SET actor = ? WHERE id = ?", "local:mallory", at(hand, (writer, 2)))
        if writer == "b":
            hand("UPDATE audit_event SET actor = ? WHERE id = ?", "local:mallory", at(hand, ("b", 8)))
        place.append(hand.writer(writer))
        hand("DELETE FROM audit_writer WHERE id = ?", place[0])

    place: list[int] = []
    report = log.after(remove)
    found = {(one.writer, one.number) for one in report.discrepancies if one.kind is DiscrepancyKind.CHANGED}
    assert found == {(place[0], 2)} | ({(place[0], 8)} if writer == "b" else set())
    assert "head-missing" in kinds(report)


# -- heads ---------------------------------------------------------------------------------------


def lower(hand: Hand, place: Place) -> None:
    """Drop the newest row of a writer, and say that the one before is the newest."""
    before = identifier(hand.writer(place[0]), place[1] - 1)
    hand("DELETE FROM audit_event WHERE id = ?", at(hand, place))
    [[head]] = hand("SELECT chain FROM audit_event WHERE id = ?", before)
    writer = hand.writer(place[0])
    hand("UPDATE audit_writer SET events = ?, head = ? WHERE id = ?", place[1] - 1, head, writer)


def test_the_newest_row_of_a_writer_dropped_with_its_head_lowered(log: Log) -> None:
    hand = log.hand
    report = log.after(lambda hand: lower(hand, ("d", 3)))
    assert named(report, hand, ("d", 3))


def test_what_no_checkpoint_covers_is_missed_by_its_writer(database: Database) -> None:
    """The tables alone cannot tell when the newest row and its head go together; the writer itself can."""

    async def main() -> None:
        async with opened(database) as context:
            await context.ledger.commit(Change(events=[event("one:1")]))
            hand = Hand(database)
            hand("UPDATE audit_writer SET events = events - 1 WHERE name = ?", "test/0")
            with pytest.raises(Exception, match="was continued by somebody else"):
                await context.ledger.commit(Change(events=[event("two:1")]))

    asyncio.run(main())


@pytest.mark.parametrize("by", [-1, 1])
def test_a_head_that_was_moved_alone(log: Log, by: int) -> None:
    report = log.after(
        lambda hand: hand("UPDATE audit_writer SET events = events + ? WHERE name = 'b/0'", by)
    )
    assert kinds(report) & {"missing", "extra"}
    assert named(report, log.hand, ("b", 9 if by < 0 else 10))


@pytest.mark.parametrize("by", [-1, 3, 1000])
def test_a_writer_that_was_said_to_be_placed_further_than_it_is(log: Log, by: int) -> None:
    report = log.after(
        lambda hand: hand("UPDATE audit_writer SET sequenced = sequenced + ? WHERE name = 'b/0'", by),
    )
    assert kinds(report) == {"inconsistent"}
    assert report.discrepancies[0].writer == log.hand.writer("b")


# -- the tree ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [("b", 1), ("c", 3), ("d", 3)])
def test_a_leaf_that_is_gone_is_named(log: Log, place: Place) -> None:
    hand = log.hand
    report = log.after(lambda hand: hand("DELETE FROM audit_leaf WHERE event = ?", at(hand, place)))
    writer = hand.writer(place[0])
    assert any((one.writer, one.number) == (writer, place[1]) for one in report.discrepancies) or place == (
        "d",
        3,
    )
    assert not report.sound


@pytest.mark.parametrize("events", [(("b", 1), ("b", 2)), (("b", 1), ("c", 1)), (("c", 6), ("d", 3))])
def test_swapped_leaves_are_named(log: Log, events: tuple[Place, Place]) -> None:
    def swap(hand: Hand) -> None:
        one, other = (at(hand, place) for place in events)
        for before, after in ((one, -7), (other, one), (-7, other)):
            hand("UPDATE audit_leaf SET event = ? WHERE event = ?", after, before)

    hand = log.hand
    report = log.after(swap)
    assert kinds(report) <= {"changed", "reordered"}
    assert all(named(report, hand, place) for place in events)


def test_the_log_cut_back_to_an_earlier_checkpoint(log: Log) -> None:
    """Rows are left where they are; only what says where they stand in the tree is taken back."""

    def cut(hand: Hand) -> None:
        [[size]] = hand("SELECT size FROM audit_checkpoint ORDER BY size LIMIT 1")
        hand("DELETE FROM audit_checkpoint WHERE size > ?", size)
        hand("DELETE FROM audit_leaf WHERE position >= ?", size)
        hand("DELETE FROM audit_node WHERE position >= ? AND level = 0", size)
        hand(
            "UPDATE audit_writer SET sequenced = (SELECT count(*) FROM audit_leaf "
            "WHERE event > id * 4294967296 AND event <= (id + 1) * 4294967296)"
        )

    report = log.after(cut)
    assert "rolled-back" in kinds(report)


@pytest.mark.parametrize("change", ["hash = ?", "gone"])
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("last", [False, True])
def test_a_node_is_named(log: Log, level: int, change: str, last: bool) -> None:
    where: list[int] = []

    def alter(hand: Hand) -> None:
        which = "max" if last else "min"
        [[position]] = hand(f"SELECT {which}(position) FROM audit_node WHERE level = ?", level)
        where.append(position)
        if change == "gone":
            hand("DELETE FROM audit_node WHERE level = ? AND position = ?", level, position)
        else:
            hand(
                f"UPDATE audit_node SET {change} WHERE level = ? AND position = ?", bytes(32), level, position
            )

    report = log.after(alter)
    assert "inconsistent" in kinds(report) or level == 0
    assert where[0] << level in {one.leaf for one in report.discrepancies}


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO audit_leaf (position, event) VALUES ({FAR}, 1)",
        "INSERT INTO audit_leaf (position, event) VALUES (-5, 1)",
        f"INSERT INTO audit_node (level, position, hash) SELECT 0, {FAR}, head FROM audit_writer LIMIT 1",
        f"INSERT INTO audit_node (level, position, hash) SELECT {FAR}, 1, head FROM audit_writer LIMIT 1",
        "INSERT INTO audit_node (level, position, hash) SELECT -1, 1, head FROM audit_writer LIMIT 1",
        f"INSERT INTO audit_checkpoint SELECT {FAR}, at, root, note FROM audit_checkpoint LIMIT 1",
        f"INSERT INTO audit_checkpoint SELECT {FAR}, at, root, '' FROM audit_checkpoint LIMIT 1",
        "INSERT INTO audit_checkpoint SELECT -1, at, root, note FROM audit_checkpoint LIMIT 1",
        f"UPDATE audit_writer SET events = {FAR} WHERE name = 'b/0'",
        "UPDATE audit_writer SET events = -5 WHERE name = 'b/0'",
        f"UPDATE audit_writer SET sequenced = {FAR} WHERE name = 'b/0'",
        f"UPDATE audit_writer SET id = {FAR} WHERE name = 'b/0'",
        "UPDATE audit_writer SET id = -3 WHERE name = 'b/0'",
    ],
)
def test_numbers_out_of_all_bounds_are_found_soon(log: Log, statement: str) -> None:
    report = log.after(lambda hand: hand(statement))
    assert not report.sound


@pytest.mark.parametrize("count", [1, 2, 100])
def test_checkpoints_that_are_gone(log: Log, count: int) -> None:
    """Without the newest ones nothing holds the leaves past them, unless somebody has kept one."""

    def remove(hand: Hand) -> None:
        for [size] in hand("SELECT size FROM audit_checkpoint ORDER BY size DESC")[:count]:
            hand("DELETE FROM audit_checkpoint WHERE size = ?", size)

    report = log.after(remove, held=False)
    assert {"unsigned"} <= kinds(report) <= {"unsigned", "inconsistent"}


def test_a_checkpoint_gone_whose_note_was_kept(log: Log) -> None:
    """Everything is covered by what was kept; that it is gone from the tables is said all the same."""
    report = log.after(
        lambda hand: hand(
            "DELETE FROM audit_checkpoint WHERE size = (SELECT max(size) FROM audit_checkpoint)"
        ),
    )
    assert kinds(report) == {"inconsistent"}


@pytest.mark.parametrize("column", ["root = ?", "note = ?"])
def test_a_changed_checkpoint(log: Log, column: str) -> None:
    value: Any = (
        bytes(32)
        if column.startswith("root")
        else checkpoint.sign(checkpoint.Checkpoint(ORIGIN, 3, merkle.EMPTY_ROOT), KEY)
    )
    report = log.after(
        lambda hand: hand(
            f"UPDATE audit_checkpoint SET {column} WHERE size = (SELECT max(size) FROM audit_checkpoint)",
            value,
        ),
    )
    assert not report.sound


# -- a log that lives ----------------------------------------------------------------------------


@pytest.mark.parametrize("sequencing", [False, True])
def test_a_log_that_grows_while_it_is_read_is_sound(database: Database, sequencing: bool) -> None:
    """After every record that is read something is written, and now and then a new writer comes."""

    async def main() -> None:
        async with opened(database) as context:
            kept = await written(context, database)
            lines, ledgers = [], [context.ledger]
            async for record in export_audit(context.database, [VERIFIER]):
                lines.append(encode(record))
                if len(lines) % 10 == 1:
                    ledgers.append(await Ledger.open(context.database, f"late{len(lines)}", context.clock))
                for ledger in ledgers:
                    await ledger.commit(Change(events=[event(f"while:{len(lines)}")]))
                if sequencing:
                    await kept.sequence(context)
            report = verify_export(lines, [VERIFIER], kept.notes[:1])
            assert report.discrepancies == ()
            assert (await verify(context.database, *kept.notes)).sound
            for ledger in ledgers[1:]:
                await ledger.close()

    asyncio.run(main())


def test_what_was_exported_is_what_was_written(database: Database) -> None:
    async def main() -> None:
        async with opened(database) as context:
            kept = await written(context, database)
            rows = await context.database.select(AuditEventRow, '1 = 1 ORDER BY "id"')
            report = await verify(context.database, *kept.notes)
            assert report.sound
            assert report.events == len(rows)
            assert report.newest == checkpoint.parse(kept.newest or "")
            assert all(audit.EventRow(*row).at.tzinfo for row in rows)

    asyncio.run(main())
