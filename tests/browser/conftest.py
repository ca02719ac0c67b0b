"""Debian's Chromium, driven by Playwright, before a served installation."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.looking import chromium
from tests.real.certwright import Site


@pytest.fixture
def browser(certwright: Site) -> Iterator[Browser]:
    with chromium(certwright) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, certwright: Site) -> Iterator[Page]:
    """A page in a context of its own; `goto` takes paths. What its scripts complain of fails the test."""
    context = browser.new_context(base_url=certwright.url("https", ""))
    made = context.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield made
    context.close()
    assert complaints == []
