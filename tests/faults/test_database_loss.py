"""The database goes away for some seconds: 503 meanwhile, nothing half done, and it works again by itself."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certwright.core.errors import Unavailable
from certwright.core.request import parse_csr
from certwright.operations.discovery_runs import DiscoveryOrder, ask_discovery, find_run
from certwright.operations.issue import IssueOrder, issue
from certwright.store.databases import open_database
from certwright.store.discovery_rows import DiscoveryRunRow, SightingRow
from certwright.store.rows import InstallationRow
from tests.conftest import KIND, RUN
from tests.faults.facts import check_audit, check_records_hold, check_told, nothing_waits
from tests.faults.load import Client, Load, Told, make_token
from tests.real import certwright as real_certwright
from tests.real import postgresql as real_postgresql
from tests.real.certwright import Home, Site
from tests.real.pki import ADMINISTRATOR, make_csr
from tests.real.postgresql import Postgresql
from tests.real.tls_servers import present, s_server
from tests.site.running import until

server = pytest.mark.skipif(KIND != "postgresql", reason="an SQLite database is a file, and has no server")
pytestmark = pytest.mark.database
file = pytest.mark.skipif(KIND != "sqlite", reason="PostgreSQL writers do not lock each other out")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgresql]:
    """One for these tests alone, to be crashed."""
    made = real_postgresql.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def home(cluster: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("loss") / "home"
    return real_certwright.found(folder, KIND, Path(os.environ[RUN]), cluster=cluster)


async def everything_holds(context, told) -> None:
    await check_told(context.database, told)
    await check_records_hold(context)
    await check_audit(context)


@server
def test_the_server_goes_away_and_comes_back(home: Home, cluster: Postgresql, full: bool) -> None:
    token = make_token(home)
    with home.served(workers=2, lanes=("fast", "worker")) as site:
        until(lambda: '"event": "working"' in site.server.output, 60)
        before = site.get("http", "/readyz")
        assert before.status_code == 200, before.text
        load = Load(home, token, 4, seed=1)
        with load.running():
            for _ in range(10 if full else 1):
                load.wait_for(20)
                cluster.halt()
                unavailable(site, token)
                cluster.resume()
                load.wait_for(20)
        told = load.summary()
        assert told.wrong == []
        assert told.statuses[503]
        until(lambda: home.run(nothing_waits), 60)
        assert site.server.output.count("starting it again") == 0
    home.run(lambda context: everything_holds(context, told))


def unavailable(site: Site, token: str) -> None:
    """New requests are told to come again, and the processes say that they are of no use now."""
    client = Client(site.home, token)
    answer = client.issue("away.example.test")
    client.close()
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.document["detail"].startswith("the database ")
    assert answer.document["detail"].isprintable()
    assert "127.0.0.1" not in answer.document["detail"]
    until = time.monotonic() + 60
    while (ready := site.get("http", "/readyz")).status_code != 503:
        assert time.monotonic() < until, ready.text
        time.sleep(0.2)


@server
def test_the_server_crashes_and_recovers_under_operations(cluster: Postgresql, home: Home) -> None:
    """In this process, so that every error is seen: Unavailable and no other, and each by the truth."""

    async def body(context) -> None:
        stop, outcomes, told = asyncio.Event(), [], {}

        async def work(number: int) -> None:
            while not stop.is_set():
                request = parse_csr(make_csr(f"w{number}.example.test"))
                try:
                    issued = await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
                    told[issued.row.fingerprint.hex()] = issued.der
                    outcomes.append(True)
                except Unavailable:
                    outcomes.append(False)
                    await asyncio.sleep(0.02)

        tasks = [asyncio.create_task(work(number)) for number in range(8)]
        for _ in range(3):
            seen = outcomes.count(True)
            while outcomes.count(True) < seen + 30:
                await asyncio.sleep(0.01)
                assert not any(task.done() for task in tasks)
            await asyncio.to_thread(cluster.crash)
        seen = outcomes.count(True)
        while outcomes.count(True) < seen + 30:  # noqa: ASYNC110 - the outcomes are a list that threads fill
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.gather(*tasks)
        assert False in outcomes
        await everything_holds(context, Told(issued=told))

    home.run(body)


@server
def test_connections_ended_by_the_database_are_made_anew(cluster: Postgresql, home: Home) -> None:
    """As an operator, a failover or an idle timeout ends them: reads and writes go on at the next attempt."""
    import psycopg

    async def body(context) -> None:
        for _ in range(5):
            with psycopg.connect(home.database_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            for _ in range(20):
                try:
                    request = parse_csr(make_csr("again.example.test"))
                    await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
                    await context.snapshots.refresh()
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)
            else:
                pytest.fail("it does not come back")

    home.run(body)


@file
def test_a_file_that_another_holds_is_unavailable_for_writing_and_still_read(installation: Home) -> None:
    path = installation.database_url.removeprefix("sqlite:///")

    async def body(context) -> None:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        request = parse_csr(make_csr("held.example.test"))
        order = IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server")
        attempts = [asyncio.create_task(issue(context, order)) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert await context.database.select(InstallationRow, "1 = 1")
        for outcome in await asyncio.gather(*attempts, return_exceptions=True):
            assert isinstance(outcome, Unavailable)
            assert "the database is busy" in outcome.detail
        holder.execute("ROLLBACK")
        holder.close()
        await issue(context, order)
        await check_audit(context)

    installation.run(body)


@file
def test_opening_waits_while_another_recovers_the_file(database) -> None:
    path = database.url.removeprefix("sqlite:///")
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")

    def let_go() -> None:
        time.sleep(0.5)
        holder.execute("COMMIT")
        holder.close()

    thread = threading.Thread(target=let_go)
    thread.start()

    async def body() -> None:
        opened = await open_database(database.url)
        await opened.query('SELECT 1 FROM "installation"')
        await opened.close()

    asyncio.run(body())
    thread.join()


@server
@pytest.mark.full
def test_a_look_at_many_places_goes_on_afterwards(home: Home, cluster: Postgresql, tmp_path: Path) -> None:
    """The worker is started again and goes on a minute later: each place is seen, and none is gone."""
    places, pace = 30, {"pace_loopback": True, "network_per_second": 5, "jitter": 0}
    with s_server(present(tmp_path / "chain"), host="0.0.0.0") as port, home.served(lanes=("worker",)):
        targets, settings = (f"127.76.0.1-127.76.0.{places}",), {**pace, "ports": str(port)}
        order = DiscoveryOrder("network", targets, settings=settings)
        asked = home.run(lambda context: ask_discovery(context, ADMINISTRATOR, order))

        def told() -> DiscoveryRunRow:
            return home.run(lambda context: find_run(context.database, ADMINISTRATOR, asked.id))

        until(lambda: told().seen >= 5, 60)
        cluster.halt()
        time.sleep(60)
        cluster.resume()
        until(lambda: told().ended_at, 180)
        row = told()
        assert (row.problem, row.done, row.total) == ("", places, places)
        seen = home.run(lambda context: context.database.select(SightingRow, '"last_run" = ?', row.id))
        assert len(seen) == places
        assert {one.ended_at for one in seen} == {None}
