"""Databases of either kind for a test: empty, or with our tables in them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real import postgresql, signed
from tests.real.locks import lock

SECONDS = 120
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Database:
    """`kind` is sqlite or postgresql; `url` is sqlite:///absolute/path or postgresql://..."""

    kind: str
    url: str


@contextmanager
def empty(kind: str, run: Path, folder: Path) -> Iterator[Database]:
    """A database without tables, gone after the block. `run` is the test run's shared folder."""
    if kind == "sqlite":
        yield Database(kind, f"sqlite:///{folder / 'certwright.sqlite3'}")
        return
    with postgresql.shared(run).database() as url:
        yield Database(kind, url)


@contextmanager
def with_tables(kind: str, run: Path, folder: Path) -> Iterator[Database]:
    """A database with our tables, empty of rows: a copy of one that each test run makes once. What was signed
    in it is kept for the judges."""
    if kind == "sqlite":
        original = run / "tables.sqlite3"
        with _made_once(run) as first:
            if first:
                _migrate(f"sqlite:///{original}")
        copy = folder / "certwright.sqlite3"
        shutil.copyfile(original, copy)
        yield Database(kind, f"sqlite:///{copy}")
        signed.keep(f"sqlite:///{copy}")
        return
    cluster = postgresql.shared(run)
    with _made_once(run) as first:
        if first:
            cluster.create("tables")
            _migrate(cluster.url("tables"))
    with cluster.database("tables") as url:
        yield Database(kind, url)
        signed.keep(url)


@contextmanager
def _made_once(run: Path) -> Iterator[bool]:
    """True for the first worker that comes, who then makes the tables; the others wait and get False."""
    made = run / "tables.made"
    with lock(run / "tables.lock", SECONDS * 2):
        yield not made.exists()
        made.touch()


def _migrate(url: str) -> None:
    """Make the tables with Django's own migrate, in a process of its own: it needs no site to be set up."""
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.real.tables", "CERTWRIGHT_TEST_TABLES": url},
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=SECONDS,
    )
