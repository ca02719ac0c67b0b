"""What others have revoked, told by OCSP where no list of theirs works."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from certwright.core.egress import Limits, Unreached
from certwright.core.errors import Unavailable
from certwright.core.outside_answers import ANSWER_OCTETS_MAX
from certwright.core.revocation import Reason
from certwright.operations.check_outside_answers import (
    ANSWERS_MAX,
    ANSWERS_OF_ISSUER,
    ANSWERS_OF_SERVER,
    FAILED,
    FAILED_MAX,
    OFTEN,
    USUAL,
    Named,
    answer_rows,
    check_outside_answers,
)
from certwright.operations.check_outside_lists import check_outside_lists
from certwright.operations.context import Context
from certwright.operations.forget_certificates import forget_certificates
from certwright.operations.note_findings import check_health
from certwright.operations.purge_seen import purge_seen
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.site.configuration import Configuration
from certwright.site.outside import _status_fetcher, answer_fetcher
from certwright.store.discovery_rows import FindingRow, OutsideAnswerRow, SightingRow
from certwright.store.ledger import Change
from certwright.store.rows import CertificateRow
from tests.real.databases import Database
from tests.real.http_responder import Responder, responder
from tests.real.pki import MovableClock, Secrets, opened
from tests.real.processes import free_port
from tests.real.toy_answers import REVOKED, UNKNOWN, answer, delegated
from tests.real.toy_chains import ToyAuthority

FLAGS = x509.ReasonFlags
CORP = ToyAuthority("Corp")
HOUR = timedelta(hours=1)
LIST = "http://lists.test/corp.crl"
Body = Callable[[Context, MovableClock, Responder], Awaitable[None]]


def configured(tmp_path: Path, *ports: int) -> Configuration:
    return Configuration.load(tmp_path, {"egress": {"status_ports": ports, "allow_loopback": True}})


def run(database: Database, tmp_path: Path, body: Body) -> None:
    async def main(answers: Responder) -> None:
        clock = MovableClock()
        fetch = answer_fetcher(configured(tmp_path, answers.port))
        async with opened(database.url, Secrets(), clock) as context:
            await body(replace(context, fetch_answer=fetch), clock, answers)

    with responder() as answers:
        asyncio.run(main(answers))


def leaf(clock: MovableClock, name: str, url: str, list_url: str = "", by: ToyAuthority = CORP) -> bytes:
    begin = clock() - timedelta(days=1)
    return by.sign(name, begin=begin, answer_url=url, list_url=list_url)


async def seen(context: Context, *leaves: bytes) -> None:
    sightings = [
        Sighting(Place("tls", f"192.0.2.{number}", 443), context.clock(), (one, CORP.certificate))
        for number, one in enumerate(leaves)
    ]
    await take_sightings(context, Look(1), sightings)


async def answer_of(context: Context) -> OutsideAnswerRow:
    (row,) = await all_of(context)
    return row


async def all_of(context: Context) -> list[OutsideAnswerRow]:
    return await context.database.select(OutsideAnswerRow, '1 = 1 ORDER BY "certificate_id", "id"')


async def leaf_rows(context: Context) -> list[CertificateRow]:
    return await context.database.select(CertificateRow, 'NOT "is_authority" ORDER BY "subject"')


async def reasons(context: Context) -> list[int | None]:
    return [row.revocation_reason for row in await leaf_rows(context)]


def with_list(context: Context, octets: bytes) -> Context:
    """The same, with a server of lists that gives these; none where there are none."""

    async def fetch(url: str) -> bytes:
        assert url == LIST
        if not octets:
            raise Unreached("connection", "connection refused")
        return octets

    return replace(context, fetch_list=fetch)


# -- what is said ----------------------------------------------------------------------------------


def test_what_is_revoked_is_told_where_it_is_served(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        a, b, c = [leaf(clock, name, f"{answers.url}/{name}") for name in "abc"]
        await seen(context, a, b, c)
        at = clock().replace(microsecond=0) - HOUR
        bodies = {
            "a": answer(CORP, a, REVOKED, at=at, reason=FLAGS.key_compromise, since=at - HOUR),
            "b": answer(CORP, b, REVOKED, at=at, reason=FLAGS.certificate_hold),
            "c": answer(CORP, c, at=at, signer=delegated(CORP, begin=at - HOUR)),
        }
        answers.reply = lambda path: (200, bodies[path[1]])
        assert await check_outside_answers(context) == 3
        assert sorted(path[:3] for path in answers.asked) == ["/a/", "/b/", "/c/"]
        assert await reasons(context) == [Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD, None]
        first, *_ = await leaf_rows(context)
        assert first.revoked_at == at - HOUR
        assert await context.database.select(FindingRow, "\"code\" = 'served.revoked'")
        row = next(row for row in await all_of(context) if row.url.endswith("/c"))
        assert (row.problem, row.failing_since, row.this_update) == ("", None, at)
        assert row.server == answers.url
        assert row.checked_at is not None
        assert row.next_check_at == row.checked_at + USUAL
        assert await check_outside_answers(context) == 0, "none is due"
        clock.offset += USUAL
        assert await check_outside_answers(context) == 3
        assert len(await all_of(context)) == 2, "about what is revoked for good nobody is asked any more"
        assert len(answers.asked) == 5

    run(database, tmp_path, body)


def test_a_hold_ends_by_a_newer_answer_alone(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        one = leaf(clock, "a", answers.url)
        await seen(context, one)
        start = clock()

        async def ask(octets: bytes) -> tuple[list[int | None], str]:
            clock.offset += max((await answer_of(context)).next_check_at - clock(), USUAL)
            answers.gives(octets)
            assert await check_outside_answers(context) == 1
            return await reasons(context), (await answer_of(context)).problem

        held, free = [int(Reason.CERTIFICATE_HOLD)], [None]
        on_hold = answer(CORP, one, REVOKED, at=start, reason=FLAGS.certificate_hold, since=start - HOUR)
        assert await ask(on_hold) == (held, "")
        assert await ask(answer(CORP, one, UNKNOWN, at=clock())) == (
            held,
            "the responder does not know the certificate (unknown)",
        )
        replayed = answer(CORP, one, at=start - 2 * HOUR, holds=timedelta(days=9))
        assert await ask(replayed) == (
            held,
            "the OCSP answer that is there is older than one that was there before",
        )
        assert await ask(answer(CORP, one, at=start + HOUR, holds=HOUR)) == (held, ""), "it is over"
        assert await ask(answer(CORP, one, at=clock())) == (free, "")

    run(database, tmp_path, body)


def test_a_hold_that_a_newer_list_has_is_not_lifted(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        one = leaf(clock, "a", answers.url, LIST)
        await seen(context, one)
        made = clock() - HOUR
        octets = CORP.list((one, FLAGS.certificate_hold), at=made, days=1)
        await check_outside_lists(with_list(context, octets))
        clock.offset += timedelta(days=2)
        await check_outside_lists(with_list(context, b""))
        held = [int(Reason.CERTIFICATE_HOLD)]
        for at, status in ((made - HOUR, held), (made, held), (made + HOUR, [None])):
            answers.gives(answer(CORP, one, at=at, holds=timedelta(days=30)))
            clock.offset += USUAL
            assert await check_outside_answers(context) == 1
            assert await reasons(context) == status
        answers.gives(answer(CORP, one, REVOKED, at=clock(), reason=FLAGS.certificate_hold))
        clock.offset += USUAL
        assert await check_outside_answers(context) == 1
        assert await reasons(context) == held
        await check_outside_lists(with_list(context, CORP.list(at=made + timedelta(days=1), days=90)))
        assert await reasons(context) == held, "the list was made before the hold"
        clock.offset += USUAL
        await check_outside_lists(with_list(context, CORP.list(at=clock())))
        assert await reasons(context) == [None]

    run(database, tmp_path, body)


def test_a_hold_from_before_the_newest_list_is_not_taken(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        one = leaf(clock, "a", answers.url, LIST)
        await seen(context, one)
        made = clock() - HOUR
        await check_outside_lists(with_list(context, CORP.list(at=made, days=1)))
        clock.offset += timedelta(days=2)
        hold = answer(
            CORP, one, REVOKED, at=made - HOUR, holds=timedelta(days=9), reason=FLAGS.certificate_hold
        )
        final = answer(CORP, one, REVOKED, at=made - HOUR, holds=timedelta(days=9))
        for octets, status in ((hold, None), (final, Reason.UNSPECIFIED)):
            answers.gives(octets)
            assert await check_outside_answers(context) == 1
            assert await reasons(context) == [status]
            clock.offset += USUAL

    run(database, tmp_path, body)


# -- who is asked ----------------------------------------------------------------------------------


def test_nobody_is_asked_while_a_list_works(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        one = leaf(clock, "a", answers.url, LIST)
        answers.gives(answer(CORP, one, at=clock()))
        await seen(context, one)
        assert await check_outside_answers(context) == 0, "the list may work"
        await check_outside_lists(with_list(context, CORP.list(at=clock(), days=1)))
        assert await check_outside_answers(context) == 0, "it works"
        clock.offset += timedelta(days=1, minutes=1)
        assert await check_outside_answers(context) == 1, "it is past its time"
        await check_outside_lists(with_list(context, CORP.list(at=clock(), days=1)))
        clock.offset += USUAL
        assert await check_outside_answers(context) == 0
        await check_outside_lists(with_list(context, b""))
        assert await check_outside_answers(context) == 1, "it cannot be had"
        assert len(answers.asked) == 2

    run(database, tmp_path, body)


def test_answers_count_while_no_list_works(database: Database, tmp_path: Path) -> None:
    """What is wrong with them is wrong with the certificate, and no more so when there is a list again."""

    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        one = leaf(clock, "a", answers.url, LIST)
        await seen(context, one)
        await check_outside_lists(with_list(context, b""))
        answers.gives(answer(CORP, one, at=clock(), holds=HOUR))
        await check_outside_answers(context)
        clock.offset += USUAL
        await check_health(context)
        about = f'"closed_at" IS NULL AND "certificate_id" = {(await answer_of(context)).certificate_id}'
        assert "status.stale" not in {row.code for row in await context.database.select(FindingRow, about)}
        await check_outside_answers(context)
        row = await answer_of(context)
        assert (row.problem, row.next_check_at) == ("", row.checked_at and row.checked_at + OFTEN)
        found = {row.code: row.detail for row in await context.database.select(FindingRow, about)}
        assert found["status.stale"].startswith(f"{answers.url}: due on ")
        answers.reply = lambda path: (503, b"")
        clock.offset += OFTEN
        await check_outside_answers(context)
        clock.offset += HOUR
        await check_outside_answers(context)
        found = {row.code: row.detail for row in await context.database.select(FindingRow, about)}
        assert found["status.unreachable"] == f"{answers.url}: the server answers with status 503"
        await check_outside_lists(with_list(context, CORP.list(at=clock())))
        await check_health(context)
        found = {row.code: row.detail for row in await context.database.select(FindingRow, about)}
        assert not found.keys() & {"status.stale", "status.unreachable"}

    run(database, tmp_path, body)


def test_what_has_ended_is_not_asked_about(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        ended = CORP.sign("a", begin=clock() - timedelta(days=9), days=8, answer_url=answers.url)
        ends = CORP.sign("b", begin=clock() - timedelta(days=9), days=10, answer_url=answers.url)
        await seen(context, ended, ends)
        assert len(await all_of(context)) == 1
        clock.offset += timedelta(days=2)
        assert await check_outside_answers(context) == 1
        assert (answers.asked, await all_of(context)) == ([], [])

    run(database, tmp_path, body)


def test_rows_go_with_their_certificate(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        await seen(context, leaf(clock, "a", answers.url))
        for row in await context.database.select(SightingRow, "1 = 1"):
            await context.ledger.commit(Change(removed=[row]))
        clock.offset += timedelta(days=500)
        assert await forget_certificates(context) == 1
        assert await all_of(context) == []

    run(database, tmp_path, body)


def test_an_issuer_that_has_left_the_inventory_holds_up_no_other(database: Database, tmp_path: Path) -> None:
    """What has signed itself may sign others without being an authority, and may have ended long ago."""

    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        passing = ToyAuthority("Passing")
        begin = clock() - timedelta(days=900)
        passing.certificate = passing.sign("Passing", passing.key, begin=begin, days=9)
        below = leaf(clock, "below", answers.url, by=passing)
        place = Place("tls", "192.0.2.99", 443)
        await take_sightings(context, Look(1), [Sighting(place, clock(), (below, passing.certificate))])
        one = leaf(clock, "a", answers.url)
        await seen(context, one)
        assert len(await all_of(context)) == 2
        assert await forget_certificates(context) == 1
        answers.gives(answer(CORP, one, at=clock()))
        assert await check_outside_answers(context) == 2
        assert ((await answer_of(context)).problem, len(answers.asked)) == ("", 1)

    run(database, tmp_path, body)


# -- what is wrong with answers --------------------------------------------------------------------


def test_one_bad_answer_stops_no_other(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        leaves = {name: leaf(clock, name, f"{answers.url}/{name}") for name in "abcde"}
        await seen(context, *leaves.values())
        now = clock()
        bodies = {
            "a": b"<html>garbage</html>",
            "b": b"0" * (ANSWER_OCTETS_MAX + 1),
            "c": answer(CORP, leaves["a"], REVOKED, at=now),
            "d": answer(ToyAuthority("Corp"), leaves["d"], REVOKED, at=now, issuer=CORP),
            "e": answer(CORP, leaves["e"], REVOKED, at=now),
        }
        answers.reply = lambda path: (200, bodies[path[1]])
        assert await check_outside_answers(context) == 5
        rows = {row.url[-1]: row.problem for row in await all_of(context)}
        assert rows["a"] == "what is there is no OCSP answer that can be read"
        assert rows["b"].endswith("cannot be used: its body is larger than 65536 octets")
        assert rows["c"] == "the OCSP answer that is there is about another certificate"
        assert rows["d"].endswith("is signed neither by the authority nor by a responder of it")
        assert rows["e"] == ""
        assert await reasons(context) == [None, None, None, None, Reason.UNSPECIFIED]

    run(database, tmp_path, body)


def test_an_answer_that_does_not_come_is_not_waited_for(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        answers.hangs = True
        fetch = _status_fetcher(configured(tmp_path, answers.port), Limits(total_seconds=0.2))
        await seen(context, leaf(clock, "a", answers.url))
        assert await check_outside_answers(replace(context, fetch_answer=fetch)) == 1
        row = await answer_of(context)
        assert row.problem.startswith("no result within 0.2 s")
        assert row.checked_at is not None
        assert row.next_check_at == row.checked_at + FAILED

    run(database, tmp_path, body)


def test_who_fails_is_left_alone_for_longer_and_longer(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        one = leaf(clock, "a", answers.url)
        await seen(context, one)
        pauses = []
        for _ in range(10):
            assert await check_outside_answers(context) == 1
            row = await answer_of(context)
            assert row.checked_at is not None
            pauses.append(row.next_check_at - row.checked_at)
            clock.offset += row.next_check_at - clock()
        assert pauses[:2] == [FAILED, pytest.approx(FAILED, abs=timedelta(minutes=1))]
        assert pauses == sorted(pauses)
        assert pauses[-1] == FAILED_MAX
        answers.gives(answer(CORP, one, at=clock()))
        await check_outside_answers(context)
        row = await answer_of(context)
        assert (row.problem, row.failing_since) == ("", None)

    run(database, tmp_path, body)


def test_a_server_that_cannot_be_reached_is_tried_once_for_all(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        away = f"http://127.0.0.1:{free_port()}"
        leaves = [leaf(clock, name, f"{away}/{name}") for name in "abcdefgh"]
        other = leaf(clock, "x", answers.url)
        await seen(context, *leaves, other)
        answers.gives(answer(CORP, other, at=clock()))
        tried: list[str] = []
        fetch = answer_fetcher(configured(tmp_path, answers.port, int(away.rpartition(":")[2])))

        async def counted(url: str) -> bytes:
            tried.append(url)
            return await fetch(url)

        context = replace(context, fetch_answer=counted)
        assert await check_outside_answers(context) == ANSWERS_OF_SERVER + 1
        assert len([url for url in tried if url.startswith(away)]) == 1
        rows = [row for row in await all_of(context) if row.server == away]
        assert {row.problem for row in rows} == {rows[0].problem}
        assert "refused" in rows[0].problem
        assert len({row.next_check_at for row in rows}) == 1
        assert all(row.failing_since is not None for row in rows)
        assert await check_outside_answers(context) == 0, "all of them are put off"
        (row,) = [row for row in await all_of(context) if row.server == answers.url]
        assert row.problem == ""

    run(database, tmp_path, body)


def test_where_a_redirect_leads_is_no_fault_of_the_server(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        a, b = [leaf(clock, name, f"{answers.url}/{name}") for name in "ab"]
        await seen(context, a, b)
        good = answer(CORP, b, REVOKED, at=clock())
        nowhere = f"http://127.0.0.1:{answers.port - 1}/".encode()
        answers.reply = lambda path: (302, nowhere) if path.startswith("/a/") else (200, good)
        assert await check_outside_answers(context) == 2
        assert await reasons(context) == [None, Reason.UNSPECIFIED]

    run(database, tmp_path, body)


# -- bounds ----------------------------------------------------------------------------------------


def test_ports_and_places_are_those_that_are_allowed(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        urls = (f"http://127.0.0.1:{answers.port - 1}/x", "http://169.254.169.254/latest/meta-data")
        await seen(context, *[leaf(clock, "a", url) for url in urls])
        assert await check_outside_answers(context) == 2
        problems = [row.problem for row in await all_of(context)]
        assert any("metadata" in problem for problem in problems)
        assert any("may not be reached for status" in problem for problem in problems)
        assert answers.asked == []

    run(database, tmp_path, body)


def test_a_pass_is_bounded_and_every_server_gets_its_turn(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        many = [leaf(clock, "a", f"http://many.test/{number}") for number in range(ANSWERS_MAX * 2)]
        others = [leaf(clock, "b", f"http://{number}.test/") for number in range(3)]
        await seen(context, *many)
        await seen(context, *others)
        asked: list[str] = []

        async def fetch(url: str) -> bytes:
            asked.append(url.split("/")[2])
            return b""

        context = replace(context, fetch_answer=fetch)
        assert await check_outside_answers(context) == ANSWERS_OF_SERVER + 3
        assert sorted(set(asked)) == ["0.test", "1.test", "2.test", "many.test"]
        await seen(
            context, *[leaf(clock, "c", f"http://c{number}.test/") for number in range(ANSWERS_MAX + 9)]
        )
        assert await check_outside_answers(context) == ANSWERS_MAX

    run(database, tmp_path, body)


def test_an_issuer_of_anybodys_has_a_bounded_number(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        ends = clock() + HOUR
        named = [Named(number, 7, answers.url, ends) for number in range(ANSWERS_OF_ISSUER - 1)]
        await context.ledger.commit(Change(inserted=await answer_rows(context, named)))
        more = [Named(number + ANSWERS_OF_ISSUER, 7, answers.url, ends) for number in range(3)]
        other = Named(1, 8, answers.url, ends)
        assert len(await answer_rows(context, [*more, other])) == 2
        clock.offset += 2 * HOUR
        while await purge_seen(context):
            continue
        assert len(await answer_rows(context, [*more, other])) == 4, "there is room again"

    run(database, tmp_path, body)


def test_without_a_way_out_nothing_is_lost(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, answers: Responder) -> None:
        await seen(context, leaf(clock, "a", answers.url))

        async def broken(url: str) -> bytes:
            raise Unavailable("no resolver")

        before = await answer_of(context)
        with pytest.raises(Unavailable):
            await check_outside_answers(replace(context, fetch_answer=broken))
        assert await answer_of(context) == before

    run(database, tmp_path, body)
