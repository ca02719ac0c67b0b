"""Sessions: new at log-in, ended by time, by their owner, by an administrator, and by what happens to the
account; and nothing that was made up or is over is taken."""

import re

import pytest

from certwright.core.access import Role
from certwright.operations.manage_users import disable_user, end_sessions
from tests.console.browsing import PASSWORD, Browser, browser, events, make_person
from tests.console.sessions import COOKIE, alter
from tests.real.certwright import ADMINISTRATOR, Home, Site

NEW = "another staple, another horse"


def test_a_session_is_new_at_log_in(home: Home, served: Site, someone: Browser) -> None:
    make_person(home, "fixed")
    first = make_person(home, "fixed-too")
    someone.log_in(first)
    before = someone.client.cookies[COOKIE]
    someone.send("/login/out/")
    with browser(served) as victim:
        victim.client.headers["Cookie"] = f"{COOKIE}={before}"
        assert victim.get("/console/").status_code == 302
    someone.log_in("fixed", "wrong")
    someone.log_in("fixed")
    assert someone.client.cookies[COOKIE] != before


def test_a_session_that_was_made_up_is_not_taken(home: Home, someone: Browser, another: Browser) -> None:
    make_person(home, "planted")
    made_up = "z" * 32
    another.client.headers["Cookie"] = f"{COOKIE}={made_up}"
    assert another.get("/console/").headers["location"].startswith("/login/")
    del another.client.headers["Cookie"]
    another.client.cookies.set(COOKIE, made_up)
    another.log_in("planted")
    values = [one.value for one in another.client.cookies.jar if one.name == COOKIE]
    someone.client.headers["Cookie"] = f"{COOKIE}={made_up}"
    assert not someone.logged_in()
    assert any(value != made_up for value in values)


def test_a_session_is_worth_nothing_after_log_out(home: Home, someone: Browser, another: Browser) -> None:
    make_person(home, "leaving")
    someone.log_in("leaving")
    cookie = someone.client.cookies[COOKIE]
    another.client.headers["Cookie"] = f"{COOKIE}={cookie}"
    assert another.logged_in()
    someone.send("/login/out/")
    assert not another.logged_in()


def test_another_password_ends_all_other_sessions(home: Home, someone: Browser, another: Browser) -> None:
    make_person(home, "changing")
    someone.log_in("changing")
    another.log_in("changing")
    answer = someone.send("/login/password/", oldpassword="wrong", password1=NEW, password2=NEW)
    assert "The current password is wrong." in answer.text
    assert another.logged_in()
    answer = someone.send("/login/password/", oldpassword=PASSWORD, password1=NEW, password2=NEW)
    assert answer.status_code == 302, answer.text
    assert someone.logged_in()
    assert not another.logged_in()
    assert someone.get("/console/account/").text.count("You are logged in 1 time.") == 1


def test_disabling_an_account_ends_its_sessions_for_good(home: Home, someone: Browser) -> None:
    make_person(home, "disabled")
    someone.log_in("disabled")
    home.run(lambda context: disable_user(context, ADMINISTRATOR, "disabled"))
    assert not someone.logged_in()


def test_an_administrator_ends_all_sessions(home: Home, someone: Browser, another: Browser) -> None:
    make_person(home, "stolen")
    someone.log_in("stolen")
    another.log_in("stolen")
    home.run(lambda context: end_sessions(context, ADMINISTRATOR, "stolen"))
    assert not someone.logged_in()
    assert not another.logged_in()
    (revoked,) = events(home, "session.revoked", "user:stolen")
    assert (revoked["actor"], revoked["detail"]) == ("local:test", {"sessions": "all"})
    someone.log_in("stolen")
    assert someone.logged_in()


def test_people_see_and_end_their_sessions(home: Home, someone: Browser, another: Browser) -> None:
    make_person(home, "watchful")
    another.client.headers["User-Agent"] = "Forgotten <Browser>"
    someone.log_in("watchful")
    another.log_in("watchful")
    page = someone.get("/console/account/sessions/").text
    assert "Forgotten &lt;Browser&gt;" in page
    assert another.client.headers["X-Forwarded-For"] in page
    number = re.findall(r"/sessions/(\d+)/end/", page)[-1]
    answer = someone.send(f"/console/account/sessions/{number}/end/", page="/console/account/sessions/")
    assert answer.status_code == 302
    assert someone.logged_in()
    assert not another.logged_in()
    assert events(home, "session.revoked", "user:watchful")[0]["detail"] == {"sessions": 1}


def test_nobody_ends_the_sessions_of_others(home: Home, someone: Browser, another: Browser) -> None:
    make_person(home, "mine")
    make_person(home, "yours", Role.ADMINISTRATOR)
    another.log_in("mine")
    page = another.get("/console/account/sessions/").text
    number = re.findall(r"/sessions/(\d+)/end/", page)[0]
    someone.log_in("yours")
    answer = someone.send(f"/console/account/sessions/{number}/end/", page="/console/account/sessions/")
    assert answer.status_code == 404
    assert another.logged_in()


@pytest.mark.parametrize(
    ("what", "seconds", "lasts"),
    [
        ("certwright.seen", 3500, True),
        ("certwright.seen", 3700, False),
        ("certwright.began", 43_000, True),
        ("certwright.began", 43_300, False),
    ],
)
def test_a_session_ends_by_time(what: str, seconds: int, lasts: bool, home: Home, someone: Browser) -> None:
    name = make_person(home, f"slow{seconds}")
    someone.log_in(name)
    alter(someone, f"session[{what!r}] -= {seconds}")
    assert someone.logged_in() == lasts
    assert len(events(home, "login.ended", f"user:{name}")) == (not lasts)
