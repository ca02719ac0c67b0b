"""Tables of other managers become rows of the inventory, with who answers for them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Forbidden, Malformed
from certwright.core.import_rows import ImportRow
from certwright.core.standing import Standing
from certwright.operations.context import Context
from certwright.operations.import_certificates import import_certificates, imported_document
from certwright.operations.manage_teams import create_team
from certwright.store.discovery_rows import FindingRow
from certwright.store.rows import CertificateRow, CertificateTagRow
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, opened
from tests.real.toy_chains import ToyAuthority

CORP = ToyAuthority("Corp")
ONE, TWO, THREE = (CORP.sign(name, None, f"{name}.example.test") for name in ("one", "two", "three"))
ROWS = [
    ImportRow(1, ONE, team="pay", environment="production", tags=frozenset({"web"})),
    ImportRow(2, TWO),
    ImportRow(3, b"garbage", team="pay"),
    ImportRow(4, THREE, team="nobody-knows"),
    ImportRow(5, problem="the column certificate has neither PEM nor base64"),
]


def run(database: Database, body: Callable[[Context], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            await create_team(context, ADMINISTRATOR, "pay", "", "")
            await body(context)

    asyncio.run(main())


def test_a_table_is_taken_in_once(database: Database) -> None:
    async def body(context: Context) -> None:
        told: list[int] = []
        imported = await import_certificates(context, ADMINISTRATOR, ROWS, "old.csv", told.append)
        problems = dict(imported.problems)
        assert (imported.rows, imported.new, imported.assigned, imported.problems_count) == (5, 3, 1, 3)
        assert problems[3] == "what is there is no certificate that can be read"
        assert "nobody-knows" in problems[4]
        assert told == [5]
        rows = await context.database.select(CertificateRow, '1 = 1 ORDER BY "subject"')
        kept = {row.subject: (row.standing, row.team, row.environment) for row in rows}
        assert kept == {
            "CN=one": (Standing.ADOPTED, "pay", "production"),
            "CN=two": (Standing.FOUND, "", ""),
            "CN=three": (Standing.FOUND, "", ""),
        }
        assert [row.tag for row in await context.database.select(CertificateTagRow, "1 = 1")] == ["web"]
        again = await import_certificates(context, ADMINISTRATOR, ROWS, "old.csv")
        assert imported_document(again) | {"assigned": 0} == imported_document(imported) | {
            "new": 0,
            "assigned": 0,
        }
        after = await context.database.select(CertificateRow, '1 = 1 ORDER BY "subject"')
        assert [row._replace(version=0) for row in after] == [row._replace(version=0) for row in rows]

    run(database, body)


def test_a_table_is_no_place_to_be_judged_by(database: Database) -> None:
    async def body(context: Context) -> None:
        await import_certificates(context, ADMINISTRATOR, [ImportRow(1, TWO)], "old.csv")
        assert await context.database.select(FindingRow, "1 = 1") == []

    run(database, body)


def test_who_may_not(database: Database) -> None:
    async def body(context: Context) -> None:
        for role in (Role.AUDITOR, Role.REQUESTER, Role.RA_OFFICER):
            with pytest.raises(Forbidden):
                await import_certificates(context, Actor("user:x", (Grant(role),)), ROWS, "old.csv")
        with pytest.raises(Malformed, match="same number"):
            await import_certificates(context, ADMINISTRATOR, [ImportRow(1, ONE)] * 2, "old.csv")
        assert await context.database.select(CertificateRow, "1 = 1") == []

    run(database, body)
