"""Validation from several places: network namespaces whose web servers do not agree, and a quorum."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from certwright.operations.context import Context
from certwright.store.enrolment import load_authorization
from tests.protocols.acme.raw_client import RawClient, thumbprint
from tests.protocols.acme.responders import web_server
from tests.real import certwright, postgresql, processes
from tests.real.certwright import Home, Site
from tests.real.challenge_ports import HTTP_PORT, challenge_ports
from tests.real.namespaces import Unobtainable, inside, namespace

ZONES = ("north", "south")
NAME = "demo.localhost"
WRONG = "another account's"


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, str]]:
    """A namespace for each zone."""
    with ExitStack() as stack:
        try:
            yield {zone: stack.enter_context(namespace()) for zone in ZONES}
        except Unobtainable as error:
            pytest.skip(str(error))


@contextmanager
def serving(home: Home, quorum: int) -> Iterator[Site]:
    home.configure({"validation": {"zone": "middle", "other_zones": list(ZONES), "quorum": quorum}})
    with challenge_ports(), home.served() as site:
        yield site


@contextmanager
def looking(home: Home, zone: str, place: str, proof: str) -> Iterator[processes.Server]:
    """A worker in its namespace, where the web server proves `proof`'s account."""
    environment = {
        "CERTWRIGHT_HOME": str(home.folder),
        "CERTWRIGHT_DATABASE": database_from_anywhere(home),
        "CERTWRIGHT_VALIDATION__ZONE": zone,
        "CERTWRIGHT_VALIDATION__PRIMARY_ZONE": "middle",
    }
    answering = [sys.executable, "-m", "tests.protocols.acme.responders", "127.0.0.1", str(HTTP_PORT), proof]
    checking = [sys.executable, "-m", "certwright.site.work"]
    log = home.folder / f"log-{zone}"
    at = certwright.CHECKOUT
    with (
        processes.start(inside(place, answering), log=log, ready="answering", folder=at),
        processes.start(
            inside(place, checking), log=log, ready="working", folder=at, environment=environment
        ) as one,
    ):
        yield one


def database_from_anywhere(home: Home) -> str:
    """A file, or a socket in a folder: both are the same in every namespace."""
    if home.database_url.startswith("sqlite"):
        return home.database_url
    cluster = postgresql.shared(Path(os.environ["CERTWRIGHT_TEST_RUN"]))
    name = home.database_url.rpartition("/")[2]
    return f"postgresql://{cluster.user}:{cluster.password}@/{name}?host={cluster.folder}&port={cluster.port}"


def evidence(home: Home, authorization: str) -> str:
    async def read(context: Context) -> str:
        found = await load_authorization(context.database, int(authorization.rpartition("/")[2]))
        return found.row.evidence

    return home.run(read)


@pytest.mark.parametrize(
    ("quorum", "status"),
    [
        pytest.param(0, "valid", marks=pytest.mark.full),
        pytest.param(1, "valid", marks=pytest.mark.full),
        (2, "invalid"),
    ],
)
def test_two_places_that_disagree(
    installation: Home, places: dict[str, str], quorum: int, status: str
) -> None:
    with serving(installation, quorum) as site, web_server("127.0.0.1") as web:
        client = RawClient(site.directory, site.trust())
        client.register()
        web.thumbprint = thumbprint(client.key)
        with (
            looking(installation, "north", places["north"], web.thumbprint),
            looking(installation, "south", places["south"], WRONG),
        ):
            authorization = client.order(NAME).json["authorizations"][0]
            client.post(client.challenge(authorization, "http-01")["url"], {})
            found = client.poll(authorization, "pending")
    assert found["status"] == status
    if status == "invalid":
        error = found["challenges"][0]["error"]
        assert error["type"].endswith(":incorrectResponse")
        assert "seen from south" in error["detail"]
    assert '"middle"' in evidence(installation, authorization)


@pytest.mark.full
def test_the_others_are_waited_for(installation: Home, places: dict[str, str]) -> None:
    with serving(installation, 1) as site, web_server("127.0.0.1") as web:
        client = RawClient(site.directory, site.trust())
        client.register()
        web.thumbprint = thumbprint(client.key)
        authorization = client.order(NAME).json["authorizations"][0]
        challenge = client.challenge(authorization, "http-01")["url"]
        client.post(challenge, {})
        with looking(installation, "south", places["south"], WRONG):
            pass
        assert client.post(challenge).json["status"] == "processing"
        with looking(installation, "north", places["north"], web.thumbprint):
            assert client.poll(authorization, "pending")["status"] == "valid"


@pytest.mark.full
def test_the_own_place_must_agree(installation: Home, places: dict[str, str]) -> None:
    with serving(installation, 1) as site, web_server("127.0.0.1") as web:
        client = RawClient(site.directory, site.trust())
        client.register()
        web.thumbprint = WRONG
        proof = thumbprint(client.key)
        with (
            looking(installation, "north", places["north"], proof),
            looking(installation, "south", places["south"], proof),
        ):
            authorization = client.order(NAME).json["authorizations"][0]
            client.post(client.challenge(authorization, "http-01")["url"], {})
            found = client.poll(authorization, "pending")
    assert found["status"] == "invalid"
    assert "seen from" not in found["challenges"][0]["error"]["detail"]
