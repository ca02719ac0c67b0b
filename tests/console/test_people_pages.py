"""Accounts, roles and teams by hand; who may not, and what asks for a fresh proof."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from certwright.core.access import Role
from tests.conftest import RUN
from tests.console.browsing import PASSWORD, PROXIED, Browser, alerts, browser, element, events, make_person
from tests.console.sessions import alter
from tests.real import certwright as real_certwright
from tests.real.certwright import Home, Site

NEW = "another staple, another horse"


@pytest.fixture
def chief(home: Home, someone: Browser, request: pytest.FixtureRequest) -> Browser:
    """An administrator who is logged in."""
    name = make_person(home, f"chief{abs(hash(request.node.name)) % 10**9}", Role.ADMINISTRATOR)
    someone.log_in(name)
    return someone


def test_an_account_is_made_and_its_first_password_works_once(chief: Browser, another: Browser) -> None:
    fields = {"name": "carol", "display_name": "Carol <C>", "email": "carol@example.test"}
    made = chief.send("/console/people/new/", **fields)
    assert made.status_code == 201
    password = element(made, "first_password")
    assert "Carol &lt;C&gt;" in chief.get("/console/people/").text
    assert another.log_in("carol", password).status_code == 302
    another.send("/login/password/", password1=NEW, password2=NEW)
    assert another.logged_in()
    refused = chief.send("/console/people/new/", **fields)
    assert (refused.status_code, alerts(refused)) == (
        409,
        ["there is an account carol already; choose another name"],
    )
    refused = chief.send("/console/people/new/", name="No Name")
    assert refused.status_code == 400
    assert "is no account name" in alerts(refused)[0]


def test_what_a_form_does_not_ask_for_is_not_taken(chief: Browser, home: Home, another: Browser) -> None:
    """Mass assignment: fields of the account that no form has."""
    more = {"is_superuser": "on", "is_staff": "on", "roles": "administrator", "role": "administrator"}
    more |= {"scope": "*", "password": NEW, "origin": "oidc", "disabled_at": "2020-01-01", "id": "1"}
    page = f"/console/people/of/{make_person(home, 'mallory')}/"
    assert chief.send(page, act="change", display_name="Mallory", email="", **more).status_code == 302
    another.log_in("mallory")
    assert another.logged_in()
    assert another.get("/console/people/").status_code == 403
    assert events(home, "grant.given", "user:mallory") == []


def test_an_account_is_changed_disabled_and_enabled(chief: Browser, home: Home, another: Browser) -> None:
    page = f"/console/people/of/{make_person(home, 'dave')}/"
    another.log_in("dave")
    assert chief.send(page, act="change", display_name="David", email="d@example.test").status_code == 302
    assert 'value="David"' in chief.get(page).text
    refused = chief.send(page, act="change", display_name="David", email="no mail")
    assert (refused.status_code, alerts(refused)) == (400, ["'no mail' is no mail address"])
    assert another.logged_in()
    chief.send(page, act="end")
    assert not another.logged_in()
    another.log_in("dave")
    chief.send(page, act="disable")
    assert not another.logged_in()
    refused = chief.send(page, act="disable")
    assert refused.status_code == 409
    chief.send(page, act="enable")
    assert not another.logged_in()
    another.log_in("dave")
    assert another.logged_in()
    given = chief.send(f"{page}password/", page=page)
    password = element(given, "first_password")
    assert not another.logged_in()
    assert another.log_in("dave", PASSWORD).status_code == 200
    assert another.log_in("dave", password).headers["location"] == "/console/"
    assert another.get("/console/").headers["location"] == "/login/password/"
    assert chief.send(page, act="nonsense").status_code == 400
    assert chief.get("/console/people/of/nobody/").status_code == 404


def test_who_has_lost_their_factors_is_let_in_again(chief: Browser, home: Home, another: Browser) -> None:
    page = f"/console/people/of/{make_person(home, 'lost')}/"
    another.log_in("lost")
    another.add_authenticator()
    assert chief.send(page, act="factors").status_code == 302
    assert not another.logged_in()
    removed = events(home, "mfa.removed", "user:lost")[0]
    assert removed["detail"] == {"factor": "all"}
    assert str(removed["actor"]).startswith("user:chief")
    assert another.log_in("lost").headers["location"] == "/console/"


def test_roles_are_given_and_withdrawn(chief: Browser, home: Home) -> None:
    page = f"/console/people/of/{make_person(home, 'erin')}/"
    chief.send(page, act="give", role="auditor", scope="*")
    assert events(home, "grant.given", "user:erin")[0]["detail"] == {"role": "auditor", "scope": "*"}
    again = chief.send(page, act="give", role="auditor", scope="*")
    assert (again.status_code, alerts(again)) == (409, ["user:erin has the role auditor within * already"])
    assert chief.send(page, act="withdraw", role="auditor", scope="*").status_code == 302
    gone = chief.send(page, act="withdraw", role="auditor", scope="*")
    assert (gone.status_code, alerts(gone)) == (404, ["user:erin has no role auditor within *"])
    assert chief.send(page, act="give", role="owner", scope="*").status_code == 400


def test_a_team_has_members_and_roles(chief: Browser, home: Home, another: Browser) -> None:
    make_person(home, "frank")
    another.log_in("frank")
    assert another.get("/console/people/").status_code == 403
    made = chief.send("/console/teams/new/", name="web", description="Web <servers>")
    assert made.headers["location"] == "/console/teams/of/web/"
    page = "/console/teams/of/web/"
    assert chief.send(page, act="add", user="frank").status_code == 302
    again = chief.send(page, act="add", user="frank")
    assert (again.status_code, alerts(again)) == (409, ["frank is in team web already"])
    assert chief.send(page, act="add", user="ghost").status_code == 404
    chief.send(page, act="give", role="administrator", scope="*")
    assert another.get("/console/people/").status_code == 200
    chief.send(page, act="remove", user="frank")
    assert another.get("/console/people/").status_code == 403
    assert chief.send(page, act="change", description="x", email="").status_code == 302
    assert "Web &lt;servers&gt;" not in chief.get("/console/teams/").text
    assert chief.send("/console/teams/new/", name="web").status_code == 409


def test_who_may_not_is_told_so_on_record(home: Home, someone: Browser) -> None:
    make_person(home, "grace", Role.AUDITOR)
    someone.log_in("grace")
    for path in ("/console/people/", "/console/people/of/grace/", "/console/teams/"):
        answer = someone.get(path)
        assert answer.status_code == 403
        assert "has no role that permits" in alerts(answer)[0]
    assert someone.send("/console/people/new/", name="heidi").status_code == 403
    denied = events(home, "access.denied")
    subjects = [event["subject"] for event in denied if event["actor"] == "user:grace"]
    assert "console:GET /console/people/" in subjects
    assert "console:POST /console/people/new/" in subjects


@pytest.fixture(scope="module")
def hasty(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("hasty") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        home.configure(PROXIED | {"login": {"fresh_seconds": 30}})
        with home.served() as site:
            yield site


def test_dangerous_pages_ask_for_a_fresh_proof(hasty: Site) -> None:
    make_person(hasty.home, "chief", Role.ADMINISTRATOR)
    with browser(hasty) as someone:
        someone.log_in("chief")
        assert someone.get("/console/people/new/").status_code == 200
        alter(someone, "for one in session['account_authentication_methods']: one['at'] -= 31")
        again = "/login/again/?next=%2Fconsole%2Fpeople%2Fnew%2F"
        assert someone.get("/console/people/new/").headers["location"] == again
        assert someone.get("/console/account/authenticator/").status_code == 302
        answer = someone.send("/console/people/new/", page="/console/account/sessions/", name="sneaked")
        assert answer.headers["location"] == again
        assert "sneaked" not in someone.get("/console/people/").text
        wrong = someone.send("/login/again/", password="wrong", next="/console/people/new/")
        assert wrong.status_code == 200
        assert someone.get("/console/people/new/").status_code == 302
        right = someone.send("/login/again/", password=PASSWORD, next="/console/people/new/")
        assert right.headers["location"] == "/console/people/new/"
        assert someone.get("/console/people/new/").status_code == 200
