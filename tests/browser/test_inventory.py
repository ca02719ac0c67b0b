"""What was found, in a browser: a query typed into the box, a mistake told beside it, and one adopted."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from certwright.core.access import Grant, Role
from tests.browser.looking import DARK, LIGHT, chromium, looking
from tests.conftest import RUN
from tests.console.logged_in import make_person
from tests.console.test_certificate_pages import issue_one
from tests.console.test_inventory_pages import address, see
from tests.real import certwright as real_certwright
from tests.real.certwright import Home, Site


@pytest.fixture(scope="module")
def served(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Site, str]]:
    folder = tmp_path_factory.mktemp("inventory") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        session = make_person(home, "admin", Grant(Role.ADMINISTRATOR))
        issue_one(home, "own.example.test")
        home.run(see)
        with home.served() as site, chromium(site.home.ports["https"]) as browser:
            yield browser, site, session


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK])
def test_the_box_understands_and_explains(served: tuple[Browser, Site, str], scheme: str, width: int) -> None:
    browser, site, session = served
    with looking(browser, site, session, scheme, width) as looked:
        page = looked.page
        page.goto("/console/certificates/", wait_until="networkidle")
        page.fill("#id_q", "standing:found san:*.found.test")
        page.locator("#rows", has_text="shop.found.test").wait_for()
        page.locator("#rows", has_text="own.example.test").wait_for(state="hidden")
        page.fill("#id_q", "standing:found onwer:")
        page.locator("#q_error", has_text="did you mean owner?").wait_for()
        assert "shop.found.test" in page.inner_text("#rows")  # what was there stays
        page.fill("#id_q", "at:192.0.2.1")
        page.locator("#q_error .alert").wait_for(state="detached")
        assert looked.complaints == []
        page.fill("#id_q", "expires<")
        page.locator("#q_error .alert").wait_for()
        page.locator("summary", has_text="How to search").click()
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0
        looked.keep(f"search-{scheme}-{width}")
        assert looked.violations() == []


def test_one_is_adopted(served: tuple[Browser, Site, str]) -> None:
    browser, site, session = served
    with looking(browser, site, session) as looked:
        page = looked.page
        page.goto(address(0))
        looked.keep("found")
        assert looked.violations() == []
        page.get_by_role("link", name="Adopt…").click()
        page.fill("#id_environment", "production")
        page.fill("#id_tags", "shop")
        looked.keep("adopt")
        assert looked.violations() == []
        page.get_by_role("button", name="Adopt it").click()
        page.get_by_text("issued by others, and adopted by us").wait_for()
        page.get_by_role("link", name="production").click()
        page.locator("#rows", has_text="shop.found.test").wait_for()
        assert looked.complaints == []
