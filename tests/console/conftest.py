"""One served installation for each module of tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RUN
from tests.console.browsing import PROXIED, Browser, browser
from tests.real import certwright as real_certwright
from tests.real.certwright import Home, Site


@pytest.fixture(scope="module")
def home(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("console") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as copied:
        copied.configure(PROXIED)
        yield copied


@pytest.fixture(scope="module")
def served(home: Home) -> Iterator[Site]:
    with home.served() as site:
        yield site


@pytest.fixture
def someone(served: Site) -> Iterator[Browser]:
    with browser(served) as made:
        yield made


@pytest.fixture
def another(served: Site) -> Iterator[Browser]:
    with browser(served) as made:
        yield made
