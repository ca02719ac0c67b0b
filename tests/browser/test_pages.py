"""Every page of the console, light and dark, wide and narrow: nothing inaccessible, forbidden or broken."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from certwright.core.access import Grant, Role
from certwright.core.request import parse_csr
from certwright.core.responsibility import Assignment
from certwright.operations.assign_owner import assign_owner
from certwright.operations.attestation import CampaignOrder, open_campaign
from certwright.operations.context import Context
from certwright.operations.count_certificates import count_certificates
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.list_certificates import CertificateFilter, list_certificates
from certwright.operations.list_events import EventFilter, list_events
from certwright.operations.remind import fill_campaign
from tests.api.callers import csr
from tests.browser.looking import chromium, looking, views
from tests.conftest import RUN
from tests.console.logged_in import make_person
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home, Site

PAGES = {
    "overview": "/console/",
    "certificates": "/console/certificates/",
    "certificates-filtered": "/console/certificates/?q=host&status=live&authority=issuing",
    "certificates-none": "/console/certificates/?q=nothing",
    "certificate": "/console/certificates/{fingerprint}/",
    "revoke": "/console/certificates/{fingerprint}/revoke/",
    "renew": "/console/certificates/{fingerprint}/renew/",
    "notices": "/console/notices/",
    "campaign": "/console/attestation/{campaign}/?all=yes",
    "responsibility": "/console/responsibility/",
    "not-found": "/console/certificates/0000/",
}
CONFIGURATION = {
    "authorities": "/console/authorities/",
    "authority": "/console/authorities/issuing/",
    "found": "/console/authorities/new_authority/",
    "sign": "/console/authorities/issuing/sign/",
    "retire": "/console/authorities/issuing/retire/",
    "endpoints": "/console/endpoints/",
    "endpoint": "/console/endpoints/acme/bound/",
    "endpoint-edit": "/console/endpoints/acme/bound/edit/",
    "endpoint-key": "/console/endpoints/acme/bound/key/",
    "audit": "/console/audit/",
    "audit-none": "/console/audit/?actor=nobody",
    "audit-event": "/console/audit/{event}/",
    "profiles": "/console/profiles/",
    "profile": "/console/profiles/tls-server/",
    "profile-preview": "/console/profiles/tls-server/preview/",
    "profile-edit": "/console/profiles/tls-server/edit/",
    "settings": "/console/settings/",
}
ONE = CertificateFilter(name="host1.example.test")


@dataclass(frozen=True, slots=True)
class Looks:
    site: Site
    browser: Browser = field(repr=False)
    session: str
    objects: dict[str, str]


@pytest.fixture(scope="module")
def looks(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    folder = tmp_path_factory.mktemp("looks") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        objects = home.run(_fill)
        home.endpoint(
            "bound", {"require_account_binding": True}, {"names": {"allow": {"dns": [".example.test"]}}}
        )
        session = make_person(home, "alice", Grant(Role.ADMINISTRATOR), display_name="Alice Example")
        objects["campaign"] = str(home.run(_ask))
        with home.served() as site, chromium(site.ports["https"]) as browser:
            yield Looks(site, browser, session, objects)


async def _ask(context: Context) -> int:
    """A campaign about one of them, which is alice's, so that she has notices."""
    [row] = (await list_certificates(context.database, ADMINISTRATOR, ONE, context.clock())).rows
    await assign_owner(context, ADMINISTRATOR, [row.fingerprint.hex()], Assignment(owner="alice"))
    due = context.clock() + timedelta(days=30)
    order = CampaignOrder("Spring", "Are they?", ONE, due, 60)
    campaign = await open_campaign(context, ADMINISTRATOR, order)
    await fill_campaign(context, {"campaign": campaign.id})
    return campaign.id


async def _fill(context: Context) -> dict[str, str]:
    for number in range(60):
        names = [
            f"host{number}.example.test",
            *(f"alias{n}.host{number}.example.test" for n in range(number % 3)),
        ]
        request = parse_csr(csr(*names).encode())
        order = IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server")
        row = (await issue(context, order)).row
    await count_certificates(context)
    [founding] = await list_events(
        context.database, ADMINISTRATOR, EventFilter(kind="installation.founded"), 1
    )
    return {"fingerprint": row.fingerprint.hex(), "event": str(founding.id)}


@pytest.mark.parametrize(("name", "scheme", "width"), views(PAGES | CONFIGURATION))
def test_pages_are_sound(looks: Looks, name: str, scheme: str, width: int) -> None:
    with looking(looks.browser, looks.site, looks.session, scheme, width) as looked:
        looked.page.goto((PAGES | CONFIGURATION)[name].format(**looks.objects), wait_until="networkidle")
        looked.keep(f"{name}-{scheme}-{width}")
        complaints = [said for said in looked.complaints if "status of 404" not in said]
        assert complaints == []
        assert looked.violations() == []
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert looked.page.evaluate(overflow) <= 0


def test_numbers_are_drawn_beside_their_tables(looks: Looks) -> None:
    """The weeks in which certificates end as a heat map, in the language of the page."""
    with looking(looks.browser, looks.site, looks.session) as looked:
        looked.page.goto("/console/", wait_until="networkidle")
        looked.page.locator("[data-chart=calendar] canvas").first.wait_for()
        charts = looked.page.locator("[data-chart]").count()
        assert looked.page.locator("[data-chart]:has(canvas)").count() == charts > 1
        assert looked.complaints == []
        looked.keep("overview-drawn")


def test_keys_lead_to_pages_and_certificates(looks: Looks) -> None:
    with looking(looks.browser, looks.site, looks.session) as looked:
        page = looked.page
        page.goto("/console/", wait_until="networkidle")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip-link"
        page.keyboard.press("/")
        page.keyboard.type("host7.")
        page.locator("#palette li a", has_text="host7.example.test").wait_for()
        assert looked.violations() == []
        looked.keep("palette")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/certificates/*/")
        page.keyboard.press("Control+k")
        page.keyboard.type("overv")
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/")
        assert looked.complaints == []


@pytest.mark.parametrize("title", ["authorities", "endpoints", "profiles", "audit log", "settings"])
def test_the_palette_leads_to_every_page(looks: Looks, title: str) -> None:
    with looking(looks.browser, looks.site, looks.session) as looked:
        looked.page.goto("/console/", wait_until="networkidle")
        looked.page.keyboard.press("Control+k")
        looked.page.keyboard.type(title)
        looked.page.keyboard.press("Enter")
        looked.page.wait_for_url(f"**/console/{title.partition(' ')[0]}/")
        assert looked.complaints == []


def test_a_key_is_made_and_the_log_verified(looks: Looks) -> None:
    with looking(looks.browser, looks.site, looks.session) as looked:
        page = looked.page
        page.goto("/console/endpoints/acme/bound/key/")
        page.fill("#id_name", "shown-once")
        page.click("main button[type=submit]")
        page.locator("#mac_key").wait_for()
        page.locator("details", has_text="cert-manager").locator("summary").click()
        looked.keep("key")
        assert looked.violations() == []
        page.goto("/console/audit/")
        page.get_by_role("button", name="Verify now").click()
        page.get_by_role("heading", name="The log is whole").wait_for()
        assert looked.violations() == []
        assert looked.complaints == []


def test_filters_move_the_list_without_a_new_page(looks: Looks) -> None:
    with looking(looks.browser, looks.site, looks.session) as looked:
        page = looked.page
        page.goto("/console/certificates/", wait_until="networkidle")
        page.evaluate("window.same = true")
        page.fill("#id_q", "host11.")
        page.wait_for_url("**/console/certificates/?q=host11.*")
        assert page.locator("#rows tbody tr").count() == 1
        page.fill("#id_q", "")
        page.locator("a[rel=next]").wait_for()
        page.click("a[rel=next]")
        page.wait_for_url("**after=*")
        page.locator("[data-chooses-all]").check()
        assert int(page.inner_text("[data-chosen-count]")) == page.locator("#rows tbody tr").count()
        assert page.evaluate("window.same") is True
        assert looked.complaints == []


def test_the_theme_that_was_chosen_stays(looks: Looks) -> None:
    with looking(looks.browser, looks.site, looks.session) as looked:
        page = looked.page
        page.goto("/console/")
        page.click("header details summary")
        page.click("[data-theme-choice=dark]")
        page.goto("/console/certificates/")
        assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
        assert looked.complaints == []
