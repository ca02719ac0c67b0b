"""What is seen becomes certificates, once each, and places with a history."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from certwright.core.request import parse_csr
from certwright.core.standing import Standing
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.note_findings import check_health
from certwright.operations.real_issuers import CANDIDATES_MAX
from certwright.operations.take_sightings import Look, Taken, take_sightings
from certwright.ports import Place, Sighting
from certwright.store.discovery_rows import FindingRow, SightingRow
from certwright.store.ledger import Change
from certwright.store.rows import CertificateRow
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened
from tests.real.toy_chains import BEGIN, ToyAuthority

ROOT = ToyAuthority("Corp Root")
ISSUING = ToyAuthority("Corp Issuing", ROOT)
CHAIN = (ISSUING.certificate, ROOT.certificate)
LEAF = ISSUING.sign("www", None, "www.example.test")
OTHER = ISSUING.sign("www", None, "www.example.test")
PLACE = Place("tls", "192.0.2.1", 443, "www.example.test")
Body = Callable[[Context, MovableClock], Awaitable[None]]


def run(database: Database, body: Body) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            await body(context, clock)

    asyncio.run(main())


def seen(*chain: bytes, place: Place = PLACE, at: datetime = BEGIN, **facts: str) -> Sighting:
    return Sighting(place, at, chain, facts)


async def certificate(context: Context, der: bytes) -> CertificateRow:
    digest = hashlib.sha256(der).digest()
    return (await context.database.select(CertificateRow, '"fingerprint" = ?', digest))[0]


async def at_places(context: Context) -> list[SightingRow]:
    return await context.database.select(SightingRow, '1 = 1 ORDER BY "id"')


def test_a_chain_is_taken_in_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        taken = await take_sightings(context, Look(1, 9, "dmz"), [seen(LEAF, *CHAIN, version="TLSv1.3")])
        assert taken == Taken(seen=1, new=3, appeared=1)
        leaf = await certificate(context, LEAF)
        assert leaf.standing == Standing.FOUND
        assert (leaf.authority, leaf.team, leaf.owner, leaf.generation_id) == ("", "", "", None)
        issuing, root = [await certificate(context, der) for der in CHAIN]
        assert leaf.issuer_certificate == issuing.id
        assert issuing.issuer_certificate == root.id
        assert root.issuer_certificate == root.id
        (row,) = await at_places(context)
        assert (row.certificate_id, row.zone, row.host, row.port, row.name) == (
            *(leaf.id, "dmz"),
            *("192.0.2.1", 443, "www.example.test"),
        )
        assert row.chain == issuing.fingerprint + root.fingerprint
        assert row.facts == '{"version":"TLSv1.3"}'
        again = await take_sightings(context, Look(2, 9, "dmz"), [seen(LEAF, *CHAIN, version="TLSv1.2")])
        assert again == Taken(seen=1)
        (later,) = await at_places(context)
        assert later._replace(facts=row.facts, last_run=1, last_seen_at=row.last_seen_at) == row
        assert (later.facts, later.last_run) == ('{"version":"TLSv1.2"}', 2)

    run(database, body)


def test_a_place_remembers_what_was_there(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take_sightings(context, Look(1), [seen(LEAF)])
        clock.offset += timedelta(days=1)
        assert (await take_sightings(context, Look(2), [seen(OTHER)])).appeared == 1
        old, new = await at_places(context)
        assert old.ended_at == new.first_seen_at > old.first_seen_at
        assert (old.last_seen_at, new.ended_at) == (old.first_seen_at, None)
        clock.offset += timedelta(days=1)
        assert (await take_sightings(context, Look(3), [seen(LEAF)])).appeared == 1
        again, ended = await at_places(context)
        assert (again.id, again.first_seen_at, again.ended_at) == (old.id, old.first_seen_at, None)
        assert (ended.id, ended.ended_at) == (new.id, again.last_seen_at)

    run(database, body)


def test_two_servers_behind_one_address_both_stay(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for der in (LEAF, OTHER):
            await take_sightings(context, Look(1), [seen(der)])
        assert [row.ended_at for row in await at_places(context)] == [None, None]

    run(database, body)


def test_zones_keep_equal_addresses_apart(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take_sightings(context, Look(1, zone="a"), [seen(LEAF)])
        await take_sightings(context, Look(2, zone="b"), [seen(OTHER)])
        assert [(row.zone, row.ended_at) for row in await at_places(context)] == [("a", None), ("b", None)]

    run(database, body)


def test_a_false_issuer_is_none(database: Database) -> None:
    """Whoever names an authority as issuer has not been signed by it."""

    async def body(context: Context, clock: MovableClock) -> None:
        forged = ToyAuthority("Corp Issuing").sign("bank", None, "bank.example.test")
        await take_sightings(context, Look(1), [seen(LEAF, *CHAIN)])
        await take_sightings(context, Look(1), [seen(forged)])
        assert (await certificate(context, forged)).issuer_certificate is None

    run(database, body)


def test_nobody_is_pushed_out_by_many_of_his_name(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take_sightings(context, Look(1), [seen(LEAF, *CHAIN)])
        false = [ToyAuthority("Corp Issuing").certificate for _ in range(CANDIDATES_MAX + 2)]
        await take_sightings(context, Look(1), [seen(false[0], *false[1:])])
        late = ISSUING.sign("late", None, "late.example.test")
        await take_sightings(context, Look(1), [seen(late, *false)])
        issuing = await certificate(context, ISSUING.certificate)
        assert (await certificate(context, late)).issuer_certificate == issuing.id

    run(database, body)


def test_what_cannot_be_kept_is_a_problem_and_the_others_come_in(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        taken = await take_sightings(
            context,
            Look(1),
            [
                seen(b"garbage", place=Place("tls", "192.0.2.2", 443)),
                seen(LEAF, b"garbage", place=Place("tls", "192.0.2.3", 443)),
                seen(*[LEAF] * 33, place=Place("tls", "192.0.2.4", 443)),
                seen(LEAF, place=Place("tls", "a\nb", 443)),
                Sighting(Place("tls", "192.0.2.5", 443), BEGIN, problem="it sends\nno certificate"),
            ],
        )
        assert (taken.seen, taken.new) == (1, 1)
        assert sorted(text for _, text in taken.problems) == [
            "33 certificates are presented at once; at most 32 are taken in",
            "it sends no certificate",
            "the host of a place must be at most 253 printable characters",
            "what is there is no certificate that can be read",
        ]
        (row,) = await at_places(context)
        assert row.chain == hashlib.sha256(b"garbage").digest()

    run(database, body)


def test_a_private_key_alone_is_seen_beside_its_certificate(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take_sightings(context, Look(1), [seen(LEAF)])
        leaf = await certificate(context, LEAF)
        places = [Place("file", "host", 0, f"/etc/ssl/{number}.key") for number in range(3)]
        told = [
            {"spki_sha256": digest, "mode": "0600"} for digest in (leaf.spki_sha256.hex(), "00" * 32, "x")
        ]
        found = [Sighting(place, BEGIN, (), {"key": one}) for place, one in zip(places, told, strict=True)]
        assert await take_sightings(context, Look(2), found) == Taken(seen=1, appeared=1)
        rows = [row for row in await at_places(context) if row.kind == "file"]
        assert [(row.name, row.certificate_id) for row in rows] == [("/etc/ssl/0.key", leaf.id)]

    run(database, body)


def test_our_own_certificates_are_known_already(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await found(context)
        root = next(iter(context.snapshot.generations.values())).row.certificate
        assert root is not None
        taken = await take_sightings(context, Look(1), [seen(root)])
        assert (taken.seen, taken.new) == (1, 0)
        assert (await certificate(context, root)).standing == Standing.ISSUED

    run(database, body)


def test_what_we_have_signed_and_do_not_know_is_told(database: Database) -> None:
    """As after a database was put back, or where somebody has taken the key."""

    async def body(context: Context, clock: MovableClock) -> None:
        await found(context)
        request = parse_csr(make_csr("www.example.test"))
        issued = await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
        await take_sightings(context, Look(1), [seen(issued.der, *issued.served)])
        assert await open_codes(context) == {"owner.missing"}
        rows = await context.database.select(SightingRow, "1 = 1")
        await context.ledger.commit(Change(removed=[*rows, issued.row]))
        await take_sightings(context, Look(2), [seen(issued.der, *issued.served)])
        assert "certificate.unrecorded" in await open_codes(context)

    async def open_codes(context: Context) -> set[str]:
        await check_health(context)
        return {row.code for row in await context.database.select(FindingRow, '"closed_at" IS NULL')}

    run(database, body)


def test_two_who_see_the_same_at_once_do_not_disturb_each_other(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        places = [Place("tls", f"192.0.2.{number}", 443) for number in range(20)]
        looks = [take_sightings(context, Look(run), [seen(LEAF, *CHAIN, place=one)])
                 for run, one in enumerate(places)]  # fmt: skip
        taken = await asyncio.gather(*looks)
        assert sum(one.new for one in taken) == 3
        assert len(await at_places(context)) == 20

    run(database, body)
