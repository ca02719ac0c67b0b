"""What our connections to PostgreSQL are told when they begin."""

import asyncio

import pytest

from certwright.store.databases import open_database
from tests.real.databases import Database


def test_no_question_is_compiled_first(database: Database) -> None:
    """Sequential scans are off, so a table read whole looks dear; compiling took 300 ms of each snapshot."""
    if database.kind != "postgresql":
        pytest.skip("SQLite compiles nothing")

    async def body() -> None:
        opened = await open_database(database.url)
        try:
            assert await opened.query("SHOW jit") == [("off",)]
            [*told] = await opened.query('EXPLAIN (ANALYZE) SELECT * FROM "profile" WHERE 1 = 1')
            assert "JIT" not in str(told)
        finally:
            await opened.close()

    asyncio.run(body())
