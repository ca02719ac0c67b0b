"""The plain rows are the tables: same names, same columns, same types."""

import asyncio
import inspect
from datetime import datetime
from typing import get_type_hints

import pytest
from django.apps import apps
from django.db import models

from certwright.store import discovery_rows, people_rows, rows, vetting_rows
from certwright.store.databases import open_database
from certwright.store.fields import IdentifierField
from certwright.store.rows import Row, columns_of, table_of
from tests.real.orm import set_up

ROW_TYPES = [
    member
    for room in (rows, people_rows, vetting_rows, discovery_rows)
    for name, member in inspect.getmembers(room, inspect.isclass)
    if name.endswith("Row") and name != "Row"
]
PYTHON_TYPES = {
    IdentifierField: int,
    models.BigIntegerField: int,
    models.BigAutoField: int,
    models.ForeignKey: int,
    models.OneToOneField: int,
    models.TextField: str,
    models.CharField: str,
    models.BinaryField: bytes,
    models.BooleanField: bool,
    models.DateTimeField: datetime,
}


@pytest.fixture(autouse=True)
def tables() -> None:
    """Django with our tables, unless another test of this process has set it up already."""
    set_up()


def _model(row_type: type[Row]) -> type[models.Model]:
    found = [model for model in apps.get_models() if model._meta.db_table == table_of(row_type)]
    assert found, f"{row_type.__name__} is a row of no table"
    return found[0]


@pytest.mark.parametrize("row_type", ROW_TYPES, ids=lambda row_type: row_type.__name__)
def test_row_is_its_table(row_type: type[Row]) -> None:
    fields = {
        field.column: field
        for field in _model(row_type)._meta.local_fields
        if not isinstance(field, models.CompositePrimaryKey)
    }
    assert set(columns_of(row_type)) == set(fields)
    for column, hint in get_type_hints(row_type).items():
        field = fields[column]
        expected = PYTHON_TYPES[type(field)]
        assert hint == (expected | None if field.null else expected), column


def test_an_identifier_is_the_row_number_of_an_sqlite_table(database) -> None:
    if database.kind != "sqlite":
        pytest.skip("PostgreSQL has no row numbers")

    async def body() -> None:
        opened = await open_database(database.url)
        plans = await opened.query(
            'EXPLAIN QUERY PLAN SELECT 1 FROM "certificate_body" WHERE "certificate_id" = 1'
        )
        plans += await opened.query('EXPLAIN QUERY PLAN SELECT "kind" FROM "audit_event" WHERE "id" = 1')
        assert all("INTEGER PRIMARY KEY" in plan[-1] for plan in plans), plans
        await opened.close()

    asyncio.run(body())
