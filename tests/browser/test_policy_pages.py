"""Pages on the rules of issuance, and a replay that is watched while it runs."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from certwright.core.access import Grant, Role
from certwright.core.request import parse_csr
from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.policy_replays import replay_follow_up, start_replay
from certwright.operations.save_policy import save_policy
from tests.api.callers import csr
from tests.browser.looking import chromium, looking, views
from tests.conftest import RUN
from tests.console.logged_in import make_person
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home, Site

PAY = """[[rule]]
name = "pay"
description = "Names of the payment systems are approved."
when.names.dns = [".pay.example"]
unless.teams = ["edge"]
approval = [{ step = "pki", from = ["role:ra-officer"] }]

[[rule]]
name = "keys"
limits.keys = ["ecdsa-p256", "rsa-3072"]
limits.maximum_lifetime = "398d"
"""
DRAFT = (
    PAY.replace("398d", "100d")
    + """
[[rule]]
name = "hosts"
when.names.dns = [".example.test"]
refuse = "No."
"""
)
PAGES = {
    "policy": "/console/policy/",
    "policy-version": "/console/policy/versions/1/",
    "policy-compare": "/console/policy/compare/?from=0&to=1",
    "policy-edit": "/console/policy/edit/",
    "policy-draft": "/console/policy/drafts/{done}/",
    "policy-tried": "/console/policy/drafts/{done}/?names=a.example.test&profile=tls-server"
    "&authority=issuing&key_algorithm=ecdsa-p256&days=9#try",
    "policy-running": "/console/policy/drafts/{waiting}/",
}


@dataclass(frozen=True, slots=True)
class Looks:
    home: Home
    site: Site
    browser: Browser = field(repr=False)
    session: str
    drafts: dict[str, int]


@pytest.fixture(scope="module")
def looks(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    folder = tmp_path_factory.mktemp("looks") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        drafts = home.run(_fill)
        session = make_person(home, "olive", Grant(Role.SECURITY_OFFICER), display_name="Olive Example")
        with home.served() as site, chromium(site.ports["https"]) as browser:
            yield Looks(home, site, browser, session, drafts)


async def _fill(context: Context) -> dict[str, int]:
    for number in range(3):
        request = parse_csr(csr(f"host{number}.example.test").encode())
        await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
    await save_policy(context, ADMINISTRATOR, rules_from_toml(PAY), "A first policy")
    done = await start_replay(context, ADMINISTRATOR, rules_from_toml(DRAFT))
    await replay_follow_up(context, {"replay": str(done.id)})
    waiting = await start_replay(context, ADMINISTRATOR, rules_from_toml(DRAFT))
    return {"done": done.id, "waiting": waiting.id}


@pytest.mark.parametrize(("name", "scheme", "width"), views(PAGES))
def test_pages_are_sound(looks: Looks, name: str, scheme: str, width: int) -> None:
    with looking(looks.browser, looks.site, looks.session, scheme, width) as looked:
        looked.page.goto(PAGES[name].format(**looks.drafts), wait_until="load", timeout=120_000)
        assert "/console/policy/" in looked.page.url.partition("?")[0]
        looked.keep(f"{name}-{scheme}-{width}")
        assert looked.complaints == []
        assert looked.violations() == []
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert looked.page.evaluate(overflow) <= 0


def test_a_run_is_watched_until_its_end(looks: Looks) -> None:
    """The page that waits shows what was found, without being loaded anew."""

    async def begin(context: Context) -> int:
        return (await start_replay(context, ADMINISTRATOR, rules_from_toml(DRAFT))).id

    async def work(context: Context) -> None:
        await replay_follow_up(context, {"replay": str(begun)})

    with looking(looks.browser, looks.site, looks.session) as looked, ThreadPoolExecutor(1) as thread:
        begun = thread.submit(looks.home.run, begin).result()
        page = looked.page
        page.goto(f"/console/policy/drafts/{begun}/")
        page.locator("#progress").wait_for()
        page.evaluate("window.same = true")
        thread.submit(looks.home.run, work).result()
        page.get_by_text("Would be refused: 3").wait_for()
        assert page.locator("#progress").count() == 0
        assert page.evaluate("window.same") is True
        assert looked.complaints == []
