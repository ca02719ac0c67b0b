"""Killed at any moment, again and again: nothing is lost, and no number is given twice."""

import random
import time

import pytest

from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.revoke import revoke_certificate
from certwright.store.rows import CertificateRow
from tests.real.pki import ADMINISTRATOR
from tests.worker.running import (
    Home,
    audit_problems,
    issued,
    lists,
    numbers_published,
    outbox,
    serial_of,
    serials,
    unplaced,
    until_true,
)

pytestmark = pytest.mark.database
KILLS, KILLS_FULL = 4, 200
LIFE_SECONDS = (0.5, 2.5)


async def revoke_one(context: Context, number: int) -> CertificateRow:
    row = await issued(context, f"{number}.example")
    return await revoke_certificate(
        context, ADMINISTRATOR, row.fingerprint.hex(), Reason.SUPERSEDED, context.clock()
    )


@pytest.mark.timeout(3600)
def test_every_revocation_gets_into_a_list_though_workers_are_killed(home: Home, full: bool) -> None:
    chance = random.Random(17)
    revoked: list[int] = []
    for number in range(KILLS_FULL if full else KILLS):
        server = home.start(ready="")
        revoked.append(serial_of(home.run(lambda context, number=number: revoke_one(context, number))))
        time.sleep(chance.uniform(*LIFE_SECONDS))
        server.kill()
    with home.worker():
        home.run(lambda context: all_is_done(home, context, set(revoked)))


async def all_is_done(home: Home, context: Context, revoked: set[int]) -> None:
    async def settled() -> bool:
        return not await outbox(context) and not await unplaced(context)

    await until_true(settled, 120)
    newest = await lists(context)
    assert serials(newest[-1]) == revoked
    numbers = await numbers_published(context)
    assert len(numbers) == len(set(numbers))
    by_number = [(row.number, row.covered_seq, row.this_update) for row in newest]
    assert sorted(by_number) == sorted(by_number, key=lambda row: row[1:])
    assert await audit_problems(home, context) == []
