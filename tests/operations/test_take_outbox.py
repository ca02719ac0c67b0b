"""Follow-ups: gathered by what they ask for, kept until that is done, on record when it fails."""

import json
from datetime import timedelta

from certwright.operations.context import Context
from certwright.operations.take_outbox import ask_for, give_up_work, rows_of, settle_work, waiting_work
from certwright.store.ledger import Change
from certwright.store.rows import AuditEventRow, OutboxRow
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import MovableClock


async def rows(context: Context) -> list[OutboxRow]:
    return await context.database.select(OutboxRow, '1 = 1 ORDER BY "id"')


async def ask(context: Context, *payloads: str) -> None:
    await context.ledger.commit(Change(follow_ups=[("a.kind", payload) for payload in payloads]))


def test_rows_that_ask_for_the_same_are_one_piece_of_work(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await ask(context, "one", "two", "one")
        first, second = await waiting_work(context.database)
        assert (first.row.payload, first.rows, second.row.payload, second.rows) == ("one", 2, "two", 1)
        answered = await rows_of(context.database, "a.kind", "one", context.clock())
        await ask(context, "one")
        await settle_work(context, answered)
        assert sorted(row.payload for row in await rows(context)) == ["one", "two"]
        await settle_work(context, answered)
        assert len(await rows(context)) == 2

    with_installation(database, body)


def test_what_the_clock_asks_for_waits_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert await ask_for(context, "a.kind", ["one", "two"]) == 2
        assert await ask_for(context, "a.kind", ["two", "three"]) == 1
        assert [row.payload for row in await rows(context)] == ["one", "two", "three"]

    with_installation(database, body)


def test_work_given_up_is_on_record_and_what_came_since_is_kept(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await ask(context, "one", "one")
        [work] = await waiting_work(context.database)
        begun = context.clock()
        clock.offset += timedelta(seconds=1)
        await ask(context, "one")
        await give_up_work(context, work, "it is broken", begun)
        assert len(await rows(context)) == 1
        [event] = await context.database.select(AuditEventRow, '"kind" = ?', "worker.job-failed")
        expected = {"kind": "a.kind", "payload": "one", "error": "it is broken", "rows": 2}
        assert json.loads(event.body)["detail"] == expected

    with_installation(database, body)
