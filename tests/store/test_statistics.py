"""PostgreSQL plans by statistics: of a table that was just filled it gets them before it is asked much."""

import asyncio
from datetime import UTC, datetime

import pytest

from certwright.store.among import among
from certwright.store.databases import open_database, select_sql
from certwright.store.discovery_rows import FindingRow
from tests.conftest import KIND
from tests.real.databases import Database

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(KIND != "postgresql", reason="SQLite takes the index that a question names"),
]
AT = datetime(2026, 12, 1, tzinfo=UTC)


def test_tables_that_were_just_filled_are_read_by_their_index(database: Database) -> None:
    condition, values = among("certificate_id", list(range(1, 3_000, 12)))
    condition += ' AND "closed_at" IS NULL'
    told = ", ".join(map(str, values))
    question = select_sql(FindingRow, condition.replace(", ".join("?" * len(values)), told))

    async def main() -> tuple[str, str]:
        opened = await open_database(database.url)
        async with opened.transaction(0) as transaction:
            await transaction.execute("SET LOCAL session_replication_role = replica")
            await transaction.insert(FindingRow, [_finding(number) for number in range(1, 60_000)])
            await transaction.execute("SELECT pg_stat_force_next_flush()")
        plans = []
        for _ in range(2):
            rows = await opened.query(f"EXPLAIN {question}")
            plans.append("\n".join(row[0] for row in rows))
            await opened.gather_statistics(FindingRow)
        await opened.close()
        return plans[0], plans[1]

    before, after = asyncio.run(main())
    assert "Index Cond: (certificate_id" not in before
    assert "Index Cond: (certificate_id" in after


def test_tables_without_changes_are_left_alone(database: Database) -> None:
    async def main() -> int:
        opened = await open_database(database.url)
        await opened.gather_statistics(FindingRow)
        rows = await opened.query(
            'SELECT "analyze_count" FROM "pg_stat_user_tables" WHERE "relname" = ?', "finding"
        )
        await opened.close()
        return int(rows[0][0])

    assert asyncio.run(main()) == 0


def _finding(number: int) -> FindingRow:
    return FindingRow(
        id=number,
        code="owner.missing",
        severity="warning",
        certificate_id=number,
        sighting_id=0,
        detail="",
        team="",
        opened_at=AT,
        closed_at=None,
        acknowledged_by="",
        accepted_until=None,
        reason="",
        version=1,
    )
