"""Guessing passwords: who must wait, and who need not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RUN
from tests.console.browsing import PASSWORD, PROXIED, alerts, browser, events, make_person
from tests.real import certwright as real_certwright
from tests.real.certwright import Home, Site

LIMITS = {"failures": 3, "address_failures": 8, "lock_seconds": 600}
WRONG = ["The name or the password is wrong."]
WAIT = ["Too many log-ins have failed. Wait a while, then try again."]


@pytest.fixture(scope="module")
def careful(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("careful") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        home.configure(PROXIED | {"login": LIMITS})
        with home.served() as site:
            yield site


@pytest.mark.parametrize("known", [True, False])
def test_who_fails_too_often_waits_and_the_owner_elsewhere_does_not(known: bool, careful: Site) -> None:
    name = f"target{known}".lower()
    if known:
        make_person(careful.home, name)
    with browser(careful) as attacker:
        assert [alerts(attacker.log_in(name, "wrong")) for _ in range(3)] == [WRONG] * 3
        assert alerts(attacker.log_in(name)) == WAIT
        (locked,) = events(careful.home, "login.locked", f"user:{name}")
        assert locked["detail"] == {"more": 0, "seconds": 600}
        if not known:
            return
        with browser(careful) as owner:
            assert owner.log_in(name).status_code == 302
            owner.send("/login/out/")
        assert alerts(attacker.log_in(name)) == WAIT


def test_the_current_password_is_not_guessed_by_changing_it(careful: Site) -> None:
    name = make_person(careful.home, "unattended")
    with browser(careful) as thief:
        assert thief.log_in(name).status_code == 302
        new = {"password1": "another long sentence 9", "password2": "another long sentence 9"}
        for number in range(3):
            answer = thief.send("/login/password/", oldpassword=f"guess {number}", **new)
            assert "The current password is wrong." in answer.text
        answer = thief.send("/login/password/", oldpassword=PASSWORD, **new)
        assert WAIT[0] in answer.text
        assert len(events(careful.home, "login.failed", f"user:{name}")) == 3
        assert events(careful.home, "login.locked", f"user:{name}")


def test_an_address_that_tries_many_accounts_waits_for_all(careful: Site) -> None:
    make_person(careful.home, "bystander")
    with browser(careful) as attacker:
        for number in range(8):
            assert alerts(attacker.log_in(f"guess{number}", "wrong")) == WRONG
        assert alerts(attacker.log_in("bystander")) == WAIT
        address = attacker.client.headers["X-Forwarded-For"]
        assert events(careful.home, "login.locked", f"address:{address}")
    with browser(careful) as owner:
        assert owner.log_in("bystander").status_code == 302


def test_a_proof_asked_for_anew_is_counted_too(careful: Site) -> None:
    name = make_person(careful.home, "borrowed")
    with browser(careful) as thief:
        thief.log_in(name)
        for _ in range(3):
            assert "The password is wrong." in thief.send("/login/again/", password="wrong").text
        assert "Too many log-ins have failed" in thief.send("/login/again/", password="wrong").text
