"""Pages on discovery and findings: nothing inaccessible, forbidden or broken, and a run that is watched."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from certwright.core.access import Grant, Role
from certwright.core.custom_fields import CustomField, FieldKind
from certwright.core.responsibility import Assignment
from certwright.core.standing import Standing
from certwright.operations.assign_owner import assign_selected
from certwright.operations.context import Context
from certwright.operations.count_certificates import count_certificates
from certwright.operations.count_networks import count_networks
from certwright.operations.count_readiness import count_readiness
from certwright.operations.count_scores import count_scores
from certwright.operations.custom_fields import define_field
from certwright.operations.discovery_runs import DiscoveryOrder
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.findings import FindingFilter, list_findings
from certwright.operations.list_certificates import CertificateFilter
from certwright.operations.manage_teams import create_team
from certwright.operations.note_findings import check_health
from certwright.operations.run_discovery import next_run, run_discovery
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.store.discovery_rows import HealthScoreRow
from certwright.store.ledger import Change
from tests.browser.looking import chromium, looking, views
from tests.conftest import RUN
from tests.console.logged_in import make_person
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home, Site
from tests.real.toy_chains import BEGIN, ToyAuthority

LIST = "/console/discovery/"
PAGES = {
    "discovery": LIST,
    "discovery-look": f"{LIST}look/network/",
    "discovery-scope-new": f"{LIST}scopes/new/files/",
    "discovery-scope-directory": f"{LIST}scopes/new/ldap/",
    "discovery-scope": f"{LIST}scopes/of/dmz/",
    "discovery-scope-remove": f"{LIST}scopes/of/dmz/remove/",
    "discovery-run": LIST + "runs/{run}/",
    "discovery-difference": LIST + "runs/{run}/difference/",
    "findings": "/console/findings/",
    "readiness": "/console/findings/readiness/",
    "scores": "/console/findings/scores/",
    "networks": f"{LIST}networks/",
    "finding": "/console/findings/{finding}/",
    "certificate-found": "/console/certificates/{certificate}/",
    "certificate-keep": "/console/certificates/{certificate}/assign/",
    "own-fields": "/console/fields/",
    "own-field-new": "/console/fields/new/",
    "own-field": "/console/fields/of/tier/",
    "overview-findings": "/console/",
}


@dataclass(frozen=True, slots=True)
class Looks:
    home: Home
    site: Site
    browser: Browser = field(repr=False)
    session: str
    objects: dict[str, str]


@pytest.fixture(scope="module")
def looks(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    folder = tmp_path_factory.mktemp("looked-for") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        objects = home.run(_fill)
        session = make_person(home, "alice", Grant(Role.ADMINISTRATOR))
        with home.served() as site, chromium(site.ports["https"]) as browser:
            yield Looks(home, site, browser, session, objects)


async def _fill(context: Context) -> dict[str, str]:
    """A run of which much was seen, and which waits for a worker of a zone that there is not."""
    look = DiscoveryOrder("network", ("192.0.2.0/24", "198.51.100.0/24"), ("192.0.2.1",), zone="paris")
    order = ScopeOrder("dmz", look, 1440, ("mon-fri 08:00-18:00",))
    scope = await save_scope(context, ADMINISTRATOR, order)
    asked = await run_scope(context, ADMINISTRATOR, "dmz")
    authority = ToyAuthority("Corporate Issuing Authority with quite a long name")
    seen = []
    for number in range(60):
        name = f"server{number}.with-a-long-name.in-the.corporate.example.test"
        leaf = authority.sign(name, None, name, days=20 + 3 * number)
        host = f"{('192.0.2', '198.51.100')[number % 2]}.{number + 1}"
        seen.append(Sighting(Place("tls", host, 443, name), BEGIN, (leaf, authority.certificate)))
    await take_sightings(context, Look(asked.id, scope.id, "paris"), seen)
    await check_health(context)
    await create_team(context, ADMINISTRATOR, "payments")
    tier = CustomField("tier", "Tier", FieldKind.CHOICE, ("gold", "silver"), "How dear it is to us")
    wiki = CustomField("wiki", "Where the system is described", FieldKind.URL)
    retired = CustomField("old", "A field that nobody needs any more", FieldKind.TEXT, retired=True)
    for one in (tier, wiki, retired):
        await define_field(context, ADMINISTRATOR, one)
    said = {"tier": "gold", "wiki": f"https://wiki.example.test/{'systems/' * 12}payments"}
    adopted = Assignment(team="payments", standing=Standing.ADOPTED, fields=said)
    await assign_selected(context, ADMINISTRATOR, CertificateFilter(name=".corporate.example.test"), adopted)
    await count_scores(context)
    rows = await context.database.select(HealthScoreRow, "1 = 1")
    before = [
        row._replace(id=context.ledger.new_id(), day=row.day - timedelta(days=9), sound=3) for row in rows
    ]
    await context.ledger.commit(Change(inserted=[*before]))
    await count_certificates(context)
    await count_readiness(context)
    assert await count_networks(context) == 2
    [finding] = await list_findings(context, ADMINISTRATOR, FindingFilter(), limit=1)
    sql = 'SELECT "fingerprint" FROM "certificate" WHERE "id" = ?'
    [[fingerprint]] = await context.database.query(sql, finding.certificate_id)
    made = {"run": asked.id, "finding": finding.id, "certificate": bytes(fingerprint).hex()}
    return {name: str(value) for name, value in made.items()}


@pytest.mark.parametrize(("name", "scheme", "width"), views(PAGES))
def test_pages_are_sound(looks: Looks, name: str, scheme: str, width: int) -> None:
    with looking(looks.browser, looks.site, looks.session, scheme, width) as looked:
        looked.page.goto(PAGES[name].format(**looks.objects), wait_until="load")
        looked.keep(f"{name}-{scheme}-{width}")
        assert looked.complaints == []
        assert looked.violations() == []
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert looked.page.evaluate(overflow) <= 0


def test_a_run_is_watched_until_its_end(looks: Looks) -> None:
    """The page that waits shows what was seen, without anybody loading it anew."""

    async def work(context: Context) -> None:
        row = await next_run(context, "")
        assert row is not None
        await run_discovery(context, row)

    with looking(looks.browser, looks.site, looks.session) as looked, ThreadPoolExecutor(1) as thread:
        page, target = looked.page, f"127.0.0.1:{looks.site.ports['https']}"
        page.goto(f"{LIST}look/network/")
        page.get_by_label("What to look at").fill(target)
        page.get_by_role("button", name="Look", exact=True).click()
        page.locator("#progress").wait_for()
        thread.submit(looks.home.run, work).result()
        page.get_by_role("cell", name=target).wait_for()
        assert page.locator("#progress").count() == 0
        assert looked.complaints == []
