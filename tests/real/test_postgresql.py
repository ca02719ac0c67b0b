import subprocess
import sys

import psycopg
import pytest

from tests.real import postgresql as real_postgresql
from tests.real.postgresql import Postgresql


def test_each_database_is_its_own_and_goes_after_the_block(postgresql: Postgresql) -> None:
    with postgresql.database() as one, postgresql.database() as other:
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE kept (value int)")
        with psycopg.connect(other) as connection:
            found = connection.execute("SELECT to_regclass('kept')").fetchone()
            assert found == (None,)
        staying = psycopg.connect(one)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(one)
    staying.close()


def test_commits_are_durable_as_postgresql_ships(postgresql: Postgresql) -> None:
    with psycopg.connect(postgresql.url("postgres")) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_a_wrong_password_is_refused(postgresql: Postgresql) -> None:
    wrong = postgresql.url("postgres").replace(postgresql.password, "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_another_process_of_the_run_gets_the_same_cluster(postgresql: Postgresql) -> None:
    program = (
        "import os; from pathlib import Path; from tests.real.postgresql import shared\n"
        "print(shared(Path(os.environ['CERTWRIGHT_TEST_RUN'])).port)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) == postgresql.port


def test_what_was_committed_survives_a_crash() -> None:
    cluster = real_postgresql.start()
    try:
        with psycopg.connect(cluster.url("postgres")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        cluster.crash()
        with psycopg.connect(cluster.url("postgres")) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    finally:
        cluster.stop()
