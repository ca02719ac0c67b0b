"""What is past every use goes, in chunks; what may still be asked for stays."""

from datetime import timedelta

import pytest

from certwright.core.errors import Conflict
from certwright.operations import purge_expired as purging
from certwright.operations.acme_request import spend_nonce
from certwright.operations.context import Context
from certwright.operations.decide_request import reject_request
from certwright.operations.expire_requests import expire_requests
from certwright.operations.publish_crl import OFFLINE_TIMES, publish_crl
from certwright.operations.purge_expired import ENROLMENT_KEPT, NONCES_KEPT, SCHEDULED_KEPT, purge_expired
from certwright.operations.renew_lists import renew_list
from certwright.protocols.acme.nonces import NonceMaker
from certwright.store.ledger import Change
from certwright.store.people_rows import ApprovalDecisionRow, CertificateRequestRow, RequestApproverRow
from certwright.store.rows import (
    AcmeAuthorizationRow,
    AcmeNonceRow,
    AcmeOrderRow,
    AuditEventRow,
    CrlRow,
    LeaseRow,
    PerspectiveResultRow,
)
from tests.operations.approving import ALICE, ONE_STEP, rules, waiting
from tests.operations.installed import issued, later, revoked, row_of, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.status.test_crl_contents import remade

LIFETIME = timedelta(days=7)


async def all_of_it(context: Context) -> int:
    gone = 0
    while more := await purge_expired(context):
        gone += more
    return gone


async def place_order(context: Context) -> None:
    """An order with its authorization, of which one perspective has spoken."""
    now, authorization = context.clock(), context.ledger.new_id()
    ends = now + LIFETIME
    rows = [
        row_of(AcmeAuthorizationRow, now, id=authorization, expires_at=ends, version=1),
        row_of(AcmeOrderRow, now, id=context.ledger.new_id(), expires_at=ends, version=1),
        row_of(PerspectiveResultRow, now, id=context.ledger.new_id(), authorization_id=authorization),
    ]
    await context.ledger.commit(Change(inserted=list(rows)))


def test_enrolment_goes_long_after_its_end(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await place_order(context)
        clock.offset += LIFETIME + ENROLMENT_KEPT - timedelta(hours=1)
        assert await all_of_it(context) == 0
        later(clock, hours=2)
        assert await all_of_it(context) == 2
        for row_type in (AcmeOrderRow, AcmeAuthorizationRow, PerspectiveResultRow):
            assert await context.database.select(row_type, "1 = 1") == []

    with_installation(database, body)


def test_nonces_and_leases_go_when_they_have_run_out(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        ended = context.clock() - NONCES_KEPT
        nonces = [AcmeNonceRow(bytes([n + 3]) * 16, ended + timedelta(minutes=n)) for n in range(-3, 3)]
        leases = [LeaseRow(f"{n}", "one", context.clock() + timedelta(hours=n)) for n in range(-3, 3)]
        await context.ledger.commit(Change(inserted=[*nonces, *leases]))
        later(clock, seconds=1)
        assert await all_of_it(context) == 4 + 3
        assert len(await context.database.select(AcmeNonceRow, "1 = 1")) == 2
        assert len(await context.database.select(LeaseRow, "1 = 1")) == 3

    with_installation(database, body)


def test_a_worker_whose_clock_is_ahead_leaves_nonces_that_could_be_spent_again(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        maker = NonceMaker(bytes(32))
        nonce = maker.check(maker.make(clock(), bytes(11)), clock())

        async def spend() -> None:
            used = Conflict("used before")
            await context.ledger.commit(spend_nonce(nonce.fingerprint, nonce.expires_at, used))

        await spend()
        later(clock, hours=20)
        await all_of_it(context)
        later(clock, hours=-20)
        with pytest.raises(Conflict, match="used before"):
            await spend()

    with_installation(database, body)


def test_lists_that_newer_ones_have_replaced_go_and_the_next_is_made_all_the_same(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        generation, rows = context.snapshot.issuing("issuing").id, []
        for _ in range(10):
            for _ in range(4):
                rows.append(await revoked(context, await issued(context)))
                await renew_list(context, generation, 0)
                later(clock, hours=6)
            await all_of_it(context)
            later(clock, minutes=2)
        await all_of_it(context)
        kept = await context.database.select(CrlRow, '1 = 1 ORDER BY "number"')
        assert len(kept) < 20
        assert all(row.scheduled or row.number == kept[-1].number for row in kept)
        later(clock, days=20)
        await all_of_it(context)
        kept = await context.database.select(CrlRow, '"scheduled" AND "base_number" = 0')
        assert len(kept) == 2
        row = await renew_list(context, generation, 0)
        assert row is not None
        assert row.entries == len(rows)

    with_installation(database, body)


def test_however_often_somebody_publishes_so_many_lists_stay(database: Database) -> None:
    """Those of an offline authority hold for a year each."""

    async def body(context: Context, clock: MovableClock) -> None:
        generation, numbers = context.snapshot.issuing("issuing"), []
        for _ in range(SCHEDULED_KEPT + 5):
            row = await publish_crl(context, generation, 0, True, OFFLINE_TIMES, ADMINISTRATOR)
            numbers.append(row.number)
        later(clock, minutes=2)
        await all_of_it(context)
        for base in ("= 0", "> 0"):
            kept = await context.database.select(CrlRow, f'"base_number" {base} ORDER BY "number"')
            assert [row.number for row in kept] == numbers[-SCHEDULED_KEPT:]
        before = await remade(context)
        await publish_crl(context, generation, 0, True, OFFLINE_TIMES, ADMINISTRATOR)
        assert await remade(context) == before == 0

    with_installation(database, body)


def test_requests_go_long_after_their_end_with_what_was_decided(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP.replace('"role:ra-officer"', '"role:ra-officer", "team:pki"'))
        ended, open_ = await waiting(context), await waiting(context, "b.pay.test")
        await reject_request(context, ALICE, ended.row.id, "no")
        clock.offset += timedelta(days=30) - timedelta(hours=1)
        kept = timedelta(days=30)
        assert await purge_expired(context, kept) == 0
        later(clock, hours=2)
        assert await purge_expired(context, kept) == 1
        for row_type, left in (
            (CertificateRequestRow, [open_.row.id]),
            (RequestApproverRow, [open_.row.id]),
            (ApprovalDecisionRow, []),
        ):
            rows = await context.database.select(row_type, "1 = 1")
            assert [getattr(row, "request_id", row.id) for row in rows] == left
        [made] = await context.database.select(
            AuditEventRow, '"kind" = ? AND "subject" = ?', "request.rejected", f"request:{ended.row.id}"
        )
        assert "alice" in made.body
        assert await expire_requests(context) == 1
        assert await purge_expired(context, kept) == 0

    with_installation(database, body)


def test_a_chunk_is_bounded(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        count = purging.CHUNK * 2 + 1
        ended = context.clock() - NONCES_KEPT
        nonces = [AcmeNonceRow(n.to_bytes(16, "big"), ended) for n in range(count)]
        await context.ledger.commit(Change(inserted=list(nonces)))
        later(clock, seconds=1)
        assert [await purge_expired(context) for _ in range(4)] == [purging.CHUNK, purging.CHUNK, 1, 0]

    with_installation(database, body)
