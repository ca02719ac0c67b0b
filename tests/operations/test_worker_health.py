"""What is said of a worker that is gone, long before anything it renews is out of date."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from certwright.core.distinguished_name import parse_name
from certwright.core.errors import Unavailable
from certwright.core.keys import KeyAlgorithm
from certwright.operations.authority_health import authority_health
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.keyring import RECOVERY
from certwright.operations.lease import LEASE_SECONDS, WORKER, take_lease
from certwright.operations.publish_crl import OFFLINE_TIMES, publish_crl
from certwright.operations.publish_status import publish_status
from certwright.operations.renew_answers import produce_due_answers, renew_signer, signers_due
from certwright.operations.renew_lists import renew_list
from certwright.operations.serve_status import PublishedLists
from certwright.operations.worker_health import (
    offline_tasks,
    require_lasting,
    require_no_offline_task,
    require_worker,
    worker_health,
)
from certwright.plugins.keys.software import SoftwareKeys
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, opened


async def beat(context: Context, executor: str = "one") -> None:
    before = None
    await take_lease(context, WORKER + executor, "1", timedelta(seconds=LEASE_SECONDS), before)


async def check(context: Context, folder: Path) -> None:
    require_worker(await worker_health(context, folder), context.clock())


def test_a_dead_worker_is_noticed_after_a_minute(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        with pytest.raises(Unavailable, match="no worker has been seen"):
            await check(context, tmp_path)
        await renew_list(context, context.snapshot.issuing("issuing").id, 0)
        await produce_due_answers(context, tmp_path)
        await beat(context)
        later(clock, seconds=59)
        await check(context, tmp_path)
        later(clock, seconds=2)
        with pytest.raises(Unavailable, match="not been seen for 61 s; what it has signed lasts until"):
            await check(context, tmp_path)

    with_installation(database, body)


def test_a_sign_of_life_from_the_future_is_a_fault_until_there_is_another(
    database: Database, tmp_path: Path
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        later(clock, days=365)
        await beat(context)
        later(clock, days=-365)
        with pytest.raises(Unavailable, match="in the future; set the clocks"):
            await check(context, tmp_path)
        await beat(context, "two")
        await check(context, tmp_path)
        later(clock, seconds=61)
        with pytest.raises(Unavailable, match="not been seen for 61 s"):
            await check(context, tmp_path)

    with_installation(database, body)


def test_it_says_how_long_lists_and_answers_last(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        health = await worker_health(context, tmp_path)
        assert (health.lists_end, health.answers_end) == (None, None)
        await renew_list(context, context.snapshot.issuing("issuing").id, 0)
        await produce_due_answers(context, tmp_path)
        health = await worker_health(context, tmp_path)
        assert health.lists_end is not None
        assert health.answers_end is not None
        assert timedelta(days=6.9) < health.lists_end - context.clock() <= timedelta(days=7)
        assert timedelta(days=2.9) < health.answers_end - context.clock() <= timedelta(days=3)

    with_installation(database, body)


def test_a_worker_that_lives_and_signs_no_list_is_noticed(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await renew_list(context, context.snapshot.issuing("issuing").id, 0)
        later(clock, days=6, hours=1)
        await beat(context)
        with pytest.raises(Unavailable, match="is not renewed"):
            await check(context, tmp_path)

    with_installation(database, body)


async def work(context: Context, folder: Path) -> None:
    """All that a living worker does about status data."""
    for one in context.snapshot.generations.values():
        while await renew_list(context, one.id, 0):
            pass
    for one in signers_due(context, context.clock()):
        await renew_signer(context, one.id)
    await produce_due_answers(context, folder)


def test_in_an_authoritys_last_days_nothing_is_wrong_while_a_worker_works(
    database: Database, tmp_path: Path
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        end = context.snapshot.issuing("issuing").as_issuer.not_after
        for left in (6, 4, 2.5, 0.9, 0.1):
            clock.offset += end - timedelta(days=left) - clock()
            await work(context, tmp_path)
            await beat(context, str(left))
            require_lasting(await worker_health(context, tmp_path), clock())
            await check(context, tmp_path)
            [state] = await authority_health(context, ADMINISTRATOR, "issuing")
            assert not state.problems

    with_installation(database, body)


def test_before_that_its_data_counts(database: Database, tmp_path: Path) -> None:
    """Complete list and answers end a little before the authority does, and nobody renews them."""

    async def body(context: Context, clock: MovableClock) -> None:
        end = context.snapshot.issuing("issuing").as_issuer.not_after
        clock.offset += end - timedelta(days=7, hours=1) - clock()
        await work(context, tmp_path)
        health = await worker_health(context, tmp_path)
        assert health.lists_end is not None
        assert timedelta(minutes=59) < end - health.lists_end < timedelta(minutes=61)
        later(clock, days=4, hours=2)
        with pytest.raises(Unavailable, match="lists last until"):
            require_lasting(await worker_health(context, tmp_path), clock())

    with_installation(database, body)


@pytest.mark.parametrize("crl_shards", [1, 2])
def test_a_delta_that_is_not_renewed_is_told_of_before_its_end(
    database: Database, tmp_path: Path, crl_shards: int
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        issuing, shard = context.snapshot.issuing("issuing"), crl_shards - 1
        await renew_list(context, issuing.id, shard)
        assert (await worker_health(context, tmp_path)).deltas_end is None
        await renew_list(context, issuing.id, shard)
        delta = await PublishedLists(context.database).newest(issuing, shard, True, clock())
        later(clock, hours=1)
        for other in range(shard):
            while await renew_list(context, issuing.id, other):
                pass
        health = await worker_health(context, tmp_path)
        assert health.deltas_end == delta.next_update
        clock.offset += delta.next_update - timedelta(hours=6, minutes=-1) - clock()
        await beat(context)
        require_lasting(await worker_health(context, tmp_path), clock())
        with pytest.raises(Unavailable, match=r"a delta CRL ends at .* and is not renewed"):
            await check(context, tmp_path)
        [state] = await authority_health(context, ADMINISTRATOR, "issuing")
        assert [line for line in state.problems if f"the delta of shard {shard} ends" in line]
        later(clock, hours=3)
        require_lasting(await worker_health(context, tmp_path), clock())  # the complete list holds
        await PublishedLists(context.database).newest(issuing, shard, True, clock())
        with pytest.raises(Unavailable, match="what it has signed lasts until") as told:
            await check(context, tmp_path)
        assert f"{delta.next_update:%Y-%m-%d %H:%M}" in told.value.detail
        while await renew_list(context, issuing.id, shard):
            pass
        require_lasting(await worker_health(context, tmp_path), clock())

    with_installation(database, body, crl_shards)


def test_answers_that_are_not_renewed_are_told_of_before_their_end(
    database: Database, tmp_path: Path
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await produce_due_answers(context, tmp_path)
        later(clock, days=1, hours=23)
        require_lasting(await worker_health(context, tmp_path), clock())
        later(clock, hours=2)
        with pytest.raises(Unavailable, match="OCSP answers last until"):
            require_lasting(await worker_health(context, tmp_path), clock())
        await produce_due_answers(context, tmp_path)
        require_lasting(await worker_health(context, tmp_path), clock())

    with_installation(database, body)


def test_nobody_is_called_for_what_lasts_as_long_as_an_offline_authority(
    database: Database, tmp_path: Path
) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            context.keyring.unlock(SoftwareKeys(SoftwareKeys.Settings(bytes(32))))
            order = AuthorityOrder(
                "root", "root", parse_name("CN=Offline Root"), KeyAlgorithm.ECDSA_P256, RECOVERY
            )
            root = await found_authority(context, ADMINISTRATOR, order)
            clock.offset += root.as_issuer.not_after - timedelta(days=200) - clock()
            await visit(context)
            later(clock, days=198)
            assert await offline_tasks(context) == []
            await produce_due_answers(context, tmp_path)
            require_lasting(await worker_health(context, tmp_path), clock())

    asyncio.run(main())


def test_a_signer_that_only_a_person_can_renew_makes_no_process_unready(
    database: Database, tmp_path: Path
) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            context.keyring.unlock(SoftwareKeys(SoftwareKeys.Settings(bytes(32))))
            name = parse_name("CN=Offline Root")
            order = AuthorityOrder("root", "root", name, KeyAlgorithm.ECDSA_P256, RECOVERY)
            await found_authority(context, ADMINISTRATOR, order)
            await visit(context)
            for days in (364.5, 1):
                later(clock, days=days)
                await produce_due_answers(context, tmp_path)
                require_lasting(await worker_health(context, tmp_path), clock())
                assert {task.what for task in await offline_tasks(context)} == {"crl", "ocsp-signer"}

    asyncio.run(main())


def test_what_only_a_person_can_renew_is_told_in_good_time(database: Database) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            context.keyring.unlock(SoftwareKeys(SoftwareKeys.Settings(bytes(32))))
            name = parse_name("CN=Offline Root")
            order = AuthorityOrder("root", "root", name, KeyAlgorithm.ECDSA_P256, RECOVERY)
            root = await found_authority(context, ADMINISTRATOR, order)
            assert {task.what for task in await offline_tasks(context)} == {"crl", "ocsp-signer"}
            await issue_ocsp_signer(context, root)
            await publish_crl(context, root, 0, True, OFFLINE_TIMES)
            context.keyring.lock()
            assert await offline_tasks(context) == []
            later(clock, days=319)
            assert await offline_tasks(context) == []
            later(clock, days=2)
            tasks = {task.what: task.ends for task in await offline_tasks(context)}
            assert set(tasks) == {"crl", "ocsp-signer"}
            assert tasks["crl"] is not None
            assert tasks["crl"] > clock()
            await visit(context)
            assert await offline_tasks(context) == []
            later(clock, days=300)
            await visit(context)
            later(clock, days=-300)
            assert {task.what for task in await offline_tasks(context)} == {"crl"}
            with pytest.raises(Unavailable, match="`certwright crl publish root --recovery-passphrase"):
                require_no_offline_task(await offline_tasks(context))
            await visit(context)
            assert await offline_tasks(context) == []
            later(clock, days=100)
            await visit(context)
            later(clock, days=319)
            assert await offline_tasks(context) == []

    asyncio.run(main())


async def visit(context: Context) -> None:
    """A person comes with the passphrase, and renews what there is in one command."""
    context.keyring.unlock(SoftwareKeys(SoftwareKeys.Settings(bytes(32))))
    await publish_status(context, ADMINISTRATOR, "root")
    context.keyring.lock()
