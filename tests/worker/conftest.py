"""Homes for workers: one installation is founded for all tests, each gets a copy."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from certwright.site.configuration import Configuration
from tests.conftest import KIND, RUN
from tests.real import databases, postgresql
from tests.worker.running import Home, found


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("founded")
    with databases.with_tables(KIND, Path(os.environ[RUN]), folder) as database:
        yield found(folder, database.url)


@pytest.fixture
def home(founded: Home, tmp_path: Path) -> Iterator[Home]:
    """A home and a database of its own, of the kind this run is for."""
    shutil.copytree(founded.path, tmp_path / "home")
    original = founded.configuration.database_url
    if KIND == "sqlite":
        copy = tmp_path / "certwright.sqlite3"
        shutil.copyfile(original.removeprefix("sqlite:///"), copy)
        yield Home(Configuration.load(tmp_path / "home", {"database": f"sqlite:///{copy}"}))
        return
    cluster = postgresql.shared(Path(os.environ[RUN]))
    with cluster.database(original.rpartition("/")[2]) as url:
        yield Home(Configuration.load(tmp_path / "home", {"database": url}))
