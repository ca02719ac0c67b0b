"""A look at many places in the hands of real workers: over the death of one, and by two at the same time."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from certwright.operations.context import Context
from certwright.operations.discovery_runs import DiscoveryOrder, ask_discovery, find_run
from certwright.store.discovery_rows import DiscoveryRunRow, SightingRow
from certwright.store.ledger import Change
from certwright.store.rows import CertificateRow
from tests.real.pki import ADMINISTRATOR
from tests.real.tls_servers import present, s_server
from tests.worker.running import Home, until

pytestmark = pytest.mark.database
PLACES = 40
SOME = 6
PACE = {"pace_loopback": True, "network_per_second": 10, "jitter": 0}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server that answers at every address of this machine."""
    with s_server(present(tmp_path / "chain"), host="0.0.0.0") as port:
        yield port


def order(port: int, last: int = PLACES) -> DiscoveryOrder:
    return DiscoveryOrder("network", (f"127.77.0.1-127.77.0.{last}",), settings={**PACE, "ports": str(port)})


def asked(home: Home, wanted: DiscoveryOrder) -> int:
    async def ask(context: Context) -> int:
        return (await ask_discovery(context, ADMINISTRATOR, wanted)).id

    return home.run(ask)


def told(home: Home, number: int) -> DiscoveryRunRow:
    return home.run(lambda context: find_run(context.database, ADMINISTRATOR, number))


def check_all_seen(home: Home, places: int) -> None:
    """Each place once, still there, and the certificate once."""

    async def read(context: Context) -> tuple[list[SightingRow], list[CertificateRow]]:
        leaves = 'NOT "is_authority" AND "standing" = \'found\''
        return (
            await context.database.select(SightingRow, "1 = 1"),
            await context.database.select(CertificateRow, leaves),
        )

    seen, certificates = home.run(read)
    assert Counter(one.host for one in seen) == Counter(f"127.77.0.{n}" for n in range(1, places + 1))
    assert {one.ended_at for one in seen} == {None}
    assert {one.certificate_id for one in seen} == {one.id for one in certificates}
    assert len(certificates) == 1


def test_a_worker_is_killed_in_the_middle_and_the_next_goes_on(home: Home, port: int) -> None:
    number = asked(home, order(port))
    with home.start() as first:
        until(lambda: told(home, number).seen >= SOME)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    left = told(home, number)
    assert left.ended_at is None
    assert 0 < left.done < PLACES
    home.run(lambda context: a_minute_later(context, number))
    with home.worker():
        until(lambda: told(home, number).ended_at)
    row = told(home, number)
    assert (row.problem, row.done, row.total) == ("", PLACES, PLACES)
    assert PLACES <= row.seen < 2 * PLACES, "it has begun anew"
    check_all_seen(home, PLACES)


async def a_minute_later(context: Context, number: int) -> None:
    """Nobody has been at the run for so long."""
    row = await find_run(context.database, ADMINISTRATOR, number)
    assert row.seen_at is not None
    before = row._replace(seen_at=row.seen_at - timedelta(minutes=2))
    await context.ledger.commit(Change(replaced=[(row, before)]))


def test_two_workers_look_at_the_same_places(home: Home, port: int) -> None:
    """Two runs, in two zones that see the same: each has places of its own, and neither ends the other's."""
    other = replace(order(port, SOME), zone="dmz")
    numbers = [asked(home, order(port, SOME)), asked(home, other)]
    with home.worker():
        home.environment_of_workers["CERTWRIGHT_DISCOVERY__ZONE"] = "dmz"
        with home.worker():
            until(lambda: all(told(home, number).ended_at for number in numbers))
    for number in numbers:
        row = told(home, number)
        assert (row.problem, row.seen) == ("", SOME)

    async def read(context: Context) -> tuple[list[SightingRow], int]:
        certificates = await context.database.query(
            'SELECT count(*) FROM "certificate" WHERE "standing" = \'found\' AND NOT "is_authority"'
        )
        return await context.database.select(SightingRow, "1 = 1"), certificates[0][0]

    seen, certificates = home.run(read)
    assert certificates == 1
    assert Counter(one.zone for one in seen) == {"": SOME, "dmz": SOME}
    assert {one.ended_at for one in seen} == {None}
