"""A dangerous act by two people with browsers, what asks for a fresh proof, and broken glass for all."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from certwright.core.access import Grant, Role
from certwright.core.second_person import Kind, Rule
from certwright.operations.break_glass import break_glass, end_break_glass
from certwright.operations.context import Context
from certwright.operations.save_second_person import save_second_person
from certwright.operations.withdraw_role import withdraw_role
from tests.architecture.source import CHECKOUT
from tests.conftest import RUN
from tests.console.browsing import PROXIED, Browser, alerts, browser, element, events, make_person
from tests.console.sessions import alter
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home, Site
from tests.site.running import until

FRESH = {
    "certificates_chosen": "certificates/chosen/",
    "certificate_act": f"certificates/{'00' * 32}/revoke/",
    "certificate_assign": f"certificates/{'00' * 32}/assign/",
    "certificate_adopt": f"certificates/{'00' * 32}/adopt/",
    "certificate_ignore": f"certificates/{'00' * 32}/ignore/",
    "found_authority": "authorities/new_authority/",
    "sign_subordinate": "authorities/issuing/sign/",
    "accept_authority": "authorities/issuing/accept/",
    "retire_authority": "authorities/issuing/retire/",
    "withdraw_authority": "authorities/issuing/withdraw/",
    "new_profile": "profiles/new_profile/",
    "edit_profile": "profiles/tls-server/edit/",
    "endpoint": "endpoints/acme/default/",
    "new_endpoint": "endpoints/new/",
    "edit_endpoint": "endpoints/acme/default/edit/",
    "close_endpoint": "endpoints/acme/default/close/",
    "new_account_key": "endpoints/acme/default/key/",
    "policy_draft_save": "policy/drafts/1/save/",
    "settings": "settings/",
    "delegations": "requests/delegations/",
    "new_organization": "organizations/new/",
    "change_organization": "organizations/of/1/change/",
    "upload_evidence": "organizations/of/1/upload/",
    "record_check": "organizations/of/1/check/address/",
    "revoke_check": "organizations/of/1/revoke/1/",
    "take_away_mailbox": "mail-addresses/1/take-away/",
    "new_person": "people/new/",
    "person": "people/of/chief/",
    "new_password": "people/of/chief/password/",
    "new_own_field": "fields/new/",
    "own_field": "fields/of/cost/",
    "new_team": "teams/new/",
    "team": "teams/of/ops/",
    "own_tokens": "account/tokens/",
    "service_tokens": "people/of/robot/tokens/",
    "proposal": "proposals/1/",
}
"""Below /console/. What is sent there waits for the proof."""
HARMLESS = {
    *("console", "find", "certificates", "certificate_views", "certificates_export", "certificate"),
    *("certificate_download", "ask", "ask_for", "ask_preview", "ask_done", "readiness", "scores"),
    *(
        "requests",
        "request",
        "request_again",
        "request_prove",
        "organizations",
        "organization",
        "request_validation",
        "evidence",
    ),
    *("policy", "policy_version", "policy_compare", "policy_export", "policy_edit", "policy_draft"),
    *("authorities", "authority", "authority_download", "authority_request", "endpoints"),
    *("profiles", "profile", "preview_profile", "audit", "verify_audit", "export_audit", "audit_event"),
    *("notices", "attestation", "new_campaign", "campaign", "campaign_answer", "campaign_record"),
    *("responsibility", "responsibility_export", "people", "teams", "proposals", "own_fields"),
    *("mailboxes", "mailbox", "mailbox_proofs"),
    *("discovery", "look_once", "new_scope", "scope", "remove_scope", "discovery_run", "run_difference"),
    *("findings", "finding", "networks"),
}
"""What is sent there can be undone, or asks for the proof where it decides (`request`)."""


@pytest.fixture(scope="module")
def ruled(home: Home) -> Home:
    """Where a second person is needed, with two who could be that."""

    async def rule(context: Context) -> None:
        kinds = frozenset({Kind.CHANGE_ROLES, Kind.BULK_REVOKE, Kind.RESET_LOGIN})
        await save_second_person(context, ADMINISTRATOR, Rule(kinds))

    for name in ("chief", "deputy"):
        make_person(home, name, Role.ADMINISTRATOR)
    make_person(home, "carol")
    make_person(home, "holder", Role.AUDITOR)
    home.run(rule)
    return home


@pytest.fixture
def chief(ruled: Home, someone: Browser) -> Browser:
    someone.log_in("chief")
    return someone


@pytest.fixture
def deputy(ruled: Home, another: Browser) -> Browser:
    another.log_in("deputy")
    return another


def propose(by: Browser, role: str) -> str:
    """The page of the proposal that comes of giving Carol a role."""
    answer = by.send("/console/people/of/carol/", act="give", role=role, scope="*")
    assert answer.status_code == 302
    place = answer.headers["location"]
    assert re.fullmatch(r"/console/proposals/\d+/", place)
    return place


def test_one_proposes_another_confirms_the_first_does_it(
    chief: Browser, deputy: Browser, ruled: Home
) -> None:
    page = propose(chief, "auditor")
    own = chief.get(page).text
    assert "Give user:carol the role auditor within *" in own
    assert "another person must confirm this" in own
    assert "needs a second person" in own
    assert 'value="confirm"' not in own
    refused = chief.send(page, act="confirm")
    assert (refused.status_code, len(alerts(refused))) == (403, 0)
    assert page in deputy.get("/console/proposals/").text.split("Your own")[0]
    assert deputy.send(page, act="confirm").status_code == 302
    assert (
        deputy.send("/console/people/of/carol/", act="give", role="auditor", scope="*").headers["location"]
        != page
    )
    assert 'value="do"' not in deputy.get(page).text
    assert "Do it now" in chief.get(page).text
    assert chief.send(page, act="do").status_code == 302
    assert "auditor" in chief.get("/console/people/of/carol/").text
    assert "done" in chief.get(page).text
    [event, *_] = events(ruled, "proposal.carried-out")
    assert "user:deputy" in str(event)


def test_what_cannot_be_kept_is_begun_again(chief: Browser, deputy: Browser) -> None:
    there = "/console/people/of/carol/password/"
    asked = chief.send(there, page="/console/people/of/carol/")
    assert asked.status_code == 302
    page = asked.headers["location"]
    deputy.send(page, act="confirm")
    assert "Begin it again" in chief.get(page).text
    given = chief.send(there, page="/console/people/of/carol/")
    assert (given.status_code, 'id="first_password"' in given.text) == (200, True)


def test_it_can_be_withdrawn_and_is_not_for_everybody(chief: Browser, deputy: Browser, served: Site) -> None:
    page = propose(chief, "operator")
    with browser(served) as carol:
        carol.log_in("carol")
        assert carol.get(page).status_code in (302, 404)
    assert deputy.send(page, act="withdraw").status_code == 302
    assert "withdrawn" in chief.get(page).text
    assert 'value="withdraw"' not in chief.get(page).text
    assert chief.get("/console/proposals/nonsense/").status_code == 404


def test_broken_glass_is_on_every_page(chief: Browser, ruled: Home, served: Site) -> None:
    async def open_it(context: Context) -> None:
        await break_glass(context, ADMINISTRATOR, "nobody <else> is here")

    async def end_it(context: Context) -> None:
        await end_break_glass(context, ADMINISTRATOR)

    assert "Break-glass" not in chief.get("/console/").text
    ruled.run(open_it)
    try:
        chief.get("/console/people/of/nobody/")  # what is missing is looked for in the store
        for page in ("/console/people/", "/console/proposals/"):
            until(lambda page=page: "nobody &lt;else&gt; is here" in chief.get(page).text, 10)
        with served.client() as client:
            assert "break-glass" in client.get(served.url("https", "/readyz")).json()["warnings"]
        assert (
            chief.send("/console/people/of/carol/", act="give", role="requester", scope="*")
            .headers["location"]
            .endswith("/carol/")
        )
    finally:
        ruled.run(end_it)


# -- a fresh proof -------------------------------------------------------------------------------


def test_every_page_of_the_console_is_known_to_be_dangerous_or_not() -> None:
    """Who adds a page says here whether it asks for a fresh proof."""
    folder = CHECKOUT / "src/certwright/console"
    files = [*folder.glob("urls.py"), *folder.glob("[!l]*/urls.py")]
    names = {name for file in files for name in re.findall(r'name="(\w+)"', file.read_text())}
    assert names == set(FRESH) | HARMLESS


@pytest.fixture(scope="module")
def hasty(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Where a proof is good for half a minute."""
    folder, run = tmp_path_factory.mktemp("hasty") / "home", Path(os.environ[RUN])
    with real_certwright.copy(founded, folder, run) as home:
        home.configure(PROXIED | {"login": {"fresh_seconds": 30}})
        make_person(home, "chief", Role.ADMINISTRATOR)
        with home.served() as site:
            yield site


def test_every_dangerous_page_asks_for_a_fresh_proof(hasty: Site) -> None:
    with browser(hasty) as someone:
        someone.log_in("chief")
        alter(someone, "for one in session['account_authentication_methods']: one['at'] -= 31")
        for name, path in FRESH.items():
            answer = someone.send(f"/console/{path}", page="/console/certificates/")
            assert answer.status_code == 302, name
            assert answer.headers["location"].startswith("/login/again/"), name


# -- tokens --------------------------------------------------------------------------------------


def made_token(by: Browser, page: str, **fields: str) -> str:
    """The secret that the page shows."""
    made = by.send(page, act="make", scope="*", days="30", **fields)
    assert made.status_code == 201, alerts(made)
    return element(made, "token_secret")


def ask(site: Site, secret: str, path: str) -> httpx.Response:
    with site.client() as client:
        return client.get(site.url("https", f"/api/v1{path}"), headers={"Authorization": f"Bearer {secret}"})


def test_ones_own_token_permits_what_one_has_oneself(chief: Browser, ruled: Home, served: Site) -> None:
    page = "/console/account/tokens/"
    with browser(served) as holder:
        holder.log_in("holder")
        refused = holder.send(page, act="make", name="too-much", role="ra-officer", scope="*", days="1")
        assert refused.status_code == 403
        secret = made_token(holder, page, name="mine", role="auditor")
        assert secret not in holder.get(page).text
        assert ask(served, secret, "/audit/events").status_code == 200
        assert ask(served, secret, "/whoami").json()["grants"] == [{"role": "auditor", "scope": "*"}]

        async def withdraw(context: Context) -> None:
            await break_glass(context, ADMINISTRATOR, "for the test")
            await withdraw_role(context, ADMINISTRATOR, "user:holder", Grant(Role.AUDITOR))
            await end_break_glass(context, ADMINISTRATOR)

        ruled.run(withdraw)
        until(lambda: ask(served, secret, "/whoami").json()["grants"] == [], 10)
        assert holder.send(page, act="revoke", token="mine").status_code == 302
        until(lambda: ask(served, secret, "/whoami").status_code == 401, 10)
        assert holder.get("/console/people/of/chief/tokens/").status_code == 403
    assert chief.send("/console/people/of/holder/tokens/", act="make", **TOKEN).status_code == 403


TOKEN = {"name": "theirs", "role": "auditor", "scope": "*", "days": "1"}


def test_a_service_has_tokens_that_die_with_it(chief: Browser, deputy: Browser, served: Site) -> None:
    """A program gets roles, like anybody: where that needs a second person, so does its token."""
    chief.send("/console/people/new/", name="robot", service="on")
    page = "/console/people/of/robot/tokens/"
    asked = chief.send(page, act="make", scope="*", days="30", name="robots", role="requester")
    assert deputy.send(asked.headers["location"], act="confirm").status_code == 302
    secret = made_token(chief, page, name="robots", role="requester")
    assert ask(served, secret, "/whoami").json()["name"] == "token:robots"
    chief.send("/console/people/of/robot/", act="disable")
    until(lambda: ask(served, secret, "/whoami").status_code == 401, 10)
