"""What others have revoked: fetched where certificates say, and told where it is served."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509

from certwright.core.errors import Unavailable
from certwright.core.revocation import Reason
from certwright.operations.check_outside_lists import (
    FAILED,
    LISTS_OF_ISSUER,
    OFTEN,
    USUAL,
    check_list,
    check_outside_lists,
)
from certwright.operations.context import Context
from certwright.operations.forget_certificates import forget_certificates
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.site.configuration import Configuration
from certwright.site.outside import list_fetcher
from certwright.store.discovery_rows import FindingRow, OutsideListRow
from certwright.store.rows import CertificateBodyRow, CertificateRow
from tests.real.databases import Database
from tests.real.pki import MovableClock, Secrets, opened
from tests.real.toy_chains import ToyAuthority

FLAGS = x509.ReasonFlags
CORP = ToyAuthority("Corp")


@dataclass
class Publisher:
    """A server of lists, and what it answers next."""

    port: int = 0
    status: int = 200
    body: bytes = b""
    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/corp.crl"


@contextmanager
def publisher() -> Iterator[Publisher]:
    made = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            self.send_response(made.status)
            body = made.bodies.get(self.path, made.body)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


Body = Callable[[Context, MovableClock, Publisher], Awaitable[None]]


def run(database: Database, tmp_path: Path, body: Body) -> None:
    async def main(lists: Publisher) -> None:
        clock = MovableClock()
        egress = {"status_ports": [lists.port], "allow_loopback": True}
        configuration = Configuration.load(tmp_path, {"egress": egress})
        async with opened(database.url, Secrets(), clock) as context:
            await body(replace(context, fetch_list=list_fetcher(configuration)), clock, lists)

    with publisher() as lists:
        asyncio.run(main(lists))


async def seen(context: Context, *leaves: bytes) -> None:
    sightings = [
        Sighting(Place("tls", f"192.0.2.{number}", 443), context.clock(), (leaf, CORP.certificate))
        for number, leaf in enumerate(leaves)
    ]
    await take_sightings(context, Look(1), sightings)


async def codes(context: Context) -> set[str]:
    return {row.code for row in await context.database.select(FindingRow, '"closed_at" IS NULL')}


async def the_list(context: Context) -> OutsideListRow:
    (row,) = await context.database.select(OutsideListRow, "1 = 1")
    return row


async def leaf_rows(context: Context) -> list[CertificateRow]:
    return await context.database.select(CertificateRow, 'NOT "is_authority" ORDER BY "subject"')


def test_what_is_revoked_is_told_where_it_is_served(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        leaves = [CORP.sign(name, list_url=lists.url) for name in ("a", "b", "c")]
        await seen(context, *leaves)
        now = clock()
        held = (leaves[1], FLAGS.certificate_hold)
        lists.body = CORP.list((leaves[0], FLAGS.key_compromise), held, at=now - timedelta(hours=1))
        assert await check_outside_lists(context) == 1
        assert lists.asked == ["/corp.crl"]
        a, b, c = await leaf_rows(context)
        reasons = [row.revocation_reason for row in (a, b, c)]
        assert reasons == [Reason.KEY_COMPROMISE, Reason.CERTIFICATE_HOLD, None]
        assert a.revoked_at == (now - timedelta(hours=1)).replace(microsecond=0)
        assert "served.revoked" in await codes(context)
        row = await the_list(context)
        assert (row.number, row.problem, row.failing_since) == ("5", "", None)
        assert row.checked_at is not None
        assert row.next_check_at == row.checked_at + USUAL
        assert await check_outside_lists(context) == 0, "it is not due"
        clock.offset += USUAL + timedelta(minutes=1)
        lists.body = CORP.list(at=now)
        assert await check_outside_lists(context) == 1
        a, b, c = await leaf_rows(context)
        assert [row.revocation_reason for row in (a, b, c)] == [Reason.KEY_COMPROMISE, None, None]

    run(database, tmp_path, body)


def test_a_hold_is_lifted_by_a_newer_list_alone_that_covers_the_certificate(
    database: Database, tmp_path: Path
) -> None:
    """Authorities publish in parts, and in several places, of which one may be behind."""

    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        part, other = f"{lists.url}?1", f"{lists.url}?2"
        await seen(context, CORP.sign("a", list_url=part), CORP.sign("b", list_url=other))
        leaf, now = (await leaf_rows(context))[0], clock()
        der = (await context.database.select(CertificateBodyRow, '"certificate_id" = ?', leaf.id))[0].der
        held = CORP.list((der, FLAGS.certificate_hold), at=now - timedelta(hours=2), extension=_part(part))
        lifted = CORP.list(at=now - timedelta(hours=1), extension=_part(part))
        lists.bodies = {
            "/corp.crl?1": held,
            "/corp.crl?2": CORP.list(at=now - timedelta(hours=1), extension=_part(other)),
        }
        for again, reason in (
            ({}, Reason.CERTIFICATE_HOLD),
            ({"/corp.crl?2": CORP.list(at=now - timedelta(hours=3))}, Reason.CERTIFICATE_HOLD),
            ({"/corp.crl?1": lifted}, None),
        ):
            lists.bodies |= again
            for row in await context.database.select(OutsideListRow, "1 = 1"):
                await check_list(context, row._replace(this_update=None) if again else row)
            assert (await leaf_rows(context))[0].revocation_reason == reason, again

    run(database, tmp_path, body)


def test_what_is_revoked_for_good_is_not_on_hold_again(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        leaf, now = CORP.sign("a", list_url=lists.url), clock()
        await seen(context, leaf, CORP.sign("b", list_url=f"{lists.url}?behind"))
        held = CORP.list((leaf, FLAGS.certificate_hold), at=now - timedelta(hours=2))
        revoked = CORP.list((leaf, FLAGS.key_compromise), at=now - timedelta(hours=1))
        lists.bodies = {"/corp.crl": revoked, "/corp.crl?behind": held}
        for _ in range(2):
            clock.offset += USUAL + timedelta(minutes=1)
            assert await check_outside_lists(context) == 2
            assert (await leaf_rows(context))[0].revocation_reason == Reason.KEY_COMPROMISE

    run(database, tmp_path, body)


def _part(url: str) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


def test_what_is_wrong_with_a_list_is_told(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        leaf = CORP.sign("a", list_url=lists.url)
        await seen(context, leaf)
        lists.status = 503
        await check_outside_lists(context)
        row = await the_list(context)
        assert row.problem == "the server answers with status 503"
        assert row.checked_at is not None
        assert row.next_check_at == row.checked_at + FAILED
        clock.offset += timedelta(hours=1, minutes=1)
        lists.status, lists.body = 200, ToyAuthority("Corp").list((leaf, FLAGS.key_compromise))
        await check_outside_lists(context)
        assert "not signed by the authority" in (await the_list(context)).problem
        assert "status.unreachable" in await codes(context)
        assert [one.revoked_at for one in await leaf_rows(context)] == [None]
        clock.offset += FAILED
        now = clock()
        lists.body = CORP.list(at=now - timedelta(days=2), days=1)
        await check_outside_lists(context)
        row = await the_list(context)
        assert (row.problem, row.next_check_at) == ("", row.checked_at and row.checked_at + OFTEN)
        assert "status.stale" in await codes(context)
        assert "status.unreachable" not in await codes(context)
        clock.offset += OFTEN
        lists.body = CORP.list((leaf, FLAGS.superseded), at=now - timedelta(days=3))
        await check_outside_lists(context)
        assert "older than one" in (await the_list(context)).problem

    run(database, tmp_path, body)


def test_a_list_that_its_authority_has_garbled_holds_up_no_other(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        leaf = CORP.sign("a", list_url=lists.url)
        await seen(context, leaf)
        lists.body = CORP.list((leaf, FLAGS.superseded), at=clock() - timedelta(hours=1), unreadable=True)
        assert await check_outside_lists(context) == 1
        row = await the_list(context)
        assert row.problem == "the CRL that is there has an entry that cannot be read"
        assert row.next_check_at > clock()
        assert await check_outside_lists(context) == 0

    run(database, tmp_path, body)


def test_ports_and_places_are_those_that_are_allowed(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        urls = (f"http://127.0.0.1:{lists.port - 1}/x", "http://169.254.169.254/latest/meta-data")
        await seen(context, *[CORP.sign("a", list_url=url) for url in urls])
        assert await check_outside_lists(context) == 2
        problems = sorted([row.problem for row in await context.database.select(OutsideListRow, "1 = 1")])
        assert "metadata" in problems[0] or "metadata" in problems[1]
        assert any("may not be reached for status" in problem for problem in problems)
        assert lists.asked == []

    run(database, tmp_path, body)


def test_an_issuer_of_anybodys_names_a_bounded_number_of_lists(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        for start in range(0, LISTS_OF_ISSUER + 40, 170):
            many = [CORP.sign("a", list_url=f"{lists.url}?{start + number}") for number in range(170)]
            await seen(context, *many)
        assert len(await context.database.select(OutsideListRow, "1 = 1")) == LISTS_OF_ISSUER

    run(database, tmp_path, body)


def test_an_issuer_that_has_left_the_inventory_holds_up_no_other(database: Database, tmp_path: Path) -> None:
    """What has signed itself may sign others without being an authority, and may have ended long ago."""

    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        begin = clock() - timedelta(days=900)
        passing = ToyAuthority("Passing")
        passing.certificate = passing.sign("Passing", passing.key, begin=begin, days=9)
        below = passing.sign("below", list_url=f"{lists.url}?below")
        place = Place("tls", "192.0.2.99", 443)
        await take_sightings(context, Look(1), [Sighting(place, clock(), (below, passing.certificate))])
        await seen(context, CORP.sign("a", list_url=lists.url))
        assert len(await context.database.select(OutsideListRow, "1 = 1")) == 2
        assert await forget_certificates(context) == 1
        lists.body = CORP.list(at=clock())
        assert await check_outside_lists(context) == 2
        assert ((await the_list(context)).problem, len(lists.asked)) == ("", 1)

    run(database, tmp_path, body)


def test_without_a_way_out_nothing_is_lost(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock, lists: Publisher) -> None:
        await seen(context, CORP.sign("a", list_url=lists.url))

        async def broken(url: str) -> bytes:
            raise Unavailable("no resolver")

        before = await the_list(context)
        with pytest.raises(Unavailable):
            await check_outside_lists(replace(context, fetch_list=broken))
        assert await the_list(context) == before

    run(database, tmp_path, body)
