"""What is judged by more than the certificate: one that is not installed, told only where somebody has
looked; and an authority that a rule does not allow."""

from datetime import timedelta

from certwright.operations.context import Context
from certwright.operations.findings import FindingFilter, list_findings
from certwright.operations.note_findings import check_health
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.store.rows import CertificateBodyRow, CertificateRow
from tests.operations.approving import rules
from tests.operations.installed import issued, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.real.toy_chains import BEGIN, ToyAuthority

NAME = "host.example.test"
DAY = timedelta(days=1, minutes=1)


async def seen(context: Context, clock: MovableClock, row: CertificateRow, name: str = NAME) -> None:
    [body] = await context.database.select(CertificateBodyRow, '"certificate_id" = ?', row.id)
    sighting = Sighting(Place("tls", "192.0.2.1", 443, name), clock(), (body.der,))
    await take_sightings(context, Look(int(clock().timestamp())), [sighting])
    await check_health(context)


async def unserved(context: Context) -> dict[int, str]:
    wanted = FindingFilter(code="certificate.unserved")
    found = await list_findings(context, ADMINISTRATOR, wanted)
    return {one.certificate_id: one.detail for one in found}


def test_one_that_is_not_installed_where_its_name_is_asked(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        old = await issued(context, NAME)
        clock.offset += DAY
        await seen(context, clock, old)
        new = await issued(context, NAME)
        other = await issued(context, "other.example.test")
        clock.offset += DAY
        await check_health(context)
        assert await unserved(context) == {}, "nobody has looked since"
        await seen(context, clock, old)
        assert await unserved(context) == {new.id: f"192.0.2.1:443 {NAME} presents an older certificate"}
        assert other.id not in await unserved(context)
        await seen(context, clock, new)
        assert await unserved(context) == {}, "it is installed"

    with_installation(database, body)


def test_an_older_one_is_not_missed_where_a_newer_one_is(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await issued(context, NAME)
        clock.offset += DAY
        new = await issued(context, NAME)
        clock.offset += DAY
        await seen(context, clock, new)
        assert await unserved(context) == {}

    with_installation(database, body)


def test_a_place_that_was_asked_by_another_name_says_nothing(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        old = await issued(context, NAME)
        clock.offset += DAY
        await issued(context, NAME)
        clock.offset += DAY
        await seen(context, clock, old, name="elsewhere.example.test")
        assert await unserved(context) == {}

    with_installation(database, body)


def test_an_authority_that_a_rule_does_not_allow(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        own = await issued(context, NAME)
        leaf = ToyAuthority("Elsewhere").sign("x", None, "x.example.test", days=900)
        sighting = Sighting(Place("tls", "192.0.2.1", 443, "x.example.test"), BEGIN, (leaf,))
        await take_sightings(context, Look(1), [sighting])
        wanted = FindingFilter(code="authority.not-allowed")
        await check_health(context)
        assert await list_findings(context, ADMINISTRATOR, wanted) == []
        await rules(context, ONLY_OURS)
        await check_health(context)
        [found] = await list_findings(context, ADMINISTRATOR, wanted)
        assert found.certificate_id != own.id
        assert found.detail == "rule ours does not allow CN=Elsewhere for it"
        await rules(context, "")
        await check_health(context)
        assert await list_findings(context, ADMINISTRATOR, wanted) == []

    with_installation(database, body)


def test_what_a_log_has_for_our_name_of_an_authority_that_a_rule_does_not_allow(database: Database) -> None:
    """A log is no place of use: it says that it was issued, and that alone is judged."""

    async def body(context: Context, clock: MovableClock) -> None:
        leaf = ToyAuthority("Elsewhere").sign("x", None, "x.example.test")
        sighting = Sighting(Place("ct", "ct.example.test", 443, "/log#7"), BEGIN, (leaf,))
        await take_sightings(context, Look(1), [sighting])
        await rules(context, ONLY_OURS)
        await check_health(context)
        [found] = await list_findings(context, ADMINISTRATOR, FindingFilter(code="authority.not-allowed"))
        assert found.detail == "rule ours does not allow CN=Elsewhere for it"

    with_installation(database, body)


def test_what_was_signed_is_no_place_at_which_a_certificate_is_used(database: Database) -> None:
    """Nobody puts another certificate into a program that was given out, or into a layer that another hides.
    A file that somebody may use is judged."""

    async def body(context: Context, clock: MovableClock) -> None:
        leaf = ToyAuthority("Elsewhere").sign("x", None, "x.example.test", days=5)
        for number, (facts, expected) in enumerate(
            (({"role": "signer"}, False), ({"hidden": "deleted"}, False), ({"format": "pem"}, True))
        ):
            name = f"/srv/{number}"
            sighting = Sighting(Place("file", "m.example.test", 0, name), BEGIN, (leaf,), facts)
            await take_sightings(context, Look(1), [sighting])
            await check_health(context)
            found = await list_findings(context, ADMINISTRATOR, FindingFilter(code="certificate.untrusted"))
            assert bool(found) is expected

    with_installation(database, body)


ONLY_OURS = """
[[rule]]
name = "ours"
when.names.dns = [".example.test"]
unless.authorities = ["issuing"]
refuse = "Ask the authority issuing."
"""
