"""What the worker does by itself, when it is due."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from certwright.operations.context import Context
from certwright.operations.purge_expired import ENROLMENT_KEPT
from certwright.operations.renew_answers import newest_run, produce_due_answers
from certwright.operations.renew_lists import lists_due, renew_list
from certwright.site.listener_certificate import listener_file
from certwright.site.metrics import metrics_text
from certwright.store.ledger import Change
from certwright.store.rows import (
    AcmeAccountRow,
    AcmeAuthorizationRow,
    AcmeOrderRow,
    OcspSignerRow,
    OutboxRow,
    PerspectiveResultRow,
)
from certwright.worker.duties import WORKFLOWS_KEPT
from tests.conftest import KIND
from tests.operations.installed import row_of
from tests.real.challenge_ports import challenge_ports
from tests.worker.process import WAIT
from tests.worker.running import Home, lists, until, until_true

pytestmark = pytest.mark.database


def test_a_missing_listener_certificate_is_issued(home: Home) -> None:
    certificate = listener_file(home.configuration)
    before = certificate.read_bytes()
    certificate.unlink()
    with home.worker():
        until(certificate.exists)
    assert certificate.read_bytes() != before


def test_an_ocsp_signer_is_renewed_and_answers_are_signed_by_the_new_one(home: Home) -> None:
    async def age(context: Context) -> None:
        """The issuing authority's signer has signed, and has a day left of its fortnight."""
        now, issuing = context.clock(), context.snapshot.issuing("issuing")
        await produce_due_answers(context, home.path / "ocsp")
        assert await signed_by(context) == [one.certificate for one in await signers(context)]
        async with context.database.transaction(0) as transaction:
            await transaction.execute(
                'UPDATE "ocsp_signer" SET "not_before" = ?, "not_after" = ? WHERE "generation_id" = ?',
                (now - timedelta(days=13), now + timedelta(days=1), issuing.id),
            )

    async def signers(context: Context) -> list[OcspSignerRow]:
        issuing = context.snapshot.issuing("issuing").id
        return await context.database.select(OcspSignerRow, '"generation_id" = ? ORDER BY "id"', issuing)

    async def signed_by(context: Context) -> list[bytes]:
        run = newest_run(context.snapshot.issuing("issuing"), home.path / "ocsp")
        return list(run.signer.certificates) if run else []

    async def renewed(context: Context) -> None:
        async def in_force() -> bool:
            return len(await signers(context)) == 2

        async def in_use() -> bool:
            return await signed_by(context) == [newest.certificate]

        await until_true(in_force)
        newest = max(await signers(context), key=lambda one: one.not_after)
        await until_true(in_use)

    home.run(age)
    with home.worker():
        home.run(renewed)


@pytest.mark.parametrize(
    ("aged", "scheduled"),
    [
        ('"this_update" = ? WHERE "base_number" = 0 AND', True),
        ('"next_update" = ? WHERE "base_number" > 0 AND', False),
    ],
    ids=["complete", "delta"],
)
def test_lists_are_signed_anew_when_their_time_comes(home: Home, aged: str, scheduled: bool) -> None:
    """A complete list of more than a day ago; a delta with less than half of its day left."""

    async def age(context: Context) -> int:
        now, issuing = context.clock(), context.snapshot.issuing("issuing")
        while await renew_list(context, issuing.id, 0):
            pass
        async with context.database.transaction(0) as transaction:
            await transaction.execute('DELETE FROM "outbox"')  # it is for the clock to ask
            moment = now - timedelta(hours=25) if scheduled else now + timedelta(hours=11)
            await transaction.execute(f'UPDATE "crl" SET {aged} "generation_id" = ?', (moment, issuing.id))
        assert list(await lists_due(context.database, issuing, now)) == [0]
        return (await lists(context))[-1].number

    async def renewed(context: Context) -> None:
        async def signed() -> bool:
            complete, deltas = await lists(context), await lists(context, delta=True)
            return complete[-1].number == deltas[-1].number > before

        await until_true(signed)
        issuing = context.snapshot.issuing("issuing")
        assert await lists_due(context.database, issuing, context.clock()) == {}
        assert (await lists(context))[-1].scheduled is scheduled

    before = home.run(age)
    with home.worker():
        home.run(renewed)


def test_orders_long_past_their_end_are_taken_away(home: Home) -> None:
    async def place(context: Context) -> None:
        now = context.clock()
        for days in (-1, 1):
            ends = now - ENROLMENT_KEPT + timedelta(days=days)
            order = row_of(AcmeOrderRow, now, id=context.ledger.new_id(), expires_at=ends, version=1)
            await context.ledger.commit(Change(inserted=[order]))

    async def gone(context: Context) -> None:
        async def one_left() -> bool:
            return len(await context.database.select(AcmeOrderRow, "1 = 1")) == 1

        await until_true(one_left)
        [left] = await context.database.select(AcmeOrderRow, "1 = 1")
        assert left.expires_at > context.clock() - ENROLMENT_KEPT

    home.run(place)
    with home.worker():
        home.run(gone)


def test_workflows_that_ended_long_ago_are_forgotten(home: Home) -> None:
    async def ask(context: Context) -> None:
        await context.ledger.commit(Change(follow_ups=[(WAIT, json.dumps({"go": "go"}))]))

    async def done(context: Context) -> None:
        async def nothing_waits() -> bool:
            return not await context.database.select(OutboxRow, '"kind" = ?', WAIT)

        await until_true(nothing_waits)

    home.let("go")
    home.run(ask)
    with home.worker():
        home.run(done)
    aged = int((WORKFLOWS_KEPT + timedelta(hours=1)).total_seconds() * 1000)
    of_its_kind = f"FROM {{table}} WHERE \"name\" = '{WAIT}'"
    until(lambda: workflows(home, f'SELECT "completed_at" {of_its_kind}')[0][0])
    workflows(home, f'UPDATE {{table}} SET "completed_at" = "completed_at" - {aged} RETURNING 1')
    with home.worker():
        until(lambda: not workflows(home, f"SELECT 1 {of_its_kind}"))


def workflows(home: Home, sql: str) -> list[Any]:
    """Of the table where DBOS keeps them."""
    if KIND == "sqlite":
        with closing(sqlite3.connect(home.path / "workflows.sqlite3")) as connection, connection:
            return connection.execute(sql.format(table="workflow_status")).fetchall()

    async def execute(context: Context) -> list[Any]:
        async with context.database.transaction(0) as transaction:
            return list(await transaction.execute(sql.format(table="workflows.workflow_status")))

    return home.run(execute)


def test_numbers_are_there_to_be_asked_for_when_it_is_gone(home: Home) -> None:
    server = home.start()
    until(lambda: b"certwright_status_next_update" in numbers(home))
    until(lambda: b"certwright_worker_seen_timestamp_seconds" in numbers(home))
    server.kill()
    text = numbers(home).decode()
    assert 'certwright_worker_task_runs_total{outcome="done",task="audit"}' in text
    assert 'certwright_offline_tasks{what="crl"} 0.0' in text


def numbers(home: Home) -> bytes:
    folder = home.path / "run" / "metrics"
    return metrics_text(folder) if folder.exists() else b""


def test_a_worker_of_another_zone_says_what_it_sees(home: Home) -> None:
    """A client has responded to a challenge; from here nobody listens there."""
    zones = {
        "CERTWRIGHT_VALIDATION__ZONE": "elsewhere",
        "CERTWRIGHT_VALIDATION__PRIMARY_ZONE": "local",
        "CERTWRIGHT_VALIDATION__OTHER_ZONES": "elsewhere",
        "CERTWRIGHT_VALIDATION__QUORUM": "1",
    }

    async def attempt(context: Context) -> None:
        now, endpoint = context.clock(), context.snapshot.endpoint("acme", "default").row.id
        account, authorization = context.ledger.new_id(), context.ledger.new_id()
        rows = [
            row_of(
                AcmeAccountRow,
                now,
                id=account,
                endpoint_id=endpoint,
                thumbprint="t" * 43,
                deactivated_at=None,
            ),
            row_of(
                AcmeAuthorizationRow,
                now,
                id=authorization,
                account_id=account,
                kind="ip",
                value="127.0.0.1",
                token="t" * 43,
                challenges=json.dumps(["http-01"]),
                expires_at=now + timedelta(hours=1),
                attempted="http-01",
                attempted_at=now,
                version=2,
            ),
        ]
        await context.ledger.commit(Change(inserted=list(rows)))

    async def seen(context: Context) -> None:
        async def heard() -> bool:
            return bool(await context.database.select(PerspectiveResultRow, "1 = 1"))

        await until_true(heard)
        [result] = await context.database.select(PerspectiveResultRow, "1 = 1")
        assert (result.perspective, result.attempt) == ("elsewhere", 2)
        assert result.problem == "connection"

    home.environment_of_workers.update(zones)
    with challenge_ports(), home.worker():
        home.run(attempt)
        home.run(seen)
