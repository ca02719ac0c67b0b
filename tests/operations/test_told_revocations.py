"""What authorities say of what they have issued becomes the status of certificates here."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.core.told_status import status_facts
from certwright.operations.context import Context
from certwright.operations.discovery_runs import DiscoveryOrder
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.note_findings import check_health
from certwright.operations.run_discovery import run_discovery
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.discovery_rows import FindingRow, SightingRow
from certwright.store.ledger import Change
from certwright.store.rows import CertificateRow
from tests.real.databases import Database
from tests.real.openssl_ca import OpensslAuthority
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened
from tests.real.toy_chains import BEGIN, ToyAuthority

CORP = ToyAuthority("Corp")
LEAF = CORP.sign("www", None, "www.example.test")
WHEN = BEGIN + timedelta(hours=1)
Body = Callable[[Context, MovableClock], Awaitable[None]]
Status = tuple[datetime | None, int | None]


def run(database: Database, body: Body) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            await body(context, clock)

    asyncio.run(main())


def told(leaf: bytes, reason: Reason | None, issuer: bytes = CORP.certificate) -> Sighting:
    facts = status_facts() if reason is None else status_facts(WHEN, reason)
    return Sighting(Place("authority", "ca.example.test", 0, "1"), BEGIN, (leaf, issuer), facts)


async def status(context: Context, der: bytes = LEAF) -> Status:
    digest = hashlib.sha256(der).digest()
    (row,) = await context.database.select(CertificateRow, '"fingerprint" = ?', digest)
    return row.revoked_at, row.revocation_reason


async def take(context: Context, *sightings: Sighting) -> None:
    taken = await take_sightings(context, Look(1), sightings)
    assert taken.problems == []


def test_a_new_certificate_is_revoked_from_the_beginning(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take(context, told(LEAF, Reason.SUPERSEDED))
        assert await status(context) == (WHEN, Reason.SUPERSEDED)

    run(database, body)


def test_a_hold_comes_and_goes_and_nothing_else_goes(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await take(context, Sighting(Place("tls", "192.0.2.1", 443), BEGIN, (LEAF, CORP.certificate)))
        assert await status(context) == (None, None)
        await take(context, told(LEAF, Reason.CERTIFICATE_HOLD))
        assert await status(context) == (WHEN, Reason.CERTIFICATE_HOLD)
        await take(context, told(LEAF, None))
        assert await status(context) == (None, None)
        await take(context, told(LEAF, Reason.KEY_COMPROMISE))
        await take(context, told(LEAF, None))
        assert await status(context) == (WHEN, Reason.KEY_COMPROMISE)

    run(database, body)


def test_who_has_not_signed_has_no_say(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        other = ToyAuthority("Corp").certificate
        await take(context, told(LEAF, Reason.KEY_COMPROMISE, other))
        assert await status(context) == (None, None)
        alone = told(LEAF, Reason.KEY_COMPROMISE)
        await take(context, replace(alone, chain=(LEAF,)))
        assert await status(context) == (None, None)

    run(database, body)


def test_nobody_else_revokes_what_is_ours(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await found(context)
        csr = parse_csr(make_csr("www.example.test"))
        issued = await issue(context, IssueOrder(ADMINISTRATOR, csr, "issuing", "tls-server"))
        await take(context, told(issued.der, Reason.KEY_COMPROMISE, issued.served[0]))
        assert await status(context, issued.der) == (None, None)
        await context.ledger.commit(Change(removed=[issued.row]))
        await take(context, told(issued.der, Reason.KEY_COMPROMISE, issued.served[0]))
        assert await status(context, issued.der) == (None, None), "what is lost from the record is ours too"

    run(database, body)


def test_what_is_on_record_is_not_judged_as_used(database: Database) -> None:
    """Nor by its end: an authority has on record whatever it has ever issued."""

    async def body(context: Context, clock: MovableClock) -> None:
        short = CORP.sign("short", None, "short.example.test", begin=clock() - timedelta(days=90), days=91)
        await take(context, told(short, None))
        await check_health(context)
        assert await open_codes(context, short) == set()
        await take(context, Sighting(Place("tls", "192.0.2.1", 443), BEGIN, (short, CORP.certificate)))
        await check_health(context)
        assert "certificate.ending" in await open_codes(context, short)

    run(database, body)


async def open_codes(context: Context, der: bytes) -> set[str]:
    digest = hashlib.sha256(der).digest()
    (row,) = await context.database.select(CertificateRow, '"fingerprint" = ?', digest)
    condition = '"closed_at" IS NULL AND "certificate_id" = ?'
    return {one.code for one in await context.database.select(FindingRow, condition, row.id)}


def test_a_status_that_nobody_can_have_meant_is_a_problem(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        odd = replace(told(LEAF, None), facts={"status": "fine"})
        taken = await take_sightings(context, Look(1), [odd])
        ((_, text),) = taken.problems
        assert text == "the status that is told is neither good nor revoked at a time"

    run(database, body)


def test_a_scope_of_openssl_from_end_to_end(database: Database, tmp_path: Path) -> None:
    """Issued, revoked, and gone from the database of `openssl ca`."""

    async def body(context: Context, clock: MovableClock) -> None:
        ours = replace(context, open_source=source_opener(Configuration.load(tmp_path, {})))
        corp = OpensslAuthority.founded(tmp_path / "corp")
        one, two = corp.issue("one"), corp.issue("two")
        order = DiscoveryOrder("openssl-ca", (f"{tmp_path}/corp",), settings={"host": "ca.example.test"})
        await save_scope(ours, ADMINISTRATOR, ScopeOrder("corp", order))
        first = await run_discovery(ours, await run_scope(ours, ADMINISTRATOR, "corp"))
        assert (first.seen, first.new, first.problems, first.problem) == (2, 3, 0, "")
        assert await status(ours, one) == (None, None)
        corp.revoke("one", "-crl_reason", "keyCompromise")
        second = await run_discovery(ours, await run_scope(ours, ADMINISTRATOR, "corp"))
        assert (second.seen, second.new, second.gone) == (2, 0, 0)
        assert (await status(ours, one))[1] == Reason.KEY_COMPROMISE
        assert await status(ours, two) == (None, None)
        places = await ours.database.select(SightingRow, '"kind" = ? ORDER BY "name"', "authority")
        assert [place.name.rpartition("#")[2] for place in places] == ["1000", "1001"]
        served = await ours.database.select(FindingRow, "\"code\" LIKE 'served.%'")
        assert served == [], "an authority's word is no place at which a certificate is served"

    run(database, body)
