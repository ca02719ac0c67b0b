"""Which certificates of others leave the inventory, and which never do."""

from datetime import timedelta

from certwright.core.responsibility import Assignment
from certwright.core.standing import Standing
from certwright.operations.assign_owner import assign_owner
from certwright.operations.context import Context
from certwright.operations.forget_certificates import CHUNK, forget_certificates
from certwright.operations.note_findings import check_health
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.store.changed_rows import Mark
from certwright.store.discovery_rows import FindingRow, SightingRow
from certwright.store.ledger import Change
from certwright.store.rows import (
    CertificateBodyRow,
    CertificateNameRow,
    CertificateRow,
    CertificateTagRow,
)
from tests.operations.installed import issued, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.real.toy_chains import BEGIN, ToyAuthority

KEPT = timedelta(days=100)
CORP = ToyAuthority("Corp")


async def see(context: Context, *names: str, gone: bool = True) -> None:
    """Each at a place of its own, which has shown it for the last time."""
    seen = [
        Sighting(Place("tls", f"{name}.example.test", 443), BEGIN, (leaf(name), CORP.certificate))
        for name in names
    ]
    for start in range(0, len(seen), 100):
        await take_sightings(context, Look(1), seen[start : start + 100])
    if gone:
        rows = await context.database.select(SightingRow, '"ended_at" IS NULL')
        ended = [row.id for row in rows if row.host.partition(".")[0] in names]
        await context.ledger.commit(Change(marked=[Mark(SightingRow, {"ended_at": context.clock()}, ended)]))


LEAVES: dict[str, bytes] = {}


def leaf(name: str) -> bytes:
    if name not in LEAVES:
        LEAVES[name] = CORP.sign(name, None, f"{name}.example.test", days=90)
    return LEAVES[name]


async def subjects(context: Context) -> set[str]:
    return {row.subject for row in await context.database.select(CertificateRow, "1 = 1")}


def test_only_what_nobody_has_taken_on_and_is_nowhere_goes(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await issued(context, "ours.example.test")
        ours = await subjects(context)
        await see(context, "gone", "ignored", "adopted")
        await see(context, "served", gone=False)
        by_subject = {row.subject: row for row in await context.database.select(CertificateRow, "1 = 1")}
        fingerprints = {name: by_subject[f"CN={name}"].fingerprint.hex() for name in ("adopted", "ignored")}
        for name, standing in (("adopted", Standing.ADOPTED), ("ignored", Standing.IGNORED)):
            order = Assignment(standing=standing, reason="a printer" if name == "ignored" else "")
            await assign_owner(context, ADMINISTRATOR, [fingerprints[name]], order)
        await check_health(context)
        clock.offset += by_subject["CN=gone"].not_after + KEPT - timedelta(days=1) - clock()
        assert await forget_certificates(context, KEPT) == 0
        clock.offset += timedelta(days=2)
        assert await forget_certificates(context, KEPT) == 2
        assert await forget_certificates(context, KEPT) == 0
        assert await subjects(context) == ours | {"CN=adopted", "CN=served", "CN=Corp"}
        gone = [by_subject[f"CN={name}"].id for name in ("gone", "ignored")]
        for kind in (CertificateBodyRow, CertificateNameRow, CertificateTagRow, FindingRow, SightingRow):
            rows = await context.database.select(kind, "1 = 1")
            assert not {row.certificate_id for row in rows} & set(gone), kind

    with_installation(database, body)


def test_it_may_be_found_again(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await see(context, "again")
        clock.offset += timedelta(days=90) + KEPT + timedelta(days=1)
        assert await forget_certificates(context, KEPT) == 1
        await see(context, "again", gone=False)
        assert "CN=again" in await subjects(context)
        assert await forget_certificates(context, KEPT) == 0

    with_installation(database, body)


def test_there_is_no_end_to_what_goes_at_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        before = await subjects(context)
        names = [f"many{number}" for number in range(CHUNK + 1)]
        await see(context, *names)
        clock.offset += timedelta(days=90) + KEPT + timedelta(days=1)
        assert await forget_certificates(context, KEPT) == len(names)
        assert await subjects(context) == before | {"CN=Corp"}

    with_installation(database, body)
