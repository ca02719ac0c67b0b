"""Attempts counted in the database, and small values that all processes share."""

import asyncio
from datetime import timedelta

from certwright.core.lockout import Limits
from certwright.operations.context import Context
from certwright.operations.limit_logins import KEPT, Party, count_attempt, forgive_attempt
from certwright.operations.purge_expired import purge_expired
from certwright.operations.remember import claim, forget, recall, remember
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import MovableClock

LIMITS = Limits(3, timedelta(seconds=10), timedelta(seconds=60))
ALICE = Party("192.0.2.1", "alice", LIMITS)
NONE = timedelta(0)


def test_a_party_waits_longer_each_time_and_is_forgiven(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert [await count_attempt(context, ALICE) for _ in range(2)] == [(NONE, NONE)] * 2
        waited, after = await count_attempt(context, ALICE)
        assert waited == NONE < after <= timedelta(seconds=10)
        waited, _ = await count_attempt(context, Party("192.0.2.1", " ALICE ", LIMITS))
        assert waited > NONE
        for other in (Party("192.0.2.2", "alice", LIMITS), Party("192.0.2.1", "bob", LIMITS)):
            assert await count_attempt(context, other) == (NONE, NONE)
        later(clock, seconds=11)
        waited, after = await count_attempt(context, ALICE)
        assert waited == NONE
        assert timedelta(seconds=10) < after <= timedelta(seconds=20)
        await forgive_attempt(context, ALICE)
        assert await count_attempt(context, ALICE) == (NONE, NONE)

    with_installation(database, body)


def test_old_failures_are_forgotten(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for _ in range(3):
            await count_attempt(context, ALICE)
        later(clock, seconds=KEPT.total_seconds() + 1)
        assert await count_attempt(context, ALICE) == (NONE, NONE)

    with_installation(database, body)


def test_attempts_at_once_count_each(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        answers = await asyncio.gather(*(count_attempt(context, ALICE) for _ in range(20)))
        assert sum(waited == NONE for waited, _ in answers) == 3

    with_installation(database, body)


def test_one_host_cannot_come_from_many_addresses(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for number in range(3):
            await count_attempt(context, Party(f"2001:db8::{number}", "", LIMITS))
        waited, _ = await count_attempt(context, Party("2001:db8::ffff", "", LIMITS))
        assert waited

    with_installation(database, body)


def test_values_are_remembered_for_a_while_and_claimed_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        minute = timedelta(minutes=1)
        won = await asyncio.gather(*(claim(context, "code", number, minute) for number in range(20)))
        assert sum(won) == 1
        assert await recall(context, "code") == won.index(True)
        await remember(context, "list", [1.5, 2], minute)
        assert await recall(context, "list") == [1.5, 2]
        assert await forget(context, "list")
        assert not await forget(context, "list")
        later(clock, seconds=61)
        assert await recall(context, "code") is None
        assert await claim(context, "code", "again", minute)
        later(clock, seconds=61)
        assert await purge_expired(context)
        assert await context.database.query('SELECT count(*) FROM "remembered"') == [(0,)]

    with_installation(database, body)
