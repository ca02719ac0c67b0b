"""CRLs that lie somewhere: believed when an authority of the inventory has signed them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509

from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.discovery_runs import ask_discovery
from certwright.operations.run_discovery import run_discovery
from certwright.operations.take_seen_lists import UNKNOWN, take_seen_lists
from certwright.operations.take_sightings import Look, Taken, take_sightings
from certwright.ports import Place, Progress, Sighting
from certwright.store.discovery_rows import DiscoveryRunRow, FindingRow
from certwright.store.rows import CertificateRow
from tests.operations.test_run_discovery import ORDER, Toy
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, opened
from tests.real.toy_chains import ToyAuthority

FLAGS = x509.ReasonFlags
CORP = ToyAuthority("Corp")
LEAF = CORP.sign("a")
Body = Callable[[Context, datetime], Awaitable[None]]


def run(database: Database, body: Body) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            await body(context, clock() - timedelta(hours=1))

    asyncio.run(main())


def lying(octets: bytes, name: str = "cn=Corp,cn=CDP#certificateRevocationList") -> Sighting:
    at = datetime.now().astimezone()
    return Sighting(Place("directory", "192.0.2.1", 636, name), at, revocation_list=octets)


def served(*chain: bytes) -> Sighting:
    return Sighting(Place("tls", "192.0.2.9", 443), datetime.now().astimezone(), chain)


async def reasons(context: Context) -> dict[str, int | None]:
    rows = await context.database.select(CertificateRow, 'NOT "is_authority"')
    return {row.subject: row.revocation_reason for row in rows}


async def problem(context: Context, octets: bytes) -> str:
    seen = await take_seen_lists(context, "", [lying(octets)])
    ((place, text),) = seen.problems
    assert place.name.endswith("#certificateRevocationList")
    return text


def test_what_it_says_is_taken_in_and_judged(database: Database) -> None:
    async def body(context: Context, at: datetime) -> None:
        await take_sightings(context, Look(1), [served(LEAF, CORP.certificate)])
        revoked = lying(CORP.list((LEAF, FLAGS.key_compromise), at=at))
        toy = Toy()
        toy.shown = [revoked, served(LEAF, CORP.certificate), Progress(2, 2, "2")]
        ours = replace(context, open_source=lambda _kind, _settings: toy)
        row = await run_discovery(ours, await ask_discovery(ours, ADMINISTRATOR, ORDER))
        assert (row.seen, row.problems) == (1, 0)
        assert await reasons(context) == {"CN=a": Reason.KEY_COMPROMISE}
        codes = {one.code for one in await context.database.select(FindingRow, '"closed_at" IS NULL')}
        assert "served.revoked" in codes

    run(database, body)


def test_a_run_that_comes_to_the_authority_later_takes_its_list_at_the_end(database: Database) -> None:
    async def body(context: Context, at: datetime) -> None:
        toy, told = Toy(), Taken()
        many = [Sighting(Place("tls", f"192.0.2.{n}", 443), at, problem="nothing") for n in range(250)]
        unknown = lying(ToyAuthority("Nobody").list(at=at), "cn=Nobody")
        toy.shown = [lying(CORP.list((LEAF, FLAGS.superseded), at=at)), unknown, *many]
        toy.shown += [served(LEAF, CORP.certificate), Progress(252, 252, "252")]

        async def watch(row: DiscoveryRunRow, sightings: list[Sighting], taken: Taken) -> None:
            told.problems += taken.problems

        ours = replace(context, open_source=lambda _kind, _settings: toy)
        row = await run_discovery(ours, await ask_discovery(ours, ADMINISTRATOR, ORDER), watch)
        assert await reasons(context) == {"CN=a": Reason.SUPERSEDED}
        assert row.problems == len(many) + 1 == len(told.problems)
        assert [text for place, text in told.problems if place.name == "cn=Nobody"] == [UNKNOWN]

    run(database, body)


def test_what_is_not_to_be_believed_is_a_problem_and_changes_nothing(database: Database) -> None:
    async def body(context: Context, at: datetime) -> None:
        await take_sightings(context, Look(1), [served(LEAF, CORP.certificate)])
        forged = ToyAuthority("Corp").list((LEAF, FLAGS.key_compromise), at=at)
        assert "not signed by the authority" in await problem(context, forged)
        assert await problem(context, b"\0\1") == "what is there is no CRL that can be read"
        assert await problem(context, ToyAuthority("Else").list(at=at)) == UNKNOWN
        garbled = CORP.list((LEAF, FLAGS.superseded), at=at, unreadable=True)
        assert "an entry that cannot be read" in await problem(context, garbled)
        assert await reasons(context) == {"CN=a": None}

    run(database, body)


def test_a_list_that_is_over_is_told_and_still_says_what_is_revoked(database: Database) -> None:
    async def body(context: Context, at: datetime) -> None:
        await take_sightings(context, Look(1), [served(LEAF, CORP.certificate)])
        over = CORP.list((LEAF, FLAGS.key_compromise), at=at - timedelta(days=9), days=1)
        assert (await problem(context, over)).startswith("a newer CRL than the one that is there was due on")
        assert await reasons(context) == {"CN=a": Reason.KEY_COMPROMISE}

    run(database, body)


def test_a_stranger_of_the_same_name_is_not_in_the_way(database: Database) -> None:
    """Anybody may present a certificate of an authority of this name."""

    async def body(context: Context, at: datetime) -> None:
        await take_sightings(context, Look(1), [served(LEAF, CORP.certificate)])
        for number in range(3):
            stranger = ToyAuthority("Corp")
            leaf = stranger.sign(f"x{number}")
            await take_sightings(context, Look(2), [served(leaf, stranger.certificate)])
        seen = await take_seen_lists(context, "", [lying(CORP.list((LEAF, FLAGS.superseded), at=at))])
        assert seen.problems == []
        assert (await reasons(context))["CN=a"] == Reason.SUPERSEDED

    run(database, body)


def test_only_so_many_are_held_for_authorities_to_come(database: Database) -> None:
    async def body(context: Context, at: datetime) -> None:
        octets = CORP.list((LEAF, FLAGS.superseded), at=at)
        seen = await take_seen_lists(context, "", [lying(octets), lying(octets, "b")], len(octets))
        assert [one.place.name for one in seen.waiting] == [lying(b"").place.name]
        assert [(place.name, text) for place, text in seen.problems] == [("b", UNKNOWN)]

    run(database, body)
