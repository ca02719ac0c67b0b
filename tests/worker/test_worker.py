"""The worker at its work: lists, answers, signers; one process or two, ended in order or not."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.lease import WORKER, read_leases
from certwright.operations.revoke import PUBLISH_CRL, revoke_certificate
from certwright.operations.worker_health import require_worker, worker_health
from certwright.site.supervisor import EX_CONFIG, HEART_VARIABLE
from certwright.store.ledger import Change
from certwright.store.rows import AuditEventRow
from tests.real.pki import ADMINISTRATOR
from tests.worker.process import FREEZE, WAIT
from tests.worker.running import (
    Home,
    audit_problems,
    issued,
    lists,
    outbox,
    serial_of,
    serials,
    unplaced,
    until,
    until_true,
)

pytestmark = pytest.mark.database


async def ask(context: Context, go: str, kind: str = WAIT) -> None:
    await context.ledger.commit(Change(follow_ups=[(kind, json.dumps({"go": go}))]))


def test_a_revocation_is_in_the_next_lists(home: Home) -> None:
    async def body(context: Context) -> None:
        rows = [await issued(context, f"{n}.example") for n in range(3)]
        for row in rows[:2]:
            await revoke_certificate(
                context, ADMINISTRATOR, row.fingerprint.hex(), Reason.SUPERSEDED, context.clock()
            )

        async def listed() -> bool:
            newest = [(await lists(context, delta=delta) or [None])[-1] for delta in (False, True)]
            return all(one is not None and serials(one) == set(map(serial_of, rows[:2])) for one in newest)

        await until_true(listed)
        assert len(await lists(context)) <= 5
        await until_true(lambda: _is_empty(context))

    with home.worker():
        home.run(body)


async def _is_empty(context: Context) -> bool:
    return not await outbox(context)


def test_answers_and_checkpoints_come_by_themselves(home: Home) -> None:
    async def body(context: Context) -> None:
        async def produced() -> bool:
            files = list((home.path / "ocsp").glob("*/*.answers"))
            return len(files) == 2 and not await unplaced(context)

        await until_true(produced)
        health = await worker_health(context, home.path / "ocsp")
        require_worker(health, context.clock())
        assert health.lists_end is not None
        assert health.lists_end > context.clock() + timedelta(days=6)
        assert health.answers_end is not None
        assert await audit_problems(home, context) == []

    with home.worker():
        home.run(body)


def test_it_ends_in_order_and_leaves_its_leases(home: Home) -> None:
    server = home.start()
    assert server.stop() == 0

    async def body(context: Context) -> None:
        leases = await read_leases(context.database)
        assert leases
        assert all(row.expires_at <= context.clock() for row in leases.values())

    home.run(body)
    assert "Traceback" not in server.output


def test_work_begun_is_left_for_the_next_when_it_is_told_to_end(home: Home) -> None:
    home.run(lambda context: ask(context, "go"))
    server = home.start()
    until(home.steps)
    assert server.stop() == 0
    home.let("go")
    with home.worker():
        until(lambda: len(home.steps()) == 3)
        home.run(lambda context: until_true(lambda: _is_empty(context)))
    assert [line.split()[1] for line in home.steps()] == ["begin", "begin", "end"]


def test_of_two_workers_one_does_it(home: Home) -> None:
    """The second comes in the middle of the first one's work."""
    home.run(lambda context: ask(context, "go"))
    with home.worker() as first:
        until(home.steps)
        with home.worker():
            home.run(lambda context: ask(context, "second"))
            home.let("second")
            until(lambda: any("end second" in line for line in home.steps()))
            home.let("go")
            home.run(lambda context: until_true(lambda: _is_empty(context)))
    named = [line.split(maxsplit=1) for line in home.steps()]
    assert sorted(line for _, line in named) == ["begin go", "begin second", "end go", "end second"]
    assert {pid for pid, line in named if line.endswith(" go")} == {str(first.process.pid)}


def test_one_is_killed_for_good_and_the_other_finishes(home: Home) -> None:
    home.run(lambda context: ask(context, "go"))
    first = home.start()
    until(home.steps)
    with home.worker() as second:
        first.kill()
        until(lambda: len(home.steps()) == 2)
        home.let("go")
        home.run(lambda context: until_true(lambda: _is_empty(context)))
    pids = [str(server.process.pid) for server in (first, second, second)]
    assert home.steps() == [f"{pids[0]} begin go", f"{pids[1]} begin go", f"{pids[2]} end go"]

    async def recorded(context: Context) -> None:
        [event] = await context.database.select(AuditEventRow, '"kind" = ?', "worker.recovered")
        assert json.loads(event.body)["detail"]["workflows"] >= 1  # a duty of the clock may have died with it

    home.run(recorded)


def test_work_of_the_version_before_ends_under_the_next(home: Home) -> None:
    """The old code has noted which rows it answers, and is in the middle of its work. Rows that come after
    that are not taken away with those."""
    home.run(lambda context: ask(context, "go"))
    old = home.start(version=1, older_orders=True)
    until(home.steps)
    old.kill()
    home.run(lambda context: ask(context, "go"))
    with home.worker(version=2):
        until(lambda: len(home.steps()) == 2)
        home.let("go")
        home.run(lambda context: until_true(lambda: _is_empty(context)))
    begun = [line.split()[1] for line in home.steps()]
    assert begun == ["begin", "begin", "end", "begin", "end"]


def test_work_of_a_newer_version_is_left_alone(home: Home) -> None:
    home.run(lambda context: ask(context, "go"))
    newer = home.start(version=2)
    until(home.steps)
    newer.kill()
    home.let("go")
    with home.worker(version=1):
        home.run(lambda context: ask(context, "other"))
        home.let("other")
        until(lambda: any("end other" in line for line in home.steps()))
        assert not any("end go" in line for line in home.steps())
    with home.worker(version=2):
        until(lambda: any("end go" in line for line in home.steps()))


def test_work_of_an_unknown_kind_is_kept_and_reported(home: Home) -> None:
    home.run(lambda context: ask(context, "go", "from.the.future"))
    with home.worker() as server:
        until(lambda: "from.the.future" in server.output)
        home.run(lambda context: ask(context, "go"))
        home.let("go")
        until(lambda: len(home.steps()) == 2)

    async def body(context: Context) -> None:
        assert [row.kind for row in await outbox(context)] == ["from.the.future"]

    home.run(body)


def test_what_fails_for_good_is_on_record(home: Home) -> None:
    """The root's key is under the recovery passphrase, so no worker can sign its list."""

    async def revoke(context: Context) -> None:
        issuing = context.snapshot.issuing("issuing")
        serial = f"{issuing.certificate.serial_number:x}" if issuing.certificate else ""
        await revoke_certificate(
            context, ADMINISTRATOR, serial, Reason.CESSATION_OF_OPERATION, context.clock()
        )

    async def failed(context: Context) -> None:
        async def recorded() -> list[AuditEventRow]:
            return await context.database.select(AuditEventRow, '"kind" = ?', "worker.job-failed")

        await until_true(recorded)
        [event] = await recorded()
        detail = json.loads(event.body)["detail"]
        assert detail["kind"] == PUBLISH_CRL
        assert "recovery passphrase" in detail["error"]
        await until_true(lambda: _is_empty(context))

    home.run(revoke)
    with home.worker():
        home.run(failed)


def test_a_database_that_was_put_back_has_its_work_done_again(home: Home) -> None:
    """The workflow is on record as done while its row is there."""
    home.let("go")
    home.run(lambda context: ask(context, "go"))

    async def again(context: Context) -> None:
        [row] = rows
        await context.ledger.commit(Change(inserted=[row]))

    async def look(context: Context) -> None:
        rows.extend(await outbox(context))

    rows: list[object] = []
    home.run(look)
    with home.worker():
        until(lambda: len(home.steps()) == 2)
        home.run(lambda context: until_true(lambda: _is_empty(context)))
        home.run(again)
        until(lambda: len(home.steps()) == 4)
        home.run(lambda context: until_true(lambda: _is_empty(context)))


def test_it_tells_the_supervisor_that_it_is_ready(home: Home) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "certwright.site.work"],
        env={**os.environ, **home.environment, HEART_VARIABLE: str(writing)},
        pass_fds=[writing],
    )
    os.close(writing)
    assert os.read(reading, 1) == b"."
    process.terminate()
    assert process.wait(10) == 0
    os.close(reading)


def test_it_does_not_start_without_the_key_of_checkpoints(home: Home) -> None:
    (home.path / "audit" / "checkpoint-key.pem").unlink()
    ended = subprocess.run(
        [sys.executable, "-m", "certwright.site.work"],
        env={**os.environ, **home.environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == EX_CONFIG
    assert "checkpoint-key.pem is missing" in ended.stderr


def test_a_worker_that_stands_still_loses_its_work(home: Home) -> None:
    """It gives no sign of life; when it moves again its work is another's, and it goes on with other work."""
    home.run(lambda context: ask(context, "go", FREEZE))
    with home.worker():
        until(home.steps)
        with home.worker() as second:
            until(lambda: len(home.steps()) == 3)
            home.run(lambda context: until_true(lambda: _is_empty(context)))
            home.let("thaw")
            until(lambda: len(home.steps()) == 4)
            home.run(lambda context: ask(context, "more"))
            home.let("more")
            until(lambda: any("end more" in line for line in home.steps()))
            home.run(lambda context: until_true(lambda: _is_alive_twice(context)))
            assert second.process.poll() is None
    assert [line.split()[1] for line in home.steps()][:4] == ["begin", "begin", "end", "end"]
    assert sum("more" in line for line in home.steps()) == 2


async def _is_alive_twice(context: Context) -> bool:
    leases = await read_leases(context.database)
    living = [name for name, row in leases.items() if row.expires_at > context.clock()]
    return sum(name.startswith(WORKER) for name in living) == 2
