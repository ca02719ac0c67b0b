"""The configuration is read by several questions: what is made between them is in it whole, or not at all."""

import asyncio

import pytest

from certwright.core.distinguished_name import parse_name
from certwright.core.keys import KeyAlgorithm
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.store.databases import open_database
from certwright.store.snapshot import load_snapshot
from tests.faults.interposed import QUERY, Interposed, nothing
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, opened


@pytest.mark.parametrize("questions", range(6))
def test_an_authority_that_is_founded_meanwhile(database: Database, questions: int) -> None:
    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            inner = await open_database(database.url)
            reading = Interposed(inner)

            async def found() -> None:
                name = parse_name("CN=Late Root,O=Test")
                order = AuthorityOrder("late", "root", name, KeyAlgorithm.ECDSA_P256, "software")
                await found_authority(context, ADMINISTRATOR, order)

            before = context.snapshot.revision
            reading.at(QUERY, *[nothing] * questions, found)
            torn = await load_snapshot(reading)
            assert torn.revision == before or questions == 0
            assert all(one.authority in torn.authorities.values() for one in torn.generations.values())
            whole = await load_snapshot(inner)
            assert whole.revision > before
            assert [one.authority.name for one in whole.generations.values() if one.authority.name == "late"]
            await inner.close()

    asyncio.run(main())
