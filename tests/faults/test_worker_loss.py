"""A serving process says that no worker lives, while it goes on to answer."""

from datetime import timedelta
from typing import Any

from certwright.operations.context import Context
from certwright.operations.lease import read_leases
from certwright.store.ledger import Change
from tests.real.certwright import Home, Site
from tests.site.running import until


def warnings(site: Site) -> dict[str, str]:
    ready = site.get("http", "/readyz")
    document: dict[str, Any] = ready.json()
    assert (ready.status_code, document["status"]) == (200, "ready")
    found: dict[str, str] = document["warnings"]
    return found


def test_no_worker_is_a_warning(installation: Home, founded: Home) -> None:
    with installation.served(lanes=("fast",)) as site:
        assert "no worker has been seen; start one" in warnings(site)["worker"]
        with installation.served(lanes=("worker",), ports=founded.ports):
            until(lambda: not warnings(site))
        installation.run(long_ago)
        until(lambda: "the worker has not been seen for" in warnings(site).get("worker", ""))


async def long_ago(context: Context) -> None:
    """As if its last sign of life had been two minutes before."""
    leases = (await read_leases(context.database)).values()
    aged = [(row, row._replace(expires_at=row.expires_at - timedelta(minutes=2))) for row in leases]
    await context.ledger.commit(Change(replaced=list(aged)))
