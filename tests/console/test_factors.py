"""Second factors: an authenticator, its codes used once, recovery codes, and when one is required."""

import base64
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import RUN
from tests.console.browsing import PASSWORD, PROXIED, Browser, alerts, browser, code, events, make_person
from tests.real import certwright as real_certwright
from tests.real.certwright import Home, Site


def kept(home: Home) -> list[str]:
    """What the table of factors holds."""
    question = "SELECT data FROM mfa_authenticator"
    if home.database_url.startswith("sqlite:///"):
        with sqlite3.connect(home.database_url.removeprefix("sqlite:///")) as connection:
            return [str(row[0]) for row in connection.execute(question)]
    with psycopg.connect(home.database_url) as opened:
        return [str(row[0]) for row in opened.execute(question).fetchall()]


def test_an_authenticator_is_asked_for_and_its_codes_are_good_once(home: Home, someone: Browser) -> None:
    make_person(home, "careful")
    someone.log_in("careful")
    secret = someone.add_authenticator()
    (enrolled,) = events(home, "mfa.enrolled", "user:careful")
    assert enrolled["detail"] == {"factor": "totp"}
    codes = re.findall(r"\b\d{8}\b", someone.get("/console/account/recovery-codes/").text)
    assert len(codes) == 10
    again = someone.get("/console/account/recovery-codes/").text
    assert not re.findall(r"\b\d{8}\b", again)
    texts = kept(home)
    assert texts
    assert not [text for text in texts if secret in text or base64.b32decode(secret).hex() in text]
    someone.send("/login/out/")

    assert someone.log_in("careful").headers["location"] == "/login/factor/"
    assert not someone.logged_in()
    wrong = someone.send("/login/factor/", code="000000")
    assert "The code is wrong" in wrong.text
    assert events(home, "login.failed", "user:careful")[0]["detail"]["proof"] == "factor"
    once = code(secret, 1)
    assert someone.send("/login/factor/", code=once).headers["location"] == "/console/"
    assert events(home, "login.succeeded", "user:careful")[0]["detail"]["methods"] == ["password", "totp"]
    someone.send("/login/out/")

    someone.log_in("careful")
    assert "The code is wrong, or was used already." in someone.send("/login/factor/", code=once).text
    assert someone.send("/login/factor/", code=codes[0]).headers["location"] == "/console/"
    someone.send("/login/out/")
    someone.log_in("careful")
    assert someone.send("/login/factor/", code=codes[0]).status_code == 200


def test_second_factors_cannot_be_guessed_for_long(home: Home, served: Site, someone: Browser) -> None:
    make_person(home, "guessed")
    someone.log_in("guessed")
    secret = someone.add_authenticator()
    with browser(served) as thief:
        thief.log_in("guessed")
        for _ in range(5):
            thief.send("/login/factor/", code="000000")
        answer = thief.send("/login/factor/", code=code(secret, 1))
        assert "Too many log-ins have failed" in answer.text
        assert not thief.logged_in()


def test_a_factor_is_removed_by_its_owner_alone(home: Home, someone: Browser) -> None:
    make_person(home, "tired")
    someone.log_in("tired")
    someone.add_authenticator()
    assert someone.send("/console/account/authenticator/remove/").status_code == 302
    assert events(home, "mfa.removed", "user:tired")[0]["detail"] == {"factor": "totp"}
    someone.send("/login/out/")
    assert someone.log_in("tired").headers["location"] == "/console/"


@pytest.fixture
def strict(founded: Home, tmp_path: Path) -> Iterator[Site]:
    with real_certwright.copy(founded, tmp_path / "home", Path(os.environ[RUN])) as home:
        home.configure(PROXIED | {"login": {"mfa": "required"}})
        with home.served() as site:
            yield site


def test_where_a_factor_is_required_it_comes_before_anything_else(strict: Site) -> None:
    make_person(strict.home, "new")
    with browser(strict) as someone:
        someone.log_in("new", PASSWORD)
        for path in ("/console/", "/console/people/", "/console/account/sessions/"):
            assert someone.get(path).headers["location"] == "/console/account/"
        assert "A second factor is required here" in someone.get("/console/account/").text
        someone.add_authenticator()
        assert someone.get("/console/").status_code == 200
        answer = someone.send("/console/account/authenticator/remove/", page="/console/account/passkeys/add/")
        assert alerts(answer) == ["A second factor is required here; add a passkey first."]
        assert someone.get("/console/").status_code == 200
