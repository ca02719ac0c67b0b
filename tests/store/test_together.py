"""Rows asked for by key: many askers, few questions, and nobody gets another's answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from certwright.core.errors import Unavailable
from certwright.store.databases import PostgresqlDatabase, open_database
from certwright.store.rows import CertificateBodyRow
from tests.conftest import KIND
from tests.real.databases import Database

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(KIND != "postgresql", reason="SQLite answers without a way to go"),
]
BY_KEY = '"certificate_id" = ?'


def run(database: Database, body: Callable[[PostgresqlDatabase, list[str]], Awaitable[None]]) -> None:
    """With fifty bodies of certificates, and a list of the questions that were asked."""

    async def main() -> None:
        opened = await open_database(database.url)
        assert isinstance(opened, PostgresqlDatabase)
        async with opened.transaction(0) as transaction:
            rows = [CertificateBodyRow(number, b"%d" % number) for number in range(50)]
            await transaction.insert(CertificateBodyRow, rows)
        asked: list[str] = []
        ask = opened.query

        async def query(sql: str, *parameters: object) -> list[tuple[object, ...]]:
            asked.append(sql)
            return await ask(sql, *parameters)

        opened.query = query  # type: ignore[method-assign]
        await body(opened, asked)
        await opened.close()

    asyncio.run(main())


def test_everybody_gets_what_he_asked_for(database: Database) -> None:
    async def body(opened: PostgresqlDatabase, asked: list[str]) -> None:
        keys = [*range(60), *range(60)]
        found = await asyncio.gather(*(opened.select(CertificateBodyRow, BY_KEY, key) for key in keys))
        for key, rows in zip(keys, found, strict=True):
            assert rows == ([CertificateBodyRow(key, b"%d" % key)] if key < 50 else [])
        assert len(asked) <= 2

    run(database, body)


def test_what_is_written_before_the_question_is_in_the_answer(database: Database) -> None:
    async def body(opened: PostgresqlDatabase, asked: list[str]) -> None:
        async def write_and_read(number: int) -> None:
            async with opened.transaction(number % 2) as transaction:
                await transaction.insert(CertificateBodyRow, [CertificateBodyRow(number, b"new")])
            assert await opened.select(CertificateBodyRow, BY_KEY, number)

        await asyncio.gather(*map(write_and_read, range(100, 140)))

    run(database, body)


def test_who_goes_away_disturbs_nobody(database: Database) -> None:
    async def body(opened: PostgresqlDatabase, asked: list[str]) -> None:
        leaving = asyncio.create_task(opened.select(CertificateBodyRow, BY_KEY, 1))
        staying = asyncio.create_task(opened.select(CertificateBodyRow, BY_KEY, 1))
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await staying)[0].der == b"1"
        assert leaving.cancelled()

    run(database, body)


def test_a_failure_reaches_everybody_and_the_next_question_is_asked(database: Database) -> None:
    async def body(opened: PostgresqlDatabase, asked: list[str]) -> None:
        ask = opened.query

        async def fail(sql: str, *parameters: object) -> list[tuple[object, ...]]:
            opened._asked.clear()
            opened.query = ask  # type: ignore[method-assign]
            raise Unavailable("gone")

        opened.query = fail  # type: ignore[method-assign]
        opened._asked.clear()
        outcomes = await asyncio.gather(
            *(opened.select(CertificateBodyRow, BY_KEY, key) for key in range(5)), return_exceptions=True
        )
        assert all(isinstance(one, Unavailable) for one in outcomes)
        assert await opened.select(CertificateBodyRow, BY_KEY, 7)

    run(database, body)
