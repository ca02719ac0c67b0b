"""A certificate of others that takes the place of another one is its successor."""

from datetime import timedelta

import pytest

from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.note_findings import check_health
from certwright.operations.read_certificate import read_certificate
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place
from certwright.store.discovery_rows import FindingRow
from tests.operations.test_take_sightings import CHAIN, ISSUING, LEAF, certificate, run, seen
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, found, make_csr
from tests.real.toy_chains import BEGIN

NEXT = ISSUING.sign("www", None, "www.example.test", begin=BEGIN + timedelta(days=60))
STRANGER = ISSUING.sign("x", None, "x.example.test", begin=BEGIN + timedelta(days=60))
SECOND = Place("tls", "192.0.2.2", 443, "www.example.test")


async def before(context: Context, der: bytes) -> int | None:
    return (await certificate(context, der)).replaces


@pytest.mark.parametrize("known", [False, True], ids=["new", "known from elsewhere"])
def test_what_takes_the_place_of_another_is_its_successor(database: Database, known: bool) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take_sightings(context, Look(1), [seen(LEAF, *CHAIN), seen(LEAF, *CHAIN, place=SECOND)])
        if known:
            await take_sightings(context, Look(2), [seen(NEXT, place=Place("tls", "192.0.2.9", 443))])
        assert await before(context, LEAF) is None
        await take_sightings(context, Look(3), [seen(NEXT, *CHAIN)])
        old = await certificate(context, LEAF)
        assert await before(context, NEXT) == old.id
        details = await read_certificate(
            context.database, context.snapshot, ADMINISTRATOR, old.fingerprint.hex()
        )
        assert [one.id for one in details.successors] == [(await certificate(context, NEXT)).id]
        clock.offset += timedelta(days=2)
        await check_health(context)
        found = await context.database.select(FindingRow, '"code" = ?', "served.superseded")
        assert [one.certificate_id for one in found] == [old.id]

    run(database, body)


def test_a_step_back_is_none(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take_sightings(context, Look(1), [seen(NEXT, *CHAIN)])
        await take_sightings(context, Look(2), [seen(LEAF, *CHAIN)])
        await take_sightings(context, Look(3), [seen(NEXT, *CHAIN)])
        assert await before(context, LEAF) is None
        assert await before(context, NEXT) == (await certificate(context, LEAF)).id

    run(database, body)


def test_two_servers_at_one_address_are_none(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for number in (1, 2):
            await take_sightings(context, Look(number), [seen(LEAF, *CHAIN), seen(NEXT, *CHAIN)])
            await take_sightings(context, Look(number), [seen(LEAF, *CHAIN)])
        assert (await before(context, LEAF), await before(context, NEXT)) == (None, None)

    run(database, body)


def test_another_name_is_none(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take_sightings(context, Look(1), [seen(LEAF, *CHAIN)])
        await take_sightings(context, Look(2), [seen(STRANGER, *CHAIN)])
        assert await before(context, STRANGER) is None

    run(database, body)


def test_what_we_have_issued_says_itself_what_it_replaces(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take_sightings(context, Look(1), [seen(LEAF, *CHAIN)])
        await found(context)
        request = parse_csr(make_csr("www.example.test"))
        ours = await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
        await take_sightings(context, Look(2), [seen(ours.der)])
        assert await before(context, ours.der) is None

    run(database, body)


def test_what_nobody_trusts_succeeds_nothing_that_is_trusted(database: Database) -> None:
    """Else whoever comes between could have nobody told that a certificate ends."""

    async def body(context: Context, clock: MovableClock) -> None:
        await found(context)
        request = parse_csr(make_csr("www.example.test"))
        ours = await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
        clock.offset += timedelta(days=80)
        await take_sightings(context, Look(1), [seen(ours.der), seen(ours.der, place=SECOND)])
        begin = clock() - timedelta(minutes=1)
        false = ISSUING.sign("www", None, "www.example.test", begin=begin.replace(microsecond=0))
        await take_sightings(context, Look(2), [seen(false, *CHAIN)])
        assert await before(context, false) == ours.row.id
        await check_health(context)
        mine = await context.database.select(FindingRow, '"certificate_id" = ?', ours.row.id)
        assert "certificate.expiring" in {one.code for one in mine}

    run(database, body)
