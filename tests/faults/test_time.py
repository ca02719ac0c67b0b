"""The clock stands decades ahead, on the border where DER changes its kind of time, or goes backwards."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from certwright.core import der
from certwright.core.clocks import CLOCK_LAG
from certwright.core.errors import CertwrightError, Refused, Unavailable
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.authority_health import authority_health
from certwright.operations.context import Context
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.produce_ocsp import produce_ocsp
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.renew import renew_certificate
from certwright.operations.renew_answers import produce_due_answers, renew_signer
from certwright.operations.renew_lists import Due, lists_due, renew_list
from certwright.operations.revoke import revoke_certificate
from certwright.operations.worker_health import worker_health
from certwright.store.rows import CertificateBodyRow, CertificateRow, CrlRow
from tests.faults.facts import check_audit, check_records_hold
from tests.operations.audit_logs import VERIFIER, sequence
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened
from tests.status.responding import Responding, responding

BORDER = datetime(2050, 1, 1, tzinfo=UTC)
MOMENTS = {
    "before-2050": datetime(2049, 12, 31, 23, 59, 30, tzinfo=UTC),
    "at-2050": BORDER,
    "first-second-of-2050": BORDER + timedelta(seconds=1),
    "leap-day": datetime(2048, 2, 29, 12, tzinfo=UTC),
    "past-32-bits": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    "2090": datetime(2090, 6, 15, 12, tzinfo=UTC),
    "no-leap-day": datetime(2100, 2, 28, 23, 59, 59, tzinfo=UTC),
}

Body = Callable[[Context, MovableClock], Awaitable[None]]


def run(url: str, at: datetime, body: Body) -> None:
    async def main() -> None:
        clock = MovableClock(at - datetime.now(UTC))
        async with opened(url, Secrets(), clock) as context:
            await found(context)
            await body(context, clock)

    asyncio.run(main())


async def issued(context: Context, name: str = "a.example.test") -> Issued:
    order = IssueOrder(ADMINISTRATOR, parse_csr(make_csr(name)), "issuing", "tls-server")
    return await issue(context, order)


async def every_certificate_is_well_formed(context: Context) -> None:
    """UTCTime up to 2049 and GeneralizedTime from 2050 (RFC 5280 4.1.2.5), a lifetime, and one within the
    issuer's."""
    rows = {row.id: row for row in await context.database.select(CertificateRow, "1 = 1")}
    for body in await context.database.select(CertificateBodyRow, "1 = 1"):
        row, certificate = rows[body.certificate_id], x509.load_der_x509_certificate(body.der)
        assert (row.not_before, row.not_after) == (
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
        assert row.not_before < row.not_after
        assert time_tags(certificate.tbs_certificate_bytes) == [
            der.UTC_TIME if moment < BORDER else der.GENERALIZED_TIME
            for moment in (row.not_before, row.not_after)
        ]
        assert row.generation_id is not None
        issuer = context.snapshot.generations[row.generation_id].as_issuer
        assert issuer.not_before <= row.not_before
        assert row.not_after <= issuer.not_after


def time_tags(tbs: bytes) -> list[int]:
    fields = der.Reader(tbs, "TBSCertificate").inside()
    for _ in range(4):  # version, serial, signature, issuer
        fields.element()
    validity = fields.inside()
    return [validity.element()[0], validity.element()[0]]


async def lists_are_well_formed(context: Context) -> None:
    """Their times too are of the kind that their year asks for (RFC 5280 5.1.2.4 and 5)."""
    for row in await context.database.select(CrlRow, "1 = 1"):
        fields = der.Reader(x509.load_der_x509_crl(row.der).tbs_certlist_bytes, "TBSCertList").inside()
        for _ in range(3):  # version, signature, issuer
            fields.element()
        assert [fields.element()[0], fields.element()[0]] == [
            der.UTC_TIME if moment < BORDER else der.GENERALIZED_TIME
            for moment in (row.this_update, row.next_update)
        ]


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_whole_life_far_in_the_future(database, tmp_path: Path, moment: datetime) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        first, second = await issued(context), await issued(context, "b.example.test")
        generation = context.snapshot.issuing("issuing")
        await publish_crl(context, generation, 0, True, ListTimes())
        assert await produce_ocsp(context, generation, tmp_path) >= 2
        told = await responding(context, tmp_path)
        reference = first.row.fingerprint.hex()
        await revoke_certificate(context, ADMINISTRATOR, reference, Reason.KEY_COMPROMISE, clock())
        await told.catch_up()
        clock.offset += timedelta(hours=18)
        await publish_crl(context, generation, 0, False, ListTimes())
        await context.snapshots.refresh()
        for row, status in (
            (first.row, ocsp.OCSPCertStatus.REVOKED),
            (second.row, ocsp.OCSPCertStatus.GOOD),
        ):
            answer = (await told.ask(row.serial)).ocsp
            assert answer.certificate_status is status
            assert answer.this_update_utc <= clock() < answer.next_update_utc
        await renew_certificate(context, ADMINISTRATOR, second.row.fingerprint.hex())
        newest = (await context.database.select(CrlRow, '"base_number" = 0 ORDER BY "number" DESC'))[0]
        [entry] = x509.load_der_x509_crl(newest.der)
        assert entry.serial_number == int.from_bytes(first.row.serial, "big")
        assert entry.revocation_date_utc <= clock()
        await every_certificate_is_well_formed(context)
        await lists_are_well_formed(context)
        await check_records_hold(context)
        await check_audit(context, [VERIFIER], [await sequence(context, None) or ""])

    run(database.url, moment, body)


def test_what_was_founded_today_ends_and_does_not_issue_past_its_end(database, tmp_path: Path) -> None:
    """An issuing authority near its end clamps what it issues; past it, it signs nothing that begins
    later.
    """

    async def body(context: Context, clock: MovableClock) -> None:
        end = context.snapshot.issuing("issuing").as_issuer.not_after
        clock.offset += end - timedelta(days=1) - clock()
        generation = context.snapshot.issuing("issuing")
        last = await issued(context)
        assert last.row.not_after == end
        row = await publish_crl(context, generation, 0, True, ListTimes())
        assert row.next_update == end
        await issue_ocsp_signer(context, generation)
        await every_certificate_is_well_formed(context)
        clock.offset += timedelta(days=2)
        with pytest.raises(Refused, match=r"policy\.issuer\.not-valid"):
            await issued(context)
        with pytest.raises(Refused, match=r"policy\.issuer\.not-valid"):
            await issue_ocsp_signer(context, generation)
        with pytest.raises(CertwrightError, match="has ended"):
            await publish_crl(context, generation, 0, True, ListTimes())
        with pytest.raises(Unavailable):
            await produce_ocsp(context, generation, tmp_path)
        await check_records_hold(context)
        await check_audit(context)

    run(database.url, datetime.now(UTC), body)


# -- backwards -----------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [timedelta(minutes=1), timedelta(hours=1)], ids=["minute", "hour"])
def test_a_host_whose_clock_lags(database, tmp_path: Path, back: timedelta) -> None:
    """It goes on from what another host has just done."""

    async def body(context: Context, clock: MovableClock) -> None:
        clock.offset += timedelta(hours=2)
        generation = context.snapshot.issuing("issuing")
        before = await issued(context)
        await revoke_certificate(
            context, ADMINISTRATOR, before.row.fingerprint.hex(), Reason.SUPERSEDED, clock()
        )
        newest = await issued(context, "b.example.test")
        first = await publish_crl(context, generation, 0, True, ListTimes())
        told = await responding(context, tmp_path)
        await told.catch_up()
        clock.offset -= back
        row = await revoke_certificate(
            context, ADMINISTRATOR, newest.row.fingerprint.hex(), Reason.SUPERSEDED, clock()
        )
        assert row.revoked_at is not None
        assert row.revoked_at >= row.issued_at.replace(microsecond=0)
        await told.catch_up()
        for one in (before, newest):
            assert (await told.ask(one.row.serial)).ocsp.certificate_status is ocsp.OCSPCertStatus.REVOKED
        await issued(context, "c.example.test")
        second = await publish_crl(context, generation, 0, False, ListTimes())
        assert second.number > first.number
        assert second.entries == 2
        assert (second.this_update >= first.this_update) is (back <= CLOCK_LAG)
        assert second.this_update < second.next_update
        clock.offset += back + timedelta(seconds=2)
        third = await publish_crl(context, generation, 0, False, ListTimes())
        assert third.number > second.number
        assert third.this_update >= first.this_update
        await issued(context, "d.example.test")
        await every_certificate_is_well_formed(context)
        await check_records_hold(context)
        await check_audit(context, [VERIFIER], [await sequence(context, None) or ""])

    run(database.url, datetime.now(UTC), body)


def test_an_authority_founded_a_moment_ago_elsewhere_is_not_valid_yet(database) -> None:
    """An authority's certificate begins when it is signed; a host that lags must wait for that moment."""

    async def body(context: Context, clock: MovableClock) -> None:
        clock.offset -= timedelta(minutes=1)
        with pytest.raises(Refused, match=r"policy\.issuer\.not-valid"):
            await issued(context)
        clock.offset += timedelta(minutes=1, seconds=1)
        await issued(context)

    run(database.url, datetime.now(UTC), body)


def test_a_list_of_the_far_future_does_not_hold_the_next_one_there(database) -> None:
    """A clock that was a year ahead has been put right: the next list is of today, with a higher number."""

    async def body(context: Context, clock: MovableClock) -> None:
        generation = context.snapshot.issuing("issuing")
        await publish_crl(context, generation, 0, True, ListTimes())
        clock.offset += timedelta(days=365)
        wrong = await publish_crl(context, generation, 0, True, ListTimes())
        clock.offset -= timedelta(days=365)
        right = await publish_crl(context, generation, 0, True, ListTimes())
        assert right.number > wrong.number
        assert right.this_update <= clock()
        signed = x509.load_der_x509_crl(right.der)
        assert signed.public_bytes(Encoding.DER) == right.der

    run(database.url, datetime.now(UTC), body)


# -- a clock that was ahead, and has been put right ------------------------------------------------

AHEAD = [timedelta(hours=2), timedelta(days=40), timedelta(days=300)]


@pytest.mark.parametrize("lists", [1, 3])
def test_no_valid_certificate_leaves_the_list_by_a_clock_that_was_ahead(database, lists: int) -> None:
    """Those that had ended by the wrong clock's time are listed again, and stay (RFC 5280 section 3.3)."""

    async def body(context: Context, clock: MovableClock) -> None:
        generation = context.snapshot.issuing("issuing")
        row = (await issued(context)).row
        await publish_crl(context, generation, 0, True, ListTimes())
        reference = row.fingerprint.hex()
        await revoke_certificate(context, ADMINISTRATOR, reference, Reason.KEY_COMPROMISE, clock())
        await publish_crl(context, generation, 0, True, ListTimes())
        clock.offset += timedelta(days=100)
        for _ in range(lists):
            await publish_crl(context, generation, 0, True, ListTimes())
            clock.offset += timedelta(minutes=10)
        clock.offset -= timedelta(days=100)
        for scheduled in (False, True, False, True, True):
            signed = await publish_crl(context, generation, 0, scheduled, ListTimes())
            assert signed.this_update <= clock()
            assert serials(signed) == [int.from_bytes(row.serial, "big")]
            clock.offset += timedelta(days=1)
        clock.offset += timedelta(days=100)
        left = [await publish_crl(context, generation, 0, True, ListTimes()) for _ in range(3)]
        assert serials(left[-1]) == []

    run(database.url, datetime.now(UTC), body)


def serials(row: CrlRow) -> list[int]:
    return [entry.serial_number for entry in x509.load_der_x509_crl(row.der)]


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_status_data_of_the_future_is_made_anew_at_once(database, tmp_path: Path, ahead: timedelta) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        generation = context.snapshot.issuing("issuing")
        row = (await issued(context)).row
        await renew_list(context, generation.id, 0)
        clock.offset += ahead
        await renew_everything(context, tmp_path)
        clock.offset -= ahead
        assert await lists_due(context.database, generation, clock()) == {0: Due.SCHEDULED}
        health = await worker_health(context, tmp_path)
        assert health.lists_end is not None
        assert health.lists_end <= clock()
        [state] = await authority_health(context, ADMINISTRATOR, "issuing")
        assert any("of the future" in problem for problem in state.problems)
        told = await responding(context, tmp_path)
        await in_force(told, row, clock)
        await renew_everything(context, tmp_path)
        assert await lists_due(context.database, generation, clock()) == {}
        newest = (await context.database.select(CrlRow, '1 = 1 ORDER BY "number" DESC, "base_number"'))[:2]
        assert [one.base_number > 0 for one in newest] == [False, True]
        assert all(one.this_update <= clock() < one.next_update for one in newest)
        [state] = await authority_health(context, ADMINISTRATOR, "issuing")
        assert not state.problems
        await told.catch_up()
        await in_force(told, row, clock)
        assert told.responder.answered["produced"] == 1

    run(database.url, datetime.now(UTC), body)


async def renew_everything(context: Context, folder: Path) -> None:
    """What the worker does when it looks."""
    for generation in list(context.snapshot.generations.values()):
        while await renew_list(context, generation.id, 0):
            continue
        await renew_signer(context, generation.id)
    await produce_due_answers(context, folder)


async def in_force(told: Responding, row: CertificateRow, clock: MovableClock) -> None:
    """Answers, and who signs them, are of now."""
    for nonce in (b"", b"0123456789abcdef"):
        answer = (await told.ask(row.serial, nonce)).ocsp
        assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
        assert answer.this_update_utc <= clock() < answer.next_update_utc
        [signer] = answer.certificates
        assert signer.not_valid_before_utc <= clock() < signer.not_valid_after_utc


def test_a_live_answer_of_the_future_is_not_given_again(database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = (await issued(context)).row
        told = await responding(context, tmp_path)
        clock.offset += timedelta(hours=1)
        await told.ask(row.serial)
        clock.offset -= timedelta(hours=1)
        await in_force(told, row, clock)

    run(database.url, datetime.now(UTC), body)


def test_a_signer_of_the_future_hinders_no_new_one(database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        generation = context.snapshot.issuing("issuing")
        clock.offset += timedelta(days=40)
        future = await renew_signer(context, generation.id)
        clock.offset -= timedelta(days=40)
        assert future is not None
        assert context.snapshot.signer(generation.id, clock()) != future
        clock.offset += timedelta(days=12)
        assert await renew_signer(context, generation.id)
        assert await renew_signer(context, generation.id) is None
        clock.offset += timedelta(days=29)
        assert context.snapshot.signer(generation.id, clock()) == future

    run(database.url, datetime.now(UTC), body)
