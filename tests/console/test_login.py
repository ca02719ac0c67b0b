"""Logging in with a password: the first one, wrong ones, CSRF, and what goes on record."""

import re
from datetime import timedelta

import pytest

from certwright.operations.manage_users import disable_user, find_user
from certwright.site.wiring import now
from tests.console.browsing import PASSWORD, Browser, alerts, events, make_person
from tests.real.certwright import ADMINISTRATOR, Home, Site

NEW = "another staple, another horse"


def test_the_first_password_is_replaced_before_anything_else(home: Home, someone: Browser) -> None:
    answer = someone.log_in("administrator", home.password)
    assert answer.headers["location"] == "/console/"
    for path in ("/console/", "/console/people/", "/console/account/", "/console/account/authenticator/"):
        assert someone.get(path).headers["location"] == "/login/password/"
    refused = (home.password, "short", "administrator", "password12345")
    for password in refused:
        answer = someone.send("/login/password/", password1=password, password2=password)
        assert answer.status_code == 200, password
        assert "invalid-feedback" in answer.text
    answer = someone.send("/login/password/", password1=NEW, password2=NEW)
    assert answer.headers["location"] == "/console/"
    assert "administrator" in someone.get("/console/").text
    row = home.run(lambda context: find_user(context.database, "administrator"))
    assert row.password_expires_at is None
    assert row.last_login_at is not None
    assert events(home, "user.password-set")[0]["actor"] == "user:administrator"
    someone.client.cookies.clear()
    assert someone.log_in("administrator", home.password).status_code == 200
    assert someone.log_in("administrator", NEW).status_code == 302


def test_a_dead_first_password_lets_nobody_in(home: Home, someone: Browser) -> None:
    make_person(home, "late", expires=now() - timedelta(seconds=1))
    assert alerts(someone.log_in("late")) == ["The name or the password is wrong."]
    assert not someone.logged_in()


def test_wrong_names_and_passwords_get_the_same_answer(home: Home, someone: Browser) -> None:
    make_person(home, "known")
    make_person(home, "gone")
    home.run(lambda context: disable_user(context, ADMINISTRATOR, "gone"))
    tries = (("known", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD), ("gone", "wrong"), ("", "wrong"))
    answers = [someone.log_in(name, password) for name, password in tries]
    assert {answer.status_code for answer in answers} == {200}
    said = [alerts(answer) for answer in answers[:4]]
    assert said == [["The name or the password is wrong."]] * 4
    shapes = {re.sub(r'value="[^"]*"', "", answer.text) for answer in answers[:4]}
    assert len(shapes) == 1


def test_log_ins_and_log_outs_are_on_record(home: Home, someone: Browser) -> None:
    make_person(home, "told")
    someone.client.headers["User-Agent"] = "Toy\u0000Browser/1.0".replace("\u0000", " ") + "x" * 300
    someone.log_in("told", "wrong")
    someone.log_in("told")
    someone.send("/login/out/")
    address = someone.client.headers["X-Forwarded-For"]
    (failed,) = events(home, "login.failed", "user:told")
    assert (failed["actor"], failed["source"]) == ("stranger", address)
    assert failed["detail"] == {"known": True, "more": 0, "proof": "password"}
    (succeeded,) = events(home, "login.succeeded", "user:told")
    assert (succeeded["actor"], succeeded["source"]) == ("user:told", address)
    assert succeeded["detail"]["methods"] == ["password"]
    assert succeeded["detail"]["browser"].startswith("Toy Browser")
    (ended,) = events(home, "login.ended", "user:told")
    assert ended["detail"] == {"reason": "logged out"}
    assert not someone.logged_in()


def test_strangers_text_is_bounded_on_record(home: Home, someone: Browser) -> None:
    someone.log_in("<b>\u202etluaf" + "y" * 80, "wrong")
    newest = events(home, "login.failed")[0]
    assert newest["subject"].startswith("user:<b>\\u202etluaf")
    assert newest["detail"]["known"] is False


@pytest.mark.parametrize("path", ["/login/", "/login/passkey/", "/login/out/"])
def test_no_form_is_taken_without_its_token(path: str, home: Home, served: Site, someone: Browser) -> None:
    someone.get("/login/")
    fields = {"login": "administrator", "password": PASSWORD, "credential": "{}"}
    referer = {"Referer": served.url("https", path)}
    assert someone.client.post(path, data=fields, headers=referer).status_code == 403
    fields["csrfmiddlewaretoken"] = "a" * 64
    assert someone.client.post(path, data=fields, headers=referer).status_code == 403


def test_a_form_of_another_site_is_not_taken(home: Home, someone: Browser) -> None:
    page = someone.get("/login/").text
    token = page.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
    fields = {"login": "administrator", "password": PASSWORD, "csrfmiddlewaretoken": token}
    answer = someone.client.post("/login/", data=fields, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_nobody_is_sent_elsewhere_after_log_in(home: Home, someone: Browser) -> None:
    make_person(home, "sent")
    fields = {"login": "sent", "password": PASSWORD, "next": "https://evil.example/"}
    assert someone.send("/login/", **fields).headers["location"] == "/console/"
