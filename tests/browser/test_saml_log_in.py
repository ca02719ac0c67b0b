"""Log-in by a SAML provider in a real browser: the provider is another site (127.0.0.1, we are localhost), so
that our session's cookie stays behind when it posts its answer.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.looking import LOOKS, chromium, looking
from tests.console.test_saml_log_in import ANSWER, Place, opened
from tests.real.certwright import Home


@pytest.fixture(scope="module")
def place(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with opened(founded, tmp_path_factory.mktemp("saml")) as made:
        yield made


@pytest.fixture(scope="module")
def browser(place: Place) -> Iterator[Browser]:
    with chromium(place.site.ports["https"]) as opened_browser:
        yield opened_browser


def begin(page: Page, subject: str) -> None:
    page.goto("/login/?next=/console/account/")
    page.get_by_role("link", name="Log in with Corporate").click()
    page.get_by_label("Name").fill(subject)
    page.get_by_role("button", name="Log in there").click()


def test_the_answer_of_another_site_logs_in_without_another_click(browser: Browser, place: Place) -> None:
    place.provider.person("s-1", uid="anna", displayName="Anna A.")
    context = browser.new_context(base_url=place.site.url("https", ""))
    page = context.new_page()
    sent: list[str] = []
    page.on(
        "request",
        lambda one: one.url.endswith(ANSWER) and sent.append(one.all_headers().get("cookie", "none")),
    )
    begin(page, "s-1")
    page.get_by_role("button", name="Back").click()
    page.wait_for_url("**/console/account/")
    assert "Anna A." in page.content()
    assert sent[0] == "none"
    assert "__Host-certwright=" in sent[1]
    assert len(sent) == 2
    context.close()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_without_scripts_the_page_between_has_a_button(
    browser: Browser, place: Place, scheme: str, width: int
) -> None:
    place.provider.person("s-2", uid="bea")
    with looking(browser, place.site, "none", scheme, width) as looked:
        page = looked.page
        page.route("**/built/console-*.js", lambda route: route.abort())
        begin(page, "s-2")
        page.get_by_role("button", name="Back").click()
        page.get_by_role("button", name="Go on").wait_for()
        looked.keep(f"saml-answer-{scheme}-{width}")
        assert looked.violations() == []
        page.get_by_role("button", name="Go on").click()
        page.wait_for_url("**/console/account/")
