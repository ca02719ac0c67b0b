"""When OCSP answers are produced and signers renewed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from certwright.core.errors import Reconfigured, Refused
from certwright.core.profile_document import to_document
from certwright.operations.context import Context
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.renew_answers import (
    newest_run,
    produce_due_answers,
    renew_signer,
    signers_due,
)
from certwright.operations.save_base_url import save_base_url
from certwright.operations.save_profile import save_profile
from certwright.plugins.keys.software import SoftwareKeys
from certwright.ports import KeyReference, KeySpec
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened


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


class CountedKeys(SoftwareKeys):
    """Counts what it was asked to make and to destroy."""

    made = 0
    destroyed = 0

    def create(self, spec: KeySpec) -> KeyReference:
        self.made += 1
        return super().create(spec)

    def destroy(self, reference: KeyReference) -> None:
        self.destroyed += 1
        super().destroy(reference)


def with_counted_keys(database: Database, body: Callable[[Context, CountedKeys], Awaitable[None]]) -> None:
    async def main() -> None:
        kept = Secrets()
        counted = CountedKeys(SoftwareKeys.Settings(kept.key_encryption_key))
        async with opened(database.url, kept, MovableClock(), {"counted": counted}) as context:
            await found(context, provider="counted")
            counted.made = 0
            await body(context, counted)

    asyncio.run(main())


def test_no_key_is_made_for_a_signer_that_policy_refuses(database: Database) -> None:
    async def body(context: Context, counted: CountedKeys) -> None:
        document = to_document(context.snapshot.profile("ocsp-signer"))
        await save_profile(context, ADMINISTRATOR, {**document, "keys": ["rsa-4096"]})
        with pytest.raises(Refused, match=r"policy\.key\.profile"):
            await issue_ocsp_signer(context, context.snapshot.issuing("issuing"))
        assert counted.made == 0

    with_counted_keys(database, body)


def test_a_key_whose_certificate_cannot_be_recorded_is_destroyed(database: Database) -> None:
    """The configuration moves before the commit."""

    async def body(context: Context, counted: CountedKeys) -> None:
        held = context.snapshot
        await save_base_url(context, ADMINISTRATOR, "http://other.test")
        context.snapshots.current = held
        with pytest.raises(Reconfigured):
            await issue_ocsp_signer(context, held.issuing("issuing"))
        assert (counted.made, counted.destroyed) == (1, 1)

    with_counted_keys(database, body)
