"""Pages on organizations and mail addresses, with their forms: nothing inaccessible, forbidden or broken."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from certwright.core.access import Actor, Role
from certwright.operations.context import Context
from certwright.operations.mailboxes import ask_for_code
from certwright.operations.request_certificate import request_certificate
from certwright.store.approvals import Request
from certwright.store.ledger import Change
from tests.browser.looking import LOOKS, Looked, chromium, looking
from tests.conftest import RUN
from tests.console.browsing import PASSWORD, make_person
from tests.operations.approving import ONE_STEP, order, rules
from tests.operations.vetting import vetted
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home, Site

LIST = "/console/organizations/"
PAGES = {
    "organization": LIST + "of/{organization}/",
    "organization-check": LIST + "of/{organization}/check/register/",
    "organization-upload": LIST + "of/{organization}/upload/",
    "organization-new": LIST + "new/",
    "request-validation": LIST + "requests/{request}/",
    "mailboxes": "/console/account/mail-addresses/",
    "mailbox": "/console/account/mail-addresses/{mailbox}/",
    "mailbox-proofs": "/console/mail-addresses/",
    "mailbox-take-away": "/console/mail-addresses/{mailbox}/take-away/",
}
MAIL = {"host": "127.0.0.1", "port": 9, "security": "none", "sender": "certwright@pki.test"}
"""Nothing is sent: no worker runs."""


@dataclass(frozen=True, slots=True)
class Looks:
    site: Site
    browser: Browser = field(repr=False)
    addresses: dict[str, str]


@pytest.fixture(scope="module")
def looks(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    folder = tmp_path_factory.mktemp("organizations") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        make_person(home, "olga", Role.RA_OFFICER)
        home.configure({"mail": MAIL})
        with home.served() as site:
            with chromium(site.ports["https"]) as browser, logged_in(browser, site, "light", 1280) as looked:
                look(looked, LIST, "organizations-none")
                look(looked, PAGES["mailboxes"], "mailboxes-none")
            addresses = home.run(_fill)
            with chromium(site.ports["https"]) as browser:
                yield Looks(site, browser, addresses)


async def _fill(context: Context) -> dict[str, str]:
    await rules(context, ONE_STEP)
    row = await vetted(context)
    request = await request_certificate(context, order(actor=ADMINISTRATOR))
    assert isinstance(request, Request)
    return {"organization": str(row.id), "request": str(request.row.id), "mailbox": await _mailboxes(context)}


async def _mailboxes(context: Context) -> str:
    """Proofs in every state; the newest waits for its code."""
    olga = Actor("user:olga", user="olga")
    made = [
        await ask_for_code(context, olga, f"{name}@{'long-' * 9}name.example.test")
        for name in ("asked", "failed", "gone", "proved", "olga.the.officer.of.registration")
    ]
    now = context.clock()
    mailed = {"mail_at": None, "mailed_at": now, "good_until": now + timedelta(days=1)}
    after = [
        made[1]._replace(mail_at=None, problem="the mail server said 550: nobody of that name"),
        made[2]._replace(mail_at=None, proved_at=now, taken_away_at=now, taken_away_why="they have left"),
        made[3]._replace(mail_at=None, proved_at=now),
        made[4]._replace(**mailed),
    ]
    await context.ledger.commit(Change(replaced=[*zip(made[1:], after, strict=True)]))
    return str(made[4].id)


@contextmanager
def logged_in(browser: Browser, site: Site, scheme: str, width: int) -> Iterator[Looked]:
    """A page of olga's, who has just proved who she is."""
    with looking(browser, site, "none", scheme, width) as looked:
        looked.page.goto("/login/")
        looked.page.fill("[name=login]", "olga")
        looked.page.fill("[name=password]", PASSWORD)
        looked.page.press("[name=password]", "Enter")
        looked.page.wait_for_url("**/console/**")
        yield looked


def look(looked: Looked, address: str, name: str) -> None:
    looked.page.goto(address, wait_until="networkidle")
    looked.keep(name)
    assert looked.complaints == []
    assert looked.violations() == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert looked.page.evaluate(overflow) <= 0


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_pages_are_sound(looks: Looks, scheme: str, width: int) -> None:
    with logged_in(looks.browser, looks.site, scheme, width) as looked:
        for name, address in {"organizations": LIST, **PAGES}.items():
            look(looked, address.format(**looks.addresses), f"{name}-{scheme}-{width}")
