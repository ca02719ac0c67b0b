import os
import sqlite3

import psycopg
import pytest

from tests.real.databases import Database


def count(database: Database, table: str) -> int:
    query = f"SELECT count(*) FROM {table}"
    if database.kind == "sqlite":
        connection = sqlite3.connect(database.url.removeprefix("sqlite:///"))
        try:
            return int(connection.execute(query).fetchone()[0])
        finally:
            connection.close()
    with psycopg.connect(database.url) as other:
        row = other.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def test_the_database_is_of_the_kind_the_run_is_for(database: Database) -> None:
    assert database.kind == os.environ.get("CERTWRIGHT_TEST_DATABASE", "sqlite")
    assert database.url.startswith(f"{database.kind}://")


def test_our_tables_are_there_and_empty(database: Database) -> None:
    assert count(database, "certificate") == 0
    assert count(database, "django_migrations") > 0


def test_an_empty_database_has_no_tables(empty_database: Database) -> None:
    with pytest.raises((sqlite3.OperationalError, psycopg.errors.UndefinedTable)):
        count(empty_database, "certificate")


def test_such_tests_run_on_every_database(request: pytest.FixtureRequest, database: Database) -> None:
    assert request.node.get_closest_marker("database") is not None
