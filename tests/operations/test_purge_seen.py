"""What was seen long ago goes, what is there stays."""

import asyncio
from datetime import timedelta

from certwright.operations.discovery_runs import DiscoveryOrder, new_run
from certwright.operations.note_findings import check_health
from certwright.operations.purge_seen import purge_seen
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.store.discovery_rows import DiscoveryRunRow, FindingRow, SightingRow
from certwright.store.ledger import Change
from certwright.store.rows import CertificateRow
from tests.real.databases import Database
from tests.real.pki import MovableClock, Secrets, opened
from tests.real.toy_chains import BEGIN, ToyAuthority

KEPT = timedelta(days=30)


def test_only_what_has_ended_long_ago_goes(database: Database) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            corp, place = ToyAuthority("Corp"), Place("tls", "192.0.2.1", 443)
            for run, name in enumerate(("old", "new"), 1):
                leaf = corp.sign(name, None, f"{name}.example.test", days=900)
                await take_sightings(context, Look(run), [Sighting(place, BEGIN, (leaf,))])
                await check_health(context)
            ended = new_run(context, "user:x", DiscoveryOrder("network", ("x",)))
            open_one = new_run(context, "user:x", DiscoveryOrder("network", ("y",)))
            rows = [ended._replace(ended_at=clock()), open_one]
            await context.ledger.commit(Change(inserted=[*rows]))

            async def left() -> list[int]:
                kinds = (SightingRow, FindingRow, DiscoveryRunRow, CertificateRow)
                return [len(await context.database.select(kind, "1 = 1")) for kind in kinds]

            before = await left()
            assert await purge_seen(context, KEPT) == 0
            clock.offset += KEPT + timedelta(minutes=1)
            assert await purge_seen(context, KEPT) > 0
            assert await purge_seen(context, KEPT) == 0
            sightings, findings, runs, certificates = await left()
            assert (sightings, runs, certificates) == (1, 1, before[3])
            assert 0 < findings < before[1]
            assert [row.ended_at for row in await context.database.select(SightingRow, "1 = 1")] == [None]

    asyncio.run(main())
