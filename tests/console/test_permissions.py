"""Every address of the console as everybody, by GET, against the table in docs/reference/permissions.md.

A new page needs a line in that table, and an entry in EXAMPLES where its address has parameters.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from certwright.core.access import GIVEN_ROLES, Actor, Grant
from certwright.core.custom_fields import CustomField, FieldKind
from certwright.core.errors import SecondPersonNeeded
from certwright.core.request import parse_csr
from certwright.core.rules import RuleSet
from certwright.core.rules_toml import rules_from_toml
from certwright.core.second_person import Kind, Rule
from certwright.core.vetting import CheckKind
from certwright.operations.attestation import CampaignOrder, open_campaign
from certwright.operations.context import Context
from certwright.operations.custom_fields import define_field
from certwright.operations.discovery_runs import DiscoveryOrder
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.evidence import upload_evidence
from certwright.operations.findings import FindingFilter, list_findings
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.list_certificates import CertificateFilter
from certwright.operations.list_events import EventFilter, list_events
from certwright.operations.mailboxes import ask_for_code
from certwright.operations.manage_teams import create_team
from certwright.operations.note_findings import check_health
from certwright.operations.organizations import save_organization
from certwright.operations.policy_replays import start_replay
from certwright.operations.record_check import CheckOrder, record_check
from certwright.operations.request_certificate import request_certificate
from certwright.operations.save_policy import save_policy
from certwright.operations.save_second_person import save_second_person
from certwright.operations.take_sightings import Look, take_sightings
from certwright.operations.vetting_settings import VettingSettings
from certwright.ports import Place, Sighting
from certwright.store.approvals import Request
from certwright.store.people_rows import ProposalRow
from tests.api.callers import csr
from tests.api.test_permissions import table
from tests.conftest import RUN
from tests.console.logged_in import logged_in, make_people
from tests.console.urls import addresses, console_addresses
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home
from tests.real.toy_chains import BEGIN, ToyAuthority

TABLE = table("`/console/` |")
STRANGER, WITHOUT_ROLE = "stranger", "no role"

EXAMPLES = {
    "<str:reference>/assign/": "{certificate}/assign/",
    "<str:reference>/adopt/": "{found}/adopt/",
    "<str:reference>/ignore/": "{found}/ignore/",
    "<str:reference>/<str:what>/": "{certificate}/revoke/",
    "<str:reference>/download/<str:kind>": "{certificate}/download/pem",
    "<str:reference>/": "{certificate}/",
    "certificates/export.<str:kind>": "certificates/export.csv",
    "sessions/<int:pk>/": "sessions/1/",
    "passkeys/<int:pk>/": "passkeys/1/",
    "people/of/<str:name>/": "people/of/example/",
    "teams/of/<str:name>/": "teams/of/example/",
    "fields/of/<str:name>/": "fields/of/cost/",
    "authorities/<str:name>/<int:number>/<str:kind>": "authorities/issuing/1/pem",
    "authorities/<str:name>/": "authorities/issuing/",
    "endpoints/<str:protocol>/<str:name>/": "endpoints/acme/default/",
    "profiles/<str:name>/": "profiles/tls-server/",
    "audit/export.<str:kind>": "audit/export.csv",
    "audit/<int:identifier>/": "audit/{event}/",
    "ask/for/<str:profile>/": "ask/for/tls-server/",
    "ask/request/<int:identifier>/": "ask/request/{request}/",
    "requests/<str:identifier>/": "requests/{request}/",
    "attestation/<int:identifier>/": "attestation/{campaign}/",
    "policy/versions/<int:number>/": "policy/versions/1/",
    "policy/drafts/<str:identifier>/": "policy/drafts/{draft}/",
    "proposals/<str:number>/": "proposals/{proposal}/",
    "organizations/requests/<int:identifier>/": "organizations/requests/{request}/",
    "organizations/of/<int:identifier>/": "organizations/of/{organization}/",
    "check/<slug:kind>/": "check/address/",
    "revoke/<int:check>/": "revoke/{check}/",
    "documents/<int:evidence>/": "documents/{evidence}/",
    "mail-addresses/<int:identifier>/": "mail-addresses/{mailbox}/",
    "discovery/look/<slug:source>/": "discovery/look/network/",
    "discovery/scopes/new/<slug:source>/": "discovery/scopes/new/network/",
    "discovery/scopes/of/<str:name>/": "discovery/scopes/of/example/",
    "discovery/runs/<int:identifier>/": "discovery/runs/{run}/",
    "findings/<int:identifier>/": "findings/{finding}/",
}
"""What stands for the parameters of an address: the longest entry that is in it is put in."""
RULES = """
[[rule]]
name = "pay"
when.names.dns = [".pay.test"]
approval = [{ step = "pki", from = ["role:ra-officer"] }]
"""


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
    await define_field(context, ADMINISTRATOR, CustomField("cost", "Cost", FieldKind.NUMBER))
    order = IssueOrder(ADMINISTRATOR, parse_csr(csr("host.example.test").encode()), "issuing", "tls-server")
    certificate = (await issue(context, order)).row.fingerprint.hex()
    [event] = await list_events(context.database, ADMINISTRATOR, EventFilter(), 1)
    made = {"certificate": certificate, "event": str(event.id)}
    return made | await _fill_policy(context) | await _fill_organization(context) | await _fill_rest(context)


async def _fill_policy(context: Context) -> dict[str, str]:
    """Rules, a draft of others, and a request that the rules hold."""
    rules = rules_from_toml(RULES)
    await save_policy(context, ADMINISTRATOR, rules, "")
    draft = await start_replay(context, ADMINISTRATOR, RuleSet())
    order = IssueOrder(ADMINISTRATOR, parse_csr(csr("host.pay.test").encode()), "issuing", "tls-server")
    waiting = await request_certificate(context, order)
    assert isinstance(waiting, Request)
    return {"draft": str(draft.id), "request": str(waiting.row.id)}


async def _fill_organization(context: Context) -> dict[str, str]:
    organization = await save_organization(
        context, ADMINISTRATOR, {"legal_name": "Example", "country": "DE"}, ""
    )
    document = await upload_evidence(context, ADMINISTRATOR, organization.id, "a.txt", b"plain text")
    order = CheckOrder(CheckKind.SIGNATORY, "seen", (document.id,))
    check = await record_check(context, ADMINISTRATOR, organization.id, order)
    return {"organization": str(organization.id), "evidence": str(document.id), "check": str(check.id)}


async def _fill_rest(context: Context) -> dict[str, str]:
    """A campaign about nothing of anybody's, an act that waits for a second person, and a mail address that
    who has no role wants to prove."""
    due = context.clock() + timedelta(days=30)
    chosen = CertificateFilter(name="host.example.test")
    campaign = await open_campaign(context, ADMINISTRATOR, CampaignOrder("Spring", "Still?", chosen, due))
    await save_second_person(context, ADMINISTRATOR, Rule(frozenset({Kind.CHANGE_POLICY})))
    with pytest.raises(SecondPersonNeeded):
        await save_policy(context, ADMINISTRATOR, RuleSet(), "", anyway=True)
    [proposal] = await context.database.select(ProposalRow, "1 = 1")
    made = await _fill_discovery(context)
    context.vetting = VettingSettings(mails=True)
    proof = await ask_for_code(context, Actor("user:example", user="example"), "example@example.test")
    return made | {"campaign": str(campaign.id), "proposal": str(proposal.id), "mailbox": str(proof.id)}


async def _fill_discovery(context: Context) -> dict[str, str]:
    """A scope, a run of it, and what is wrong with what was seen."""
    look = DiscoveryOrder("network", ("127.0.0.1:9",))
    await save_scope(context, ADMINISTRATOR, ScopeOrder("example", look))
    asked = await run_scope(context, ADMINISTRATOR, "example")
    leaf = ToyAuthority("Elsewhere").sign("x", None, "x.example.test")
    await take_sightings(context, Look(asked.id), [Sighting(Place("tls", "192.0.2.1", 443), BEGIN, (leaf,))])
    await check_health(context)
    [finding] = await list_findings(context, ADMINISTRATOR, FindingFilter(code="certificate.untrusted"))
    found = hashlib.sha256(leaf).hexdigest()
    return {"run": str(asked.id), "finding": str(finding.id), "found": found}


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


def test_no_route_of_rest_has_the_name_of_a_page(world: World) -> None:
    """Names are one space: a page that leads on by name would lead to the route."""
    found = [(place, name) for place, name in addresses(world.home) if name]
    routes = {name for place, name in found if place.startswith("/api/v1/")}
    pages = {name for place, name in found if not place.startswith("/api/")}
    assert "start" in pages
    assert routes
    assert routes & pages == set()
