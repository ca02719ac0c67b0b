"""An installation for tests is founded, copied and served, and its copies know nothing of each other."""

import json

import pytest

from certwright.operations.context import Context
from certwright.store.rows import EndpointRow
from tests.real.certwright import Home, Site


async def _endpoints(context: Context) -> list[str]:
    return sorted(row.name for row in await context.database.select(EndpointRow, "1 = 1"))


def test_it_is_served_at_its_own_address(certwright: Site) -> None:
    answer = certwright.get("https", "/acme/default/directory")
    assert answer.json()["newNonce"] == certwright.url("https", "/acme/default/new-nonce")
    assert certwright.get("http", "/readyz").status_code == 200


def test_operations_run_beside_it(certwright: Site) -> None:
    certwright.home.endpoint("other")
    assert certwright.home.run(_endpoints) == ["default", "other"]


def test_copies_are_apart(installation: Home, founded: Home) -> None:
    installation.endpoint("other")
    assert founded.run(_endpoints) == ["default"]
    assert installation.ports != founded.ports


def test_its_pointers_lead_to_its_own_port(installation: Home) -> None:
    async def base_url(context: Context) -> str:
        return context.snapshot.installation.base_url

    assert installation.run(base_url) == f"http://localhost:{installation.ports['http']}"


def test_settings_are_written_where_all_find_them(installation: Home) -> None:
    installation.configure({"validation": {"zone": "north", "resolvers": ["127.0.0.1:53"]}})
    assert installation.configuration.validation.zone == "north"
    assert installation.configuration.https is not None
    assert installation.configuration.https.port == installation.ports["https"]


@pytest.mark.parametrize("workers", [2])
def test_two_sites_of_one_installation(installation: Home, founded: Home, workers: int) -> None:
    with installation.served(workers=workers) as one, installation.served(ports=founded.ports) as two:
        for site in (one, two):
            assert json.loads(site.get("https", "/acme/default/directory").text)["meta"]["profiles"]
