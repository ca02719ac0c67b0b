"""One served installation for each module of tests, with tokens of every kind."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.api.callers import Api, prepare
from tests.conftest import RUN
from tests.real import certwright as real_certwright
from tests.real.certwright import Home, Site


@dataclass(frozen=True, slots=True)
class Prepared:
    home: Home
    tokens: dict[str, str] = field(repr=False)


@pytest.fixture(scope="module")
def prepared(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """An installation of the module's own, not served, with more authorities and tokens."""
    folder = tmp_path_factory.mktemp("prepared") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        yield Prepared(home, prepare(home))


@pytest.fixture(scope="module")
def served(prepared: Prepared) -> Iterator[Site]:
    with prepared.home.served() as site:
        yield site


@pytest.fixture(scope="module")
def api(prepared: Prepared, served: Site) -> Iterator[Api]:
    with _client(served) as client:
        yield Api(client, prepared.tokens)


@pytest.fixture(scope="module")
def declared(prepared: Prepared, served: Site) -> Iterator[Api]:
    """The same installation, every route answered by Django as it is declared to OpenAPI."""
    ports = real_certwright.claim_ports(Path(os.environ[RUN]))
    with prepared.home.served(lanes=("console",), ports=ports) as site, _client(site) as client:
        yield Api(client, prepared.tokens)


def _client(site: Site) -> httpx.Client:
    client = site.client()
    client.base_url = site.url("https", "")
    return client
