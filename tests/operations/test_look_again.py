"""What another process has made a moment ago is there for whoever asks for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from certwright.core.distinguished_name import parse_name
from certwright.core.errors import NotFound
from certwright.core.keys import KeyAlgorithm
from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue import IssueOrder, issue
from certwright.store.snapshot import Snapshots
from tests.faults.interposed import QUERY, Interposed, nothing
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened

ORDER = AuthorityOrder("new", "issuing", parse_name("CN=New"), KeyAlgorithm.ECDSA_P256, "software", "root")


def run(database: Database, body: Callable[[Context, Context], Awaitable[None]]) -> None:
    """Two processes on one database."""

    async def main() -> None:
        kept, clock = Secrets(), MovableClock()
        async with opened(database.url, kept, clock) as ours:
            await found(ours)
            async with opened(database.url, kept, clock) as other:
                await body(ours, other)

    asyncio.run(main())


def test_a_new_authority_issues_at_once(database: Database) -> None:
    async def body(ours: Context, other: Context) -> None:
        await found_authority(other, ADMINISTRATOR, ORDER)
        order = IssueOrder(ADMINISTRATOR, parse_csr(make_csr("a.test")), "new", "tls-server")
        assert (await issue(ours, order)).row.authority == "new"

    run(database, body)


def test_what_is_new_is_found(database: Database) -> None:
    async def body(ours: Context, other: Context) -> None:
        with pytest.raises(NotFound):
            await ours.snapshots.find(lambda snapshot: snapshot.generation("new/1"))
        await found_authority(other, ADMINISTRATOR, ORDER)
        generation = await ours.snapshots.find(lambda snapshot: snapshot.generation("new/1"))
        assert generation.authority.name == "new"

    run(database, body)


def test_many_who_miss_something_share_one_look(database: Database) -> None:
    async def body(ours: Context, other: Context) -> None:
        watched = Interposed(ours.database)
        snapshots = await Snapshots.open(watched, time.monotonic)
        watched.at(QUERY, *[nothing] * 300)
        assert not any(await asyncio.gather(*[snapshots.look_again() for _ in range(200)]))
        assert 300 - len(watched.steps[QUERY]) <= 2

    run(database, body)
