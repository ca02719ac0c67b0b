"""Requests that wait for people: what the worker does about them."""

import os
import signal
import subprocess
import sys

import pytest

from certwright.core.approval import RequestStatus, request_status
from certwright.operations.context import Context
from certwright.store.approvals import Request, load_request
from certwright.store.rows import CertificateNameRow
from tests.operations.approving import ONE_STEP, rules, waiting
from tests.worker.running import REPOSITORY, Home, outbox, until_true

pytestmark = pytest.mark.database


async def asked(context: Context, toml: str = ONE_STEP) -> Request:
    await rules(context, toml)
    return await waiting(context)


async def status(context: Context, number: int) -> RequestStatus:
    return request_status((await load_request(context.database, number)).facts, context.clock())


async def names(context: Context) -> int:
    return len(await context.database.select(CertificateNameRow, '"value" = ?', "a.pay.test"))


def test_what_was_approved_is_issued_though_the_approver_was_killed(home: Home) -> None:
    number = home.run(asked).row.id
    killed = subprocess.run(
        [sys.executable, "-m", "tests.worker.approver", str(number)],
        env={**os.environ, **home.environment},
        cwd=REPOSITORY,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL

    async def look(context: Context) -> None:
        assert await status(context, number) is RequestStatus.APPROVED
        assert not await names(context)
        assert [row.kind for row in await outbox(context)] == ["issue-approved"]

    async def issued(context: Context) -> None:
        async def is_issued() -> bool:
            return await status(context, number) is RequestStatus.ISSUED and not await outbox(context)

        await until_true(is_issued)
        assert await names(context) == 1

    home.run(look)
    with home.worker():
        home.run(issued)


def test_what_nobody_decides_is_put_on_record(home: Home) -> None:
    number = home.run(lambda context: asked(context, ONE_STEP.replace("14d", "5m"))).row.id

    async def expire(context: Context) -> None:
        """Its time is over: the clock of another process cannot be moved."""
        async with context.database.transaction(0) as transaction:
            sql = 'UPDATE "certificate_request" SET "expires_at" = "created_at" WHERE "id" = ? RETURNING 1'
            await transaction.execute(sql, (number,))

    async def recorded(context: Context) -> None:
        async def is_recorded() -> bool:
            return (await load_request(context.database, number)).row.expired_at is not None

        await until_true(is_recorded)

    home.run(expire)
    with home.worker():
        home.run(recorded)
