"""Passkeys, with Chromium's virtual authenticator (WebAuthn level 3, section 11)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playwright.sync_api import Page

from tests.console.browsing import PASSWORD, events, make_person
from tests.real.certwright import Home, Site

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def apart(act: Callable[..., Any], *arguments: Any) -> Any:
    """Playwright has an event loop in this thread, and operations run in one of their own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(act, *arguments).result()


def newest(home: Home, kind: str) -> Any:
    """The detail of the newest event of this kind."""
    return apart(events, home, kind, "user:keyed")[0]["detail"]


def log_in(page: Page, name: str) -> None:
    page.goto("/login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page: Page) -> None:
    page.goto("/login/out/")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/")


def test_a_passkey_alone_lets_its_owner_in(page: Page, certwright: Site) -> None:
    home = certwright.home
    apart(make_person, home, "keyed")
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    log_in(page, "keyed")
    page.wait_for_url("**/console/")
    page.goto("/console/account/passkeys/add/")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url("**/recovery-codes/")
    assert newest(home, "mfa.enrolled") == {"factor": "passkey"}
    log_out(page)

    page.goto("/login/")
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url("**/console/")
    assert newest(home, "login.succeeded")["methods"] == ["webauthn"]
    log_out(page)

    log_in(page, "keyed")
    page.wait_for_url("**/login/factor/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/console/")
    assert newest(home, "login.succeeded")["methods"] == ["password", "webauthn"]

    page.goto("/console/account/passkeys/")
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    page.wait_for_url("**/console/account/passkeys/")
    assert newest(home, "mfa.removed") == {"factor": "passkey"}
    log_out(page)
    log_in(page, "keyed")
    page.wait_for_url("**/console/")


def test_a_passkey_that_is_not_there_is_said_on_the_page(page: Page, certwright: Site) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": {**AUTHENTICATOR, "isUserVerified": False}})
    page.goto("/login/")
    page.evaluate("document.addEventListener('allauth.error', event => event.preventDefault())")
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_text("The passkey was not used").wait_for()
