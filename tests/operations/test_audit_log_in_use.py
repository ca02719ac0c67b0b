"""The audit log over time: many writers at once, proofs from what is stored, databases put back, thinning."""

import asyncio
import random
import shutil
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from certwright.core import checkpoint, merkle
from certwright.core.access import Actor
from certwright.core.audit import EventRow, leaf_entry
from certwright.core.errors import Conflict, Forbidden, IntegrityError, Malformed, NotFound
from certwright.operations.context import Context
from certwright.operations.prove_audit import prove_consistency, prove_inclusion, read_checkpoint
from certwright.operations.sequence_audit import sequence_audit
from certwright.store.ledger import Change, Ledger
from certwright.store.rows import AuditEventRow
from tests.operations.audit_logs import (
    AUDITOR,
    KEY,
    ORIGIN,
    VERIFIER,
    Hand,
    Kept,
    event,
    opened,
    sequence,
    verify,
    written,
)
from tests.real import pki
from tests.real.databases import CHECKOUT, Database
from tests.real.postgresql import Postgresql

PROCESSES, EACH = 3, 60
MEGABYTE = 2**20


# -- several writers at once ---------------------------------------------------------------------


def test_several_processes_write_while_two_sequencers_number(database: Database) -> None:
    async def number(context: Context, kept: Kept, done: asyncio.Event) -> None:
        while not done.is_set():
            try:
                await kept.sequence(context)
            except Conflict:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.02)

    async def write(name: str) -> int:
        arguments = ("-m", "tests.operations.audit_writer", database.url, name, str(EACH))
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=CHECKOUT)
        return await process.wait()

    async def main() -> None:
        async with opened(database) as one, opened(database) as other:
            kept, done = [Kept(), Kept()], asyncio.Event()
            numbering = [
                asyncio.create_task(number(*pair, done)) for pair in zip((one, other), kept, strict=True)
            ]
            writing = [write(f"process{number}") for number in range(PROCESSES)]
            ours = [one.ledger.commit(Change(events=[event(f"ours:{number}")])) for number in range(EACH)]
            assert await asyncio.gather(*writing) == [0] * PROCESSES
            await asyncio.gather(*ours)
            done.set()
            await asyncio.gather(*numbering)
            await kept[0].sequence(one)
            report = await verify(one.database, *kept[0].notes, *kept[1].notes)
            assert report.discrepancies == ()
            assert report.leaves == report.events == PROCESSES * EACH + EACH + 1
            assert len({checkpoint.parse(note).size for one in kept for note in one.notes}) > 2

    asyncio.run(main())


def test_a_check_while_others_write_and_number_is_sound(database: Database) -> None:
    async def main() -> None:
        async with opened(database) as context, opened(database) as other:
            kept = await written(context, database)
            done = asyncio.Event()

            async def write(ledger: Ledger, name: str) -> None:
                while not done.is_set():
                    await asyncio.gather(*(ledger.commit(Change(events=[event(name)])) for _ in range(5)))
                    await asyncio.sleep(0)

            async def number() -> None:
                while not done.is_set():
                    await kept.sequence(context)
                    await asyncio.sleep(0)

            tasks = [
                asyncio.create_task(one)
                for one in (write(context.ledger, "one:x"), write(other.ledger, "other:x"), number())
            ]
            for _ in range(10):
                held = kept.newest
                report = await verify(context.database, held)
                assert report.discrepancies == ()
                assert report.newest is not None
                assert report.newest.size >= checkpoint.parse(held or "").size
            done.set()
            await asyncio.gather(*tasks)

    asyncio.run(main())


def test_ten_thousand_events_are_checked_in_little_memory(database: Database) -> None:
    """Four times as many take no more."""

    async def grow(context: Context, count: int) -> int:
        await asyncio.gather(*(context.ledger.commit(Change(events=[event(f"x:{n}")])) for n in range(count)))
        held = await sequence(context, None)
        tracemalloc.start()
        try:
            report = await verify(context.database, held)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            assert report.sound
            assert report.leaves == report.events >= count

    async def main() -> None:
        async with opened(database) as context:
            first = await grow(context, 2_500)
            then = await grow(context, 7_500)
            assert then < first + MEGABYTE
            assert then < 16 * MEGABYTE

    asyncio.run(main())


# -- proofs --------------------------------------------------------------------------------------


def test_proofs_from_what_is_stored(database: Database) -> None:
    """Of every leaf, under the newest checkpoint and some older ones, checked as whoever holds them would."""

    async def main() -> None:
        async with opened(database) as context:
            kept = await grown(context, database)
            sizes = [checkpoint.verify(note, [VERIFIER]) for note in kept.notes]
            for row in await context.database.select(AuditEventRow, '1 = 1 ORDER BY "id"'):
                await check_inclusion(context, row, random.choice([None, *(one.size for one in sizes)]))
            for older in range(sizes[-1].size + 1):
                proof = await prove_consistency(context.database, AUDITOR, older)
                leaves = await leaf_hashes(context, older)
                newest = checkpoint.verify(proof.checkpoint.note, [VERIFIER])
                root = merkle.root_hash(leaves)
                merkle.verify_consistency(older, root, newest.size, newest.root, proof.hashes)
            for before, after in pairwise(sizes):
                between = await prove_consistency(context.database, AUDITOR, before.size, after.size)
                checkpoint.compare(before, after, between.hashes)

    asyncio.run(main())


async def grown(context: Context, database: Database) -> Kept:
    kept = await written(context, database)
    for number in range(12):
        await context.ledger.commit(Change(events=[event(f"more:{n}") for n in range(number % 5 + 1)]))
        await kept.sequence(context)
    return kept


async def leaf_hashes(context: Context, size: int) -> list[bytes]:
    rows = await context.database.query(
        'SELECT "hash" FROM "audit_node" WHERE "level" = 0 AND "position" < ? ORDER BY "position"', size
    )
    return [row[0] for row in rows]


async def check_inclusion(context: Context, row: AuditEventRow, size: int | None) -> None:
    try:
        proof = await prove_inclusion(context.database, AUDITOR, row.id, size)
    except Conflict:
        assert size is not None
        return
    signed = checkpoint.verify(proof.checkpoint.note, [VERIFIER])
    assert proof.event == row
    leaf = merkle.leaf_hash(leaf_entry(EventRow(*row)))
    merkle.verify_inclusion(leaf, proof.position, signed.size, proof.hashes, signed.root)


def test_what_cannot_be_proved_is_refused(database: Database) -> None:
    async def main() -> None:
        async with opened(database) as context:
            kept = await written(context, database)
            store, newest = context.database, checkpoint.parse(kept.newest or "")
            with pytest.raises(NotFound, match="no audit event 7"):
                await prove_inclusion(store, AUDITOR, 7)
            [[tail]] = await store.query(
                'SELECT max("id") FROM "audit_event" WHERE "subject" = ?', "b:tail/2"
            )
            with pytest.raises(Conflict, match="ask again later"):
                await prove_inclusion(store, AUDITOR, tail)
            with pytest.raises(Malformed):
                await prove_consistency(store, AUDITOR, newest.size + 1)
            with pytest.raises(NotFound):
                await read_checkpoint(store, AUDITOR, newest.size + 1)
            nobody = Actor("token:nobody")
            for refused in (
                prove_inclusion(store, nobody, tail),
                prove_consistency(store, nobody, 1),
                read_checkpoint(store, nobody),
            ):
                with pytest.raises(Forbidden):
                    await refused

    asyncio.run(main())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor = 'local:mallory', body = replace(body, 'alice', 'mallory')",
        "UPDATE audit_node SET hash = (SELECT head FROM audit_writer LIMIT 1) WHERE level = 0",
        "UPDATE audit_node SET hash = (SELECT head FROM audit_writer LIMIT 1) WHERE level = 1",
        "DELETE FROM audit_node WHERE level = 2",
        "UPDATE audit_checkpoint SET root = (SELECT head FROM audit_writer LIMIT 1)",
        "UPDATE audit_checkpoint SET note = (SELECT note FROM audit_checkpoint ORDER BY size LIMIT 1)",
    ],
)
def test_no_proof_is_given_that_proves_nothing(database: Database, statement: str) -> None:
    async def main() -> None:
        async with opened(database) as context:
            await written(context, database)
            hand = Hand(database)
            hand(statement)
            [[placed]] = hand("SELECT event FROM audit_leaf WHERE position = 3")
            with pytest.raises(IntegrityError, match="audit verify"):
                await prove_inclusion(context.database, AUDITOR, placed)
            if "audit_event" not in statement:
                with pytest.raises(IntegrityError, match="audit verify"):
                    await prove_consistency(context.database, AUDITOR, 5)
            hand.close()

    asyncio.run(main())


# -- a database put back -------------------------------------------------------------------------


@contextmanager
def copied(made: Database, folder: Path, cluster: Postgresql | None) -> Iterator[Database]:
    """The database as it is now, nobody being connected to it."""
    if cluster is None:
        copy = folder / "copy.sqlite3"
        shutil.copyfile(made.url.removeprefix("sqlite:///"), copy)
        yield Database(made.kind, f"sqlite:///{copy}")
        return
    with cluster.database(made.url.rpartition("/")[2]) as url:
        yield Database(made.kind, url)


def test_a_database_put_back_as_a_whole_is_found(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Against the checkpoint kept outside; also when it has grown on since, past the size it had."""
    cluster = request.getfixturevalue("postgresql") if database.kind == "postgresql" else None

    async def before() -> Kept:
        async with opened(database) as context:
            return await written(context, database)

    async def after(kept: Kept) -> str:
        async with opened(database) as context:
            await context.ledger.commit(Change(events=[event("to be undone:1")]))
            await kept.sequence(context)
            assert (await verify(context.database, kept.newest)).sound
            return kept.newest or ""

    async def put_back(copy: Database, newest: str, older: str) -> None:
        async with opened(copy) as context:
            assert (await verify(context.database, older)).sound
            report = await verify(context.database, newest)
            assert [one.kind.value for one in report.discrepancies] == ["rolled-back"]
            with pytest.raises(IntegrityError, match="was rolled back"):
                await sequence_audit(context, ORIGIN, KEY, newest)
            for number in range(20):
                await context.ledger.commit(Change(events=[event(f"instead:{number}")]))
            await sequence(context, older)  # by somebody who has the key, and has taken away what was kept
            report = await verify(context.database, newest)
            assert [one.kind.value for one in report.discrepancies] == ["root-mismatch"]
            with pytest.raises(IntegrityError, match="what was logged before has changed"):
                await sequence_audit(context, ORIGIN, KEY, newest)

    kept = asyncio.run(before())
    older = kept.newest or ""
    with copied(database, tmp_path, cluster) as copy:
        newest = asyncio.run(after(kept))
        asyncio.run(put_back(copy, newest, older))


# -- thinning ------------------------------------------------------------------------------------


@asynccontextmanager
async def in_time(database: Database) -> AsyncIterator[tuple[Context, pki.MovableClock]]:
    clock = pki.MovableClock()
    async with pki.opened(database.url, pki.Secrets(), clock) as context:
        yield context, clock


def test_old_checkpoints_are_thinned_out(database: Database) -> None:
    """Every note ever kept outside still holds, and proofs from its size are still given."""

    async def main() -> None:
        async with in_time(database) as (context, clock):
            kept = Kept()
            start = datetime.now(UTC).replace(minute=0, second=30) - datetime.now(UTC)
            for step in range(150):
                clock.offset = start + timedelta(minutes=10 * step)
                await context.ledger.commit(Change(events=[event(f"step:{step}")]))
                await kept.sequence(context)
            clock.offset += timedelta(days=40)
            await context.ledger.commit(Change(events=[event("late:1")]))
            await kept.sequence(context)
            stored = await context.database.query('SELECT "size" FROM "audit_checkpoint"')
            days = {f"{datetime.now(UTC) + start + timedelta(minutes=10 * step):%d}" for step in range(150)}
            assert len(kept.notes) == 151
            assert len(stored) == len(days) + 1
            report = await verify(context.database, *kept.notes)
            assert report.discrepancies == ()
            for note in kept.notes[::10]:
                old = checkpoint.parse(note)
                proof = await prove_consistency(context.database, AUDITOR, old.size)
                newest = checkpoint.parse(proof.checkpoint.note)
                checkpoint.compare(old, newest, proof.hashes)

    asyncio.run(main())
