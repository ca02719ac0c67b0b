"""Requests decided by mouse in Debian's Chromium: how the pages look, and that words stay words."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from certwright.core.access import Role
from tests.browser.looking import LOOKS, Looked, chromium, looking
from tests.conftest import RUN
from tests.console.browsing import PASSWORD, browser, make_person
from tests.console.test_request_pages import HOSTILE, ask, prepare
from tests.real import certwright as real_certwright
from tests.real.certwright import Home, Site

PHONE = 390


@dataclass(frozen=True, slots=True)
class Desk:
    """An installation with three requests that wait, and a session of everybody who has to do with them."""

    site: Site
    browser: Browser = field(repr=False)
    sessions: dict[str, str] = field(repr=False)
    requests: list[str]


@pytest.fixture(scope="module")
def desk(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        prepare(home)
        make_person(home, "oscar", Role.RA_OFFICER)
        requests = [ask(home, f"{name}.pay.test", HOSTILE) for name in ("approved", "rejected", "looked-at")]
        with home.served() as site, chromium(site.ports["https"]) as opened:
            sessions = {name: session_of(site, name) for name in ("olga", "rita")}
            yield Desk(site, opened, sessions, requests)


def session_of(site: Site, name: str) -> str:
    """Logged in with a password a moment ago."""
    with browser(site) as someone:
        someone.log_in(name, PASSWORD)
        return str(someone.client.cookies["__Host-certwright"])


def sound(looked: Looked, name: str) -> None:
    looked.keep(name)
    assert looked.violations() == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert looked.page.evaluate(overflow) <= 0
    assert looked.complaints == []


def words_stay_words(page: Page) -> None:
    assert page.locator("main script").count() == 0
    assert page.get_by_text("<script>alert(1)</script>").count() >= 1


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_pages_are_sound(desk: Desk, scheme: str, width: int) -> None:
    shown = {
        "requests": "/console/requests/",
        "requests-all": "/console/requests/?show=all",
        "requests-none": "/console/requests/?show=mine&status=failed",
        "request": desk.requests[2],
        "deputies": "/console/requests/delegations/",
    }
    with looking(desk.browser, desk.site, desk.sessions["olga"], scheme, width) as looked:
        for name, path in shown.items():
            looked.page.goto(path, wait_until="networkidle")
            sound(looked, f"{name}-{scheme}-{width}")
    with looking(desk.browser, desk.site, desk.sessions["rita"], scheme, width) as looked:
        looked.page.goto(desk.requests[2], wait_until="networkidle")
        words_stay_words(looked.page)
        sound(looked, f"request-own-{scheme}-{width}")


def test_approved_by_mouse(desk: Desk) -> None:
    with looking(desk.browser, desk.site, desk.sessions["olga"]) as looked:
        page = looked.page
        page.goto("/console/requests/")
        page.get_by_role("link", name="approved.pay.test").click()
        words_stay_words(page)
        page.get_by_label("Comment").fill(f"{HOSTILE}\nas agreed")
        page.get_by_role("button", name="Approve").click()
        page.get_by_text("Your approval is on record.").wait_for()
        assert page.locator("h1 + .status").inner_text() == "issued"
        words_stay_words(page)
        sound(looked, "request-issued-light-1280")
        page.get_by_role("link", name="The certificate").click()
        page.wait_for_url("**/console/certificates/*/")


def test_rejected_by_finger_with_a_reason(desk: Desk) -> None:
    with looking(desk.browser, desk.site, desk.sessions["olga"], "dark", PHONE) as looked:
        page = looked.page
        page.goto(desk.requests[1])
        page.get_by_text("Reject…").click()
        page.get_by_label("Reason").fill(HOSTILE)
        page.get_by_role("button", name="Reject").click()
        page.get_by_text("The request is rejected.").wait_for()
        words_stay_words(page)
        sound(looked, f"request-rejected-dark-{PHONE}")


def test_handed_on_and_taken_back_by_mouse(desk: Desk) -> None:
    with looking(desk.browser, desk.site, desk.sessions["olga"]) as looked:
        page = looked.page
        page.goto("/console/requests/")
        page.get_by_role("link", name="Deputies").click()
        page.get_by_label("Who decides in your place").fill("oscar")
        until = page.evaluate("new Date(Date.now() + 3 * 86400000).toISOString().slice(0, 10)")
        page.get_by_label("Until").fill(until)
        page.get_by_role("button", name="Hand it on").click()
        page.get_by_text("The right is handed on.").wait_for()
        sound(looked, "deputies-some-light-1280")
        page.get_by_role("button", name="Take back").click()
        page.get_by_text("Nobody has handed their right on.").wait_for()
        assert looked.complaints == []
