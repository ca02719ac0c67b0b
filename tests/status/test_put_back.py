"""The database is put back to an earlier state: nothing that was told of the later one is believed any more.

As after a restored backup, or when a replica that lagged takes over from the server it followed.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_crl
from cryptography.x509.ocsp import OCSPCertStatus

from certwright.core.errors import Conflict
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.produce_ocsp import produce_ocsp
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.renew_answers import produce_due_answers, renew_signer, signers_due
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.operations.save_base_url import save_base_url
from certwright.operations.serve_status import PublishedLists
from certwright.store.feed import StatusFeed, newest_place
from certwright.store.rows import CertificateRow, CrlShardRow, StatusChangeRow
from tests.faults.interposed import QUERY, Interposed, nothing
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.status.asking import issued
from tests.status.responding import Responding, founded, responding

REVOKED, GOOD = OCSPCertStatus.REVOKED, OCSPCertStatus.GOOD
Body = Callable[[Context, list[CertificateRow]], Awaitable[None]]


def with_certificates(database: Database, count: int, body: Body) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            await body(context, [await issued(context, f"host{number}.test") for number in range(count)])

    asyncio.run(main())


async def revoke(context: Context, row: CertificateRow, reason: Reason = Reason.SUPERSEDED) -> None:
    await revoke_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), reason, context.clock())


async def put_back(context: Context, place: int) -> None:
    """To when the feed ended there, as far as status and its counters go."""
    issuing = context.snapshot.issuing("issuing").id
    async with context.database.transaction(0) as transaction:
        await transaction.execute('DELETE FROM "status_change" WHERE "seq" > ?', (place,))
        await transaction.execute('UPDATE "counter" SET "value" = ? WHERE "name" = ?', (place, "status"))
        await transaction.execute('UPDATE "counter" SET "value" = 0 WHERE "name" = ?', (f"ocsp/{issuing}",))
        kept = await transaction.execute(
            'SELECT "certificate_id", "revoked", "reason", "at" FROM "status_change" ORDER BY "seq"'
        )
        await transaction.execute('UPDATE "certificate" SET "revoked_at" = NULL, "revocation_reason" = NULL')
        for certificate, revoked, reason, at in kept:
            await transaction.execute(
                'UPDATE "certificate" SET "revoked_at" = ?, "revocation_reason" = ? WHERE "id" = ?',
                (at if revoked else None, reason if revoked else None, certificate),
            )


async def told(here: Responding, row: CertificateRow) -> set[OCSPCertStatus]:
    """With and without a nonce."""
    return {(await here.ask(row.serial, nonce)).ocsp.certificate_status for nonce in (b"", b"01234567")}


@pytest.mark.parametrize("produced", [False, True], ids=["live", "produced"])
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_running_responder_begins_again(
    database: Database, tmp_path: Path, lost: int, produced: bool
) -> None:
    """Two revocations come after it, at places that were given before: fewer, as many, or more than were
    lost."""

    async def body(context: Context, rows: list[CertificateRow]) -> None:
        before, *gone, first, second = rows
        await revoke(context, before)
        for row in gone:
            await revoke(context, row)
        if produced:
            await produce_ocsp(context, context.snapshot.issuing("issuing"), tmp_path)
        here = await responding(context, tmp_path)
        assert await told(here, first) == await told(here, second) == {GOOD}
        assert await told(here, gone[0]) == {REVOKED}
        await put_back(context, 1)
        await revoke(context, first)
        await revoke(context, second)
        await here.catch_up()
        assert await told(here, before) == await told(here, first) == await told(here, second) == {REVOKED}
        assert await told(here, gone[0]) == {GOOD}
        assert [type(error) for error in here.reported] == [Conflict] * produced
        assert here.feed.place == await newest_place(context.database)

    with_certificates(database, lost + 3, body)


def test_it_begins_again_before_anything_new_has_come(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, rows: list[CertificateRow]) -> None:
        await revoke(context, rows[0])
        here = await responding(context, tmp_path)
        assert await told(here, rows[0]) == {REVOKED}
        await put_back(context, 0)
        await here.catch_up()
        assert await told(here, rows[0]) == {GOOD}

    with_certificates(database, 1, body)


def test_a_file_of_another_history_is_not_used_and_a_new_one_takes_its_place(
    database: Database, tmp_path: Path
) -> None:
    async def body(context: Context, rows: list[CertificateRow]) -> None:
        *gone, row = rows
        for one in gone:
            await revoke(context, one)
        generation = context.snapshot.issuing("issuing")
        for _ in range(3):
            await produce_ocsp(context, generation, tmp_path)
        await put_back(context, 0)
        await revoke(context, row)
        started = await responding(context, tmp_path)
        assert await told(started, row) == {REVOKED}
        assert await produce_due_answers(context, tmp_path) == 2
        assert await produce_due_answers(context, tmp_path) == 0
        await started.catch_up()
        for here in (started, await responding(context, tmp_path)):
            here.responder.answered.clear()
            assert await told(here, row) == {REVOKED}
            assert await told(here, gone[0]) == {GOOD}
            assert here.responder.answered["produced"] == 2

    with_certificates(database, 4, body)


def test_a_file_that_has_heard_of_what_is_lost_is_not_used(database: Database, tmp_path: Path) -> None:
    """A hold is released while answers are produced; the release is lost, and the certificate on hold."""

    async def body(context: Context, rows: list[CertificateRow]) -> None:
        [row] = rows
        await revoke(context, row, Reason.CERTIFICATE_HOLD)

        async def let_go() -> None:
            await release_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), context.clock())

        watched = Interposed(context.database)
        watched.at(QUERY, nothing, let_go)  # the feed's place is read first, then the certificates
        await produce_ocsp(replace(context, database=watched), context.snapshot.issuing("issuing"), tmp_path)
        here = await responding(context, tmp_path)
        assert await told(here, row) == {GOOD}
        await put_back(context, 1)
        await here.catch_up()
        for one in (here, await responding(context, tmp_path)):
            assert await told(one, row) == {REVOKED}

    with_certificates(database, 1, body)


def test_a_place_is_not_taken_for_another_that_says_the_same(database: Database, tmp_path: Path) -> None:
    """Who does again what was lost gives the same rows to the feed: a hold that becomes final keeps its
    date."""

    async def body(context: Context, rows: list[CertificateRow]) -> None:
        held, lost, row = rows
        await revoke(context, held, Reason.CERTIFICATE_HOLD)
        await revoke(context, lost)
        await revoke(context, held, Reason.SUPERSEDED)
        await produce_ocsp(context, context.snapshot.issuing("issuing"), tmp_path)
        here = await responding(context, tmp_path)
        before = await context.database.select(StatusChangeRow, '"seq" = 3')
        await put_back(context, 1)
        await revoke(context, row)
        await revoke(context, held, Reason.SUPERSEDED)
        after = await context.database.select(StatusChangeRow, '"seq" = 3')
        assert [one._replace(chain=b"") for one in before] == [one._replace(chain=b"") for one in after]
        await here.catch_up()
        assert await told(here, row) == {REVOKED}
        assert await told(await responding(context, tmp_path), row) == {REVOKED}

    with_certificates(database, 3, body)


async def lose(context: Context, row: CertificateRow) -> None:
    """As if it had been issued, and answers produced, after the backup."""
    async with context.database.transaction(0) as transaction:
        await transaction.execute('DELETE FROM "ocsp_run"', ())
        for table in ("status_change", "certificate_name", "certificate_body"):
            await transaction.execute(f'DELETE FROM "{table}" WHERE "certificate_id" = ?', (row.id,))
        await transaction.execute('DELETE FROM "certificate" WHERE "id" = ?', (row.id,))


@pytest.mark.parametrize("revoked", [False, True])
def test_what_was_produced_of_certificates_that_are_lost_is_not_given(
    database: Database, tmp_path: Path, revoked: bool
) -> None:
    """The feed stood still between the backup and the production, and tells nothing of what lies between."""

    async def body(context: Context, rows: list[CertificateRow]) -> None:
        await revoke(context, rows[0])
        late = await issued(context, "late.test")
        await produce_ocsp(context, context.snapshot.issuing("issuing"), tmp_path)
        here = await responding(context, tmp_path)
        assert await told(here, late) == {GOOD}
        if revoked:
            await revoke(context, late, Reason.KEY_COMPROMISE)
        await put_back(context, 1)
        await lose(context, late)
        for one in (here, await responding(context, tmp_path)):
            await one.catch_up()
            assert await told(one, late) == {OCSPCertStatus.UNKNOWN}
            assert await told(one, rows[0]) == {REVOKED}
        assert await produce_due_answers(context, tmp_path) >= 1
        assert await produce_due_answers(context, tmp_path) == 0

    with_certificates(database, 1, body)


def test_no_number_of_a_list_comes_a_second_time(database: Database) -> None:
    """A relying party may hold a list that is lost: what replaces it must be newer than that, and no delta
    may be based on a number of which there were two."""
    clock = MovableClock()

    async def body(context: Context) -> None:
        generation, rows = context.snapshot.issuing("issuing"), [await issued(context, "a.test")]
        kept = await publish_crl(context, generation, 0, True, ListTimes())
        [shard] = await context.database.select(CrlShardRow, '"generation_id" = ?', generation.id)
        rows += [await issued(context, f"{letter}.test") for letter in "bcde"]
        for row in rows[:4]:
            await revoke(context, row)
            lost = await publish_crl(context, generation, 0, False, ListTimes())
        serving = PublishedLists(context.database)
        assert (await serving.newest(generation, 0, False, context.clock())).number == lost.number
        await put_back(context, 0)
        async with context.database.transaction(0) as transaction:
            await transaction.execute('DELETE FROM "crl" WHERE "number" > ?', (kept.number,))
            await transaction.execute(
                'UPDATE "crl_shard" SET "number" = ?, "covered_seq" = ? WHERE "generation_id" = ?',
                (kept.number, shard.covered_seq, generation.id),
            )
            name = f"crl/{generation.id}/0"
            await transaction.execute(
                'UPDATE "counter" SET "value" = ? WHERE "name" = ?', (kept.number, name)
            )
        clock.offset = timedelta(minutes=1)
        await revoke(context, rows[4])
        again = await publish_crl(context, generation, 0, False, ListTimes())
        assert again.number > lost.number
        served = await serving.newest(generation, 0, False, context.clock())
        assert served.number == again.number
        serial = int.from_bytes(rows[4].serial, "big")
        assert load_der_x509_crl(served.der).get_revoked_certificate_by_serial_number(serial)

    async def main() -> None:
        async with founded(database.url, clock) as context:
            await body(context)

    asyncio.run(main())


def test_two_who_read_the_feed_at_once_tell_each_change_once(database: Database) -> None:
    async def body(context: Context, rows: list[CertificateRow]) -> None:
        heard: list[int] = []
        feed = StatusFeed(context.database, lambda: 0.0)
        feed.listen(lambda changes: heard.extend(one.seq for one in changes), heard.clear)
        await revoke(context, rows[0])
        await feed.begin()
        for row in rows[1:]:
            await revoke(context, row)
            await asyncio.gather(feed.poll(), feed.poll())
        assert heard == [2, 3, 4]
        assert feed.begun == 1

    with_certificates(database, 4, body)


def test_a_revision_that_was_given_before_is_not_taken_for_the_same(database: Database) -> None:
    async def body(context: Context, rows: list[CertificateRow]) -> None:
        before = context.snapshot.installation
        await save_base_url(context, ADMINISTRATOR, "http://lost.test")
        held = context.snapshot
        async with context.database.transaction(0) as transaction:
            await transaction.execute(
                'UPDATE "installation" SET "revision" = ?, "base_url" = ?', (before.revision, before.base_url)
            )
        await context.snapshots.refresh()
        await save_base_url(context, ADMINISTRATOR, "http://other.test")
        context.snapshots.current = held
        assert (await context.snapshots.refresh()).installation.base_url == "http://other.test"

    with_certificates(database, 0, body)


# -- signers that are revoked ----------------------------------------------------------------------


@pytest.mark.parametrize("reason", [Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD])
def test_nothing_by_a_revoked_signer_is_given_out(database: Database, tmp_path: Path, reason: Reason) -> None:
    async def body(context: Context, rows: list[CertificateRow]) -> None:
        [row] = rows
        generation = context.snapshot.issuing("issuing")
        await produce_ocsp(context, generation, tmp_path)
        late = await issued(context, "late.test")
        here = await responding(context, tmp_path)
        assert await told(here, row) == await told(here, late) == {GOOD}
        [signer] = context.snapshot.signers_of[generation.id]
        [certificate] = await context.database.select(
            CertificateRow, '"fingerprint" = ?', hashlib.sha256(signer.certificate).digest()
        )
        await revoke(context, certificate, reason)
        await context.snapshots.refresh()
        await here.catch_up()
        for one in (row, late):
            assert (await here.ask(one.serial)).ocsp.response_status.name == "TRY_LATER"
        assert here.generation in signers_due(context, context.clock())
        assert await renew_signer(context, generation.id)
        assert await produce_due_answers(context, tmp_path) >= 1
        for answers in (here, await responding(context, tmp_path)):
            await answers.catch_up()
            for one in (row, late):
                told_now = (await answers.ask(one.serial)).ocsp
                assert told_now.certificates[0].public_bytes(Encoding.DER) != signer.certificate
        assert here.responder.answered["produced"] >= 2

    with_certificates(database, 1, body)
