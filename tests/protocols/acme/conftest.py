"""One served installation for each module of tests over HTTP."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocols.acme.raw_client import RawClient
from tests.protocols.acme.served import ZONE, Acme
from tests.real import certwright, dns_server
from tests.real.certwright import Home
from tests.real.dns_server import DnsServer


@pytest.fixture(scope="module")
def dns() -> Iterator[DnsServer]:
    with dns_server.running({"test": "", ZONE: ""}) as server:
        yield server


@pytest.fixture(scope="module")
def acme_home(founded: Home, dns: DnsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """With the DNS server as resolver; not served yet."""
    run = Path(os.environ["CERTWRIGHT_TEST_RUN"])
    with certwright.copy(founded, tmp_path_factory.mktemp("acme") / "home", run) as home:
        home.configure({"validation": {"resolvers": [dns.address]}})
        yield home


@pytest.fixture(scope="module")
def acme(acme_home: Home, dns: DnsServer) -> Iterator[Acme]:
    """Served by one process, so that two requests of a client meet in it."""
    port = acme_home.ports["https"]
    address = f"127.77.{port >> 8}.{port & 255}"
    dns.add(ZONE, "*", "A", address)
    with acme_home.served() as site:
        served = Acme(site, dns, address)
        yield served
        for client in served.clients:
            client.http.close()


@pytest.fixture
def client(acme: Acme) -> RawClient:
    """With a new account at the default endpoint."""
    return acme.registered()
