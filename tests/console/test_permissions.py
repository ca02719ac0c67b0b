"""Every address of the console as everybody, by GET, against the table in docs/reference/permissions.md.

A new page needs a line in that table, and an entry in EXAMPLES where its address has parameters.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from certwright.core.access import GIVEN_ROLES, Grant
from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.list_events import EventFilter, list_events
from certwright.operations.manage_teams import create_team
from tests.api.callers import csr
from tests.api.test_permissions import table
from tests.conftest import RUN
from tests.console.logged_in import logged_in, make_people
from tests.console.urls import console_addresses
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home

TABLE = table("`/console/` |")
STRANGER, WITHOUT_ROLE = "stranger", "no role"

EXAMPLES = {
    "<str:reference>/<str:what>/": "{certificate}/revoke/",
    "<str:reference>/download/<str:kind>": "{certificate}/download/pem",
    "<str:reference>/": "{certificate}/",
    "certificates/export.<str:kind>": "certificates/export.csv",
    "sessions/<int:pk>/": "sessions/1/",
    "passkeys/<int:pk>/": "passkeys/1/",
    "people/of/<str:name>/": "people/of/example/",
    "teams/of/<str:name>/": "teams/of/example/",
    "authorities/<str:name>/<int:number>/<str:kind>": "authorities/issuing/1/pem",
    "authorities/<str:name>/": "authorities/issuing/",
    "endpoints/<str:protocol>/<str:name>/": "endpoints/acme/default/",
    "profiles/<str:name>/": "profiles/tls-server/",
    "audit/export.<str:kind>": "audit/export.csv",
    "audit/<int:identifier>/": "audit/{event}/",
}
"""What stands for the parameters of an address: the longest entry that is in it is put in."""


@dataclass(frozen=True, slots=True)
class World:
    """Browsers by role; `objects` fill the examples."""

    home: Home
    browsers: dict[str, httpx.Client]
    objects: dict[str, str]


@pytest.fixture(scope="module")
def world(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("walked") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home, ExitStack() as stack:
        objects = home.run(_fill)
        accounts = {f"one-{role}": [Grant(role)] for role in GIVEN_ROLES} | {"example": []}
        sessions = dict(zip([*GIVEN_ROLES, WITHOUT_ROLE], make_people(home, accounts).values(), strict=True))
        site = stack.enter_context(home.served())
        opened = {who: logged_in(site, key) for who, key in {**sessions, STRANGER: "none"}.items()}
        browsers = {str(who): stack.enter_context(browser) for who, browser in opened.items()}
        yield World(home, browsers, objects)


async def _fill(context: Context) -> dict[str, str]:
    await create_team(context, ADMINISTRATOR, "example", "", "")
    order = IssueOrder(ADMINISTRATOR, parse_csr(csr("host.example.test").encode()), "issuing", "tls-server")
    certificate = (await issue(context, order)).row.fingerprint.hex()
    [event] = await list_events(context.database, ADMINISTRATOR, EventFilter(), 1)
    return {"certificate": certificate, "event": str(event.id)}


def filled(address: str, objects: dict[str, str]) -> str:
    """The address with an example in place of its parameters."""
    for part in sorted(EXAMPLES, key=len, reverse=True):
        address = address.replace(part, EXAMPLES[part])
    assert "<" not in address, f"{address}: give an example of it in EXAMPLES"
    return address.format(**objects)


def reached(browser: httpx.Client, path: str) -> bool:
    """Do they get the page? What only takes what is sent to it (405), nobody gets."""
    answer = browser.get(path)
    assert answer.status_code < 500, (path, answer.text)
    to_log_in = answer.headers.get("location", "").startswith("/login/")
    return answer.status_code < 400 and not to_log_in


@pytest.mark.parametrize("address", TABLE)
def test_the_table_says_who_gets_which_page(world: World, address: str) -> None:
    path = filled(address, world.objects)
    assert {who for who, browser in world.browsers.items() if reached(browser, path)} == TABLE[address]


def test_every_address_has_a_line(world: World) -> None:
    addresses = console_addresses(world.home)
    missing = sorted(set(addresses) - set(TABLE))
    assert not missing, f"give these a line in docs/reference/permissions.md: {missing}"
    assert sorted(set(TABLE) - set(addresses)) == [], "these lines are of no address"
