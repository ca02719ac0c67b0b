"""Requests in the console, without JavaScript: found, judged, decided, and hidden from the others."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from certwright.core.access import Role
from certwright.core.errors import Refused
from certwright.core.request import parse_csr
from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.issue import Issued, IssueOrder
from certwright.operations.request_certificate import Words, request_certificate
from certwright.operations.save_policy import save_policy
from certwright.site.wiring import now
from tests.api.callers import csr
from tests.conftest import RUN
from tests.console.browsing import PASSWORD, PROXIED, Browser, alerts, browser, events, make_person
from tests.console.sessions import alter
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home, Site

HOSTILE = "<script>alert(1)</script>\n\"'&{{ 7|add:7 }}"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
RULES = """
[[rule]]
name = "pay"
when.names.dns = [".pay.test"]
approval = [{ step = "pki", from = ["role:ra-officer"] }]
[[rule]]
name = "no-old"
when.names.dns = [".old.test"]
refuse = "Use <b>new</b>.test."
"""


@pytest.fixture(scope="module")
def home(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("requests") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as copied:
        copied.configure(PROXIED)
        prepare(copied)
        yield copied


def prepare(home: Home) -> None:
    """The rule, who asks, who decides, and two whom nothing of it concerns."""

    async def save(context: Context) -> None:
        await save_policy(context, ADMINISTRATOR, rules_from_toml(RULES), "")

    home.run(save)
    make_person(home, "rita", Role.REQUESTER)
    make_person(home, "olga", Role.RA_OFFICER)
    make_person(home, "audrey", Role.AUDITOR)
    make_person(home, "sam")


def ask(home: Home, name: str, comment: str = "", whose: str = "rita") -> str:
    """A request that waits; the address of its page."""

    async def act(context: Context) -> str:
        actor = context.snapshot.user_actor(whose, "")
        order = IssueOrder(actor, parse_csr(csr(name).encode()), "issuing", "tls-server")
        made = await request_certificate(context, order, Words(comment))
        assert not isinstance(made, Issued)
        return f"/console/requests/{made.row.id}/"

    return home.run(act)


@pytest.fixture
def officer(served: Site) -> Iterator[Browser]:
    with browser(served) as made:
        made.log_in("olga")
        yield made


@pytest.fixture
def requester(served: Site) -> Iterator[Browser]:
    with browser(served) as made:
        made.log_in("rita")
        yield made


def waiting_in_navigation(page: httpx.Response) -> int:
    found = re.search(r'class="count">([0-9]+)<', page.text)
    return int(found[1]) if found else 0


def test_from_the_list_to_the_certificate(home: Home, officer: Browser) -> None:
    page = ask(home, "a.pay.test", HOSTILE)
    overview = officer.get("/console/")
    number = waiting_in_navigation(overview)
    assert number >= 1
    assert "Wait for your decision" in overview.text
    assert f'href="{page}">a.pay.test</a>' in officer.get("/console/requests/").text
    shown = officer.get(page)
    assert shown.status_code == 200
    assert ESCAPED in shown.text
    assert "<script>alert" not in shown.text
    for text in ("user:rita", "tls-server", "issuing", "one of role:ra-officer", "subjectAlternativeName"):
        assert text in shown.text
    assert re.search(r"Rules that ask</dt><dd>pay ", shown.text)
    done = officer.send(page, act="approve", comment=f"{HOSTILE}\r\nsecond line")
    assert (done.status_code, done.headers["location"]) == (302, page)
    issued = officer.get(page)
    assert "Your approval is on record." in issued.text
    assert issued.text.count(ESCAPED) == 2
    [certificate] = re.findall(r'href="(/console/certificates/[0-9a-f]{64}/)"', issued.text)
    assert "a.pay.test" in officer.get(certificate).text
    assert waiting_in_navigation(officer.get("/console/")) == number - 1


def test_rejected_with_a_reason_and_asked_again(home: Home, officer: Browser, requester: Browser) -> None:
    page = ask(home, "b.pay.test")
    refused = officer.send(page, act="reject", reason=" ")
    assert refused.status_code == 400
    assert 'id="reject_reason_error"' in refused.text
    assert officer.send(page, act="reject", reason="Whose <i>is</i> it?").status_code == 302
    shown = requester.get(page).text
    assert "Whose &lt;i&gt;is&lt;/i&gt; it?" in shown
    assert 'value="withdraw"' not in shown
    again = requester.send(f"{page}again/", page=page, comment="Ours.")
    new = again.headers["location"]
    assert new != page
    assert f'href="{page}"' in requester.get(new).text
    assert requester.send(new, act="withdraw").status_code == 302
    ended = officer.send(new, page="/console/requests/delegations/", act="approve", comment="")
    assert (ended.status_code, alerts(ended)) == (409, ["the request is withdrawn, not waiting"])
    assert requester.send(f"{new}again/", page=new, comment="x" * 2001).status_code == 400
    lists = [
        requester.get(f"/console/requests/?show=mine&status={one}").text for one in ("withdrawn", "issued")
    ]
    assert [f'href="{new}"' in text for text in lists] == [True, False]


def test_what_the_rules_refuse_is_found_with_why(home: Home, officer: Browser, requester: Browser) -> None:
    with pytest.raises(Refused):
        ask(home, "a.old.test", "For the archive.")
    for one, show in ((requester, "mine"), (officer, "all")):
        found = one.get(f"/console/requests/?show={show}&status=refused")
        [page] = re.findall(r'href="(/console/requests/\d+/)">a\.old\.test<', found.text)
        shown = one.get(page).text
        assert "rule no-old: Use &lt;b&gt;new&lt;/b&gt;.test." in shown
        assert "For the archive." in shown
        assert "version 1 of the rules" in shown
        assert 'id="steps"' not in shown
    assert f'action="{page}again/"' in requester.get(page).text
    assert f'action="{page}again/"' not in officer.get(page).text
    again = requester.send(f"{page}again/", page=page, comment="Please.")
    assert (again.status_code, "no-old" in alerts(again)[0]) == (403, True)


def test_nobody_decides_on_their_own(home: Home, requester: Browser) -> None:
    page = ask(home, "own.pay.test")
    shown = requester.get(page)
    assert "nobody decides on their own request" in shown.text
    assert 'value="approve"' not in shown.text
    refused = requester.send(page, act="approve", comment="")
    assert refused.status_code == 403
    assert "nobody decides on their own request" in alerts(refused)[0]
    denied = [event["subject"] for event in events(home, "access.denied")]
    assert f"console:POST {page}" in denied


def test_what_does_not_concern_one_is_not_there(home: Home, served: Site, someone: Browser) -> None:
    page = ask(home, "hidden.pay.test")
    someone.log_in("sam")
    never = someone.get("/console/requests/1/")
    for path in (page, f"{page}prove/"):
        answer = someone.get(path)
        if answer.status_code == 302:
            answer = someone.get(answer.headers["location"])
        assert answer.status_code == never.status_code == 404
    for fields in ({"act": "approve", "comment": ""}, {"act": "reject", "reason": "no"}, {"act": "withdraw"}):
        assert someone.send(page, page="/console/requests/delegations/", **fields).status_code == 404
    assert someone.send(f"{page}again/", page="/console/requests/delegations/").status_code == 404
    for show in ("me", "mine", "all"):
        assert "hidden.pay.test" not in someone.get(f"/console/requests/?show={show}").text
    assert waiting_in_navigation(someone.get("/console/")) == 0
    for wrong in ("x", "-1", "9" * 30, "%20"):
        assert someone.get(f"/console/requests/{wrong}/").status_code == 404
    for wrong in ("show=others", "status=open", "show=all&after=x", "after=yesterday+1", "after=1"):
        assert someone.get(f"/console/requests/?{wrong}").status_code == 400


def test_who_may_look_may_not_decide(home: Home, someone: Browser) -> None:
    page = ask(home, "seen.pay.test")
    someone.log_in("audrey")
    shown = someone.get(page)
    assert shown.status_code == 200
    assert "step pki is decided by role:ra-officer" in shown.text
    for fields in ({"act": "approve", "comment": ""}, {"act": "reject", "reason": "no"}, {"act": "withdraw"}):
        refused = someone.send(page, page="/console/requests/delegations/", **fields)
        assert refused.status_code == 403
        assert alerts(refused)
    assert someone.send(page, page="/console/requests/delegations/", act="nonsense").status_code == 400


def test_a_deputy_decides_until_it_is_taken_back(home: Home, officer: Browser, someone: Browser) -> None:
    page = ask(home, "deputy.pay.test")
    someone.log_in("sam")
    assert someone.get(page).status_code == 404
    deputies = "/console/requests/delegations/"
    tomorrow = f"{now() + timedelta(days=1):%Y-%m-%d}"
    for deputy, until, status in (
        ("sam", "yesterday", 400),
        ("sam", "9999-12-31", 400),
        ("olga", tomorrow, 400),
        ("ghost", tomorrow, 404),
    ):
        assert officer.send(deputies, act="hand_on", deputy=deputy, until=until).status_code == status
    handed = officer.send(deputies, act="hand_on", deputy="sam", until=tomorrow, comment="<b>on leave</b>")
    assert handed.status_code == 302
    shown = officer.get(deputies).text
    assert "&lt;b&gt;on leave&lt;/b&gt;" in shown
    [number] = re.findall(r'name="number" value="([0-9]+)"', shown)
    assert "Take back" not in someone.get(deputies).text
    assert someone.send(deputies, act="take_back", number=number).status_code == 404
    assert (
        someone.send(deputies, act="hand_on", user="olga", deputy="rita", until=tomorrow).status_code == 302
    )
    assert "deputy.pay.test" in someone.get("/console/requests/").text
    assert someone.send(page, act="approve", comment="").status_code == 302
    assert "in the place of user:olga" in officer.get(page).text
    assert officer.send(deputies, act="take_back", number=number).status_code == 302
    other = ask(home, "later.pay.test")
    assert someone.get(other).status_code == 404


def test_approving_asks_for_a_fresh_proof(founded: Home, tmp_path: Path) -> None:
    with real_certwright.copy(founded, tmp_path / "home", Path(os.environ[RUN])) as home:
        home.configure(PROXIED | {"login": {"fresh_seconds": 30}})
        prepare(home)
        page = ask(home, "fresh.pay.test")
        with home.served() as site, browser(site) as someone:
            someone.log_in("olga")
            alter(someone, "for one in session['account_authentication_methods']: one['at'] -= 31")
            shown = someone.get(page).text
            assert 'value="approve"' not in shown
            assert f'href="{page}prove/"' in shown
            sent = someone.send(page, act="approve", comment="")
            assert sent.headers["location"].startswith("/login/again/?next=")
            asked = someone.get(f"{page}prove/").headers["location"]
            assert asked.startswith("/login/again/?next=")
            right = someone.send("/login/again/", password=PASSWORD, next=f"{page}prove/")
            assert someone.get(right.headers["location"]).headers["location"] == page
            assert someone.send(page, act="approve", comment="").status_code == 302
            assert 'status-green">issued' in someone.get(page).text
