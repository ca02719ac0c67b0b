"""When OCSP answers are produced and signers renewed."""

from datetime import timedelta
from pathlib import Path

from certwright.operations.context import Context
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.renew_answers import (
    newest_run,
    produce_due_answers,
    renew_signer,
    signers_due,
)
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import MovableClock


def test_answers_are_produced_when_a_third_of_their_time_is_over(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert await produce_due_answers(context, tmp_path) == 2
        assert await produce_due_answers(context, tmp_path) == 0
        later(clock, hours=23.9)
        assert await produce_due_answers(context, tmp_path) == 0
        later(clock, hours=0.2)
        assert await produce_due_answers(context, tmp_path) == 2

    with_installation(database, body)


def test_a_new_signer_and_a_damaged_file_make_them_due(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await produce_due_answers(context, tmp_path)
        issuing = context.snapshot.issuing("issuing")
        await issue_ocsp_signer(context, issuing)
        assert context.snapshot.signers_of[issuing.id][0].certificate != signer_of(context, tmp_path)
        assert await produce_due_answers(context, tmp_path) == 1
        assert context.snapshot.signers_of[issuing.id][0].certificate == signer_of(context, tmp_path)
        newest = max((tmp_path / str(issuing.id)).glob("*.answers"))
        newest.write_bytes(b"damaged")
        assert newest_run(issuing, tmp_path) is None
        assert await produce_due_answers(context, tmp_path) == 1

    with_installation(database, body)


def signer_of(context: Context, folder: Path) -> bytes:
    run = newest_run(context.snapshot.issuing("issuing"), folder)
    assert run is not None
    return run.signer.certificates[0]


def test_near_a_signers_end_answers_are_not_produced_without_pause(
    database: Database, tmp_path: Path
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        signer = context.snapshot.signers_of[context.snapshot.issuing("issuing").id][0]
        clock.offset += signer.not_after - clock() - timedelta(minutes=20)
        runs = 0
        for _ in range(25):
            runs += await produce_due_answers(context, tmp_path)
            later(clock, minutes=1)
        assert runs <= 2 * 3

    with_installation(database, body)


def test_a_signer_is_renewed_after_two_thirds_of_its_life_and_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        issuing = context.snapshot.issuing("issuing")
        before = context.snapshot.signers_of[issuing.id][0]
        assert await renew_signer(context, issuing.id) is None
        clock.offset += (before.not_after - before.not_before) * 2 / 3
        assert {one.id for one in signers_due(context, context.clock())} == {
            one.id for one in context.snapshot.generations.values()
        }
        after = await renew_signer(context, issuing.id)
        assert after is not None
        assert after.not_after > before.not_after
        assert await renew_signer(context, issuing.id) is None

    with_installation(database, body)
