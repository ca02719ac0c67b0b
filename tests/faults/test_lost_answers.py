"""A commit whose answer is lost may be durable or not: nobody is told what is not so."""

import asyncio
from datetime import UTC, datetime

import pytest

from certwright.core.errors import CertwrightError, Unavailable
from certwright.store.databases import open_database
from certwright.store.ledger import Change, Ledger
from certwright.store.rows import AuthorityRow, CompromisedKeyRow
from tests.faults.interposed import BEGIN, COMMITTED, Interposed, nothing, raising
from tests.store.test_ledger import chain_is_whole, event

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DOWN = Unavailable("the database went away")


def change(number: int) -> Change:
    row = CompromisedKeyRow(number.to_bytes(32, "big"), f"list:{number}", NOW)
    return Change(inserted=[row], events=[event(number)])


async def outcomes(url: str, *faults: tuple[str, int]) -> tuple[list[bool], set[int], int]:
    """Three changes one after another under faults (point, how often to pass before it fails): which were
    confirmed, which are there, and how many events; the database is back before the third."""
    inner = await open_database(url)
    database = Interposed(inner)
    ledger = await Ledger.open(database, "test", lambda: NOW)
    for point, passes in faults:
        database.at(point, *[nothing] * passes, raising(DOWN))
    confirmed = []
    for number in (1, 2, 3):
        if number == 3:
            database.steps.clear()
        try:
            await ledger.commit(change(number))
            confirmed.append(True)
        except CertwrightError:
            confirmed.append(False)
    rows = await inner.select(CompromisedKeyRow, "1 = 1")
    events = await chain_is_whole(inner)
    await ledger.close()
    await inner.close()
    return confirmed, {int.from_bytes(row.spki_sha256, "big") for row in rows}, events


@pytest.mark.parametrize("away", range(6))
def test_nothing_is_confirmed_that_is_not_there(database, away: int) -> None:
    """The answer to the first commit is lost, and then the database cannot be asked `away` times."""
    faults = [(COMMITTED, 0), (BEGIN, 1), *[(BEGIN, 0)] * (away - 1)] if away else [(COMMITTED, 0)]
    confirmed, there, events = asyncio.run(outcomes(database.url, *faults))
    assert {number for number, one in zip((1, 2, 3), confirmed, strict=True) if one} <= there
    assert 1 in there
    assert confirmed[2]
    assert events == len(there)


def test_changes_of_the_same_rows_in_another_order_do_not_stand_in_each_others_way(database) -> None:
    """Two processes, each with both rows in one change: one is first, the other hears that they have
    moved.
    """

    async def main() -> None:
        databases = [await open_database(database.url) for _ in range(2)]
        ledgers = [await Ledger.open(one, "test", lambda: NOW) for one in databases]
        rows = [
            AuthorityRow(number, f"a{number}", "root", bytes([number]), 1, NOW, None, 1) for number in (1, 2)
        ]
        await ledgers[0].commit(Change(inserted=[*rows]))
        for number in range(40):
            found = await databases[0].select(AuthorityRow, '1 = 1 ORDER BY "id"')
            wanted = [(row, row._replace(crl_shards=number + 2)) for row in found]
            results = await asyncio.gather(
                ledgers[0].commit(Change(replaced=wanted)),
                ledgers[1].commit(Change(replaced=wanted[::-1])),
                return_exceptions=True,
            )
            assert sorted(type(one).__name__ for one in results) == ["Moved", "NoneType"]
        for one in (*ledgers, *databases):
            await one.close()

    asyncio.run(main())
