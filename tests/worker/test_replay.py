"""A replay of rules in the hands of real workers: from asked to ended, and over the death of one."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.policy_replays import (
    ReplayStatus,
    find_replay,
    replay_document,
    replay_status,
    start_replay,
)
from certwright.operations.replay_policy import PROCESSES_MAX
from certwright.store.rows import AuditEventRow, PolicyReplayRow
from tests.operations.approving import ONE_STEP, rules, waiting
from tests.real.pki import ADMINISTRATOR
from tests.real.processes import Server
from tests.site.running import alive, command_line, descendants
from tests.worker.running import Home, issued, outbox, until, until_true

pytestmark = pytest.mark.database
DRAFT = '[[rule]]\nname = "no-free"\nwhen.names.dns = [".free.test"]\nrefuse = "Ask the PKI team."\n'
FREE = 3
CERTIFICATES = FREE + 1  # with the listeners' own
ALL = CERTIFICATES + 1
PARTS = min(PROCESSES_MAX, len(os.sched_getaffinity(0)))


async def asked(context: Context) -> int:
    """A draft that somebody wants run beside the rules, over certificates and a request."""
    await rules(context, ONE_STEP)
    for number in range(FREE):
        await issued(context, f"{number}.free.test")
    await waiting(context)
    return (await start_replay(context, ADMINISTRATOR, rules_from_toml(DRAFT))).id


def parts(server: Server) -> list[int]:
    """The processes that judge, in the order in which they were started."""
    return [pid for pid in descendants(server.process.pid) if "replay_part" in command_line(pid)]


@contextmanager
def held(server: Server) -> Iterator[list[int]]:
    """The last of the processes stands still before it has read anything. It is its turn once another has
    read what certificates there are, so that one cannot go on."""
    until(lambda: len(parts(server)) == PARTS)
    running = parts(server)
    os.kill(running[-1], signal.SIGSTOP)
    try:
        yield running
    finally:
        os.kill(running[-1], signal.SIGCONT)


def halfway(home: Home, number: int) -> PolicyReplayRow:
    """The row once it says that certificates are judged, and a while later that a worker is still at it."""
    done = CERTIFICATES if PARTS > 1 else 0
    first = home.run(lambda context: seen(context, number, lambda row: row.seen_at and row.done == done))
    return home.run(lambda context: seen(context, number, lambda row: row.seen_at != first.seen_at))


async def seen(
    context: Context, number: int, condition: Callable[[PolicyReplayRow], object]
) -> PolicyReplayRow:
    async def holds() -> bool:
        return bool(condition(await find_replay(context.database, ADMINISTRATOR, number)))

    await until_true(holds)
    return await find_replay(context.database, ADMINISTRATOR, number)


async def ended(context: Context, number: int) -> None:
    """It has found what there is to find, and nothing is left to do."""
    row = await seen(context, number, lambda row: row.ended_at)
    told = replay_document(row, context.clock())
    assert (told["status"], told["problem"], told["done"], told["total"]) == ("done", "", ALL, ALL)
    [change] = told["result"]["certificates"]["changes"]
    assert (change["change"], change["count"]) == ("refused", FREE)
    assert told["result"]["requests"]["before"] == {"allowed": 0, "approval": 1, "refused": 0}

    async def settled() -> bool:
        return not await outbox(context)

    await until_true(settled)


def test_a_worker_runs_it_and_tells_how_far_it_is(home: Home) -> None:
    number = home.run(asked)
    with home.worker() as server:
        with held(server) as running:
            row = halfway(home, number)
            assert replay_status(row, row.seen_at or row.created_at) is ReplayStatus.RUNNING
            assert row.total == (ALL if PARTS > 1 else 0)
            assert row.result == ""
        home.run(lambda context: ended(context, number))
        until(lambda: not any(map(alive, running)))


def test_it_is_killed_in_the_middle_and_the_next_ends_it(home: Home) -> None:
    """The next one begins it anew: nothing that the first one counted is counted twice."""
    number = home.run(asked)
    with home.start() as first:
        with held(first) as running:
            halfway(home, number)
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait()
        until(lambda: not any(map(alive, running)))  # they end with who has started them
    with home.worker():
        home.run(lambda context: ended(context, number))

    async def recovered(context: Context) -> list[AuditEventRow]:
        return await context.database.select(AuditEventRow, '"kind" = ?', "worker.recovered")

    assert len(home.run(recovered)) == 1
