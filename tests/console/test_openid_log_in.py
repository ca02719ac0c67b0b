"""Log-in by a real OpenID provider."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from certwright.core.access import Grant, Role
from certwright.operations.grant_role import grant_role
from certwright.operations.manage_users import disable_user
from tests.conftest import RUN
from tests.console.browsing import PROXIED, Browser, alerts, browser, code, events, make_person
from tests.real import certwright as real_certwright
from tests.real import openid
from tests.real.certwright import ADMINISTRATOR, Home, Site
from tests.real.openid import OpenIdProvider
from tests.real.processes import free_port

DONE = "/login/from/corp/done/"


@dataclass(frozen=True, slots=True)
class Place:
    site: Site
    provider: OpenIdProvider

    def answer(self, who: Browser, subject: str, begin: str = "/login/from/corp/") -> str:
        """Where the provider sends one back to, as path and query."""
        there = who.get(begin)
        assert there.status_code == 302, there.text
        back = self.provider.log_in(there.headers["location"], subject)
        assert back.startswith(self.site.url("https", DONE)), back
        return back.removeprefix(self.site.url("https", ""))

    def log_in(self, who: Browser, subject: str, begin: str = "/login/from/corp/") -> httpx.Response:
        return who.get(self.answer(who, subject, begin))


@pytest.fixture(scope="module")
def place(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("openid")
    with real_certwright.copy(founded, folder / "home", Path(os.environ[RUN])) as home:
        port = free_port()
        (folder / "secret").write_text(openid.SECRET)
        corp = {
            "label": "Corporate",
            "issuer": f"http://127.0.0.1:{port}",
            "client_id": openid.CLIENT,
            "client_secret_file": str(folder / "secret"),
            "create": True,
            "groups": {"pki-admins": ["administrator"]},
        }
        down = corp | {"issuer": "http://127.0.0.1:9", "label": ""}
        wrong = corp | {"issuer": f"http://127.0.0.1:{port}/", "create": False}
        home.configure(PROXIED | {"login": {"oidc": {"corp": corp, "down": down, "wrong": wrong}}})
        redirect = f"https://localhost:{home.ports['https']}{DONE}"
        with openid.served(folder / "provider", port, redirect) as provider, home.served() as site:
            yield Place(site, provider)


def test_a_first_log_in_makes_an_account_that_follows_its_groups(place: Place) -> None:
    place.provider.person("s-1", preferred_username="Olga", name="Olga O.", email="o@example.test")
    with browser(place.site) as olga:
        assert ">Log in with Corporate</a>" in olga.get("/login/").text
        assert place.log_in(olga, "s-1").headers["location"] == "/console/"
        assert "Olga O." in olga.get("/console/account/").text
        assert olga.get("/console/people/").status_code == 403
        assert olga.get("/login/password/").status_code == 409
    (made,) = events(place.site.home, "user.created", "user:olga")
    assert (made["actor"], made["detail"]["origin"]) == ("source:oidc:corp", "oidc:corp")
    assert events(place.site.home, "login.succeeded", "user:olga")[0]["detail"]["methods"] == ["oidc:corp"]
    for groups, status in ((["pki-admins"], 200), ([], 403)):
        place.provider.person("s-1", preferred_username="renamed", groups=groups)
        with browser(place.site) as olga:
            place.log_in(olga, "s-1")
            assert olga.get("/console/people/").status_code == status
    assert not events(place.site.home, "user.created", "user:renamed")


def test_an_answer_is_good_once_and_in_its_own_browser(place: Place) -> None:
    place.provider.person("s-2", preferred_username="pia")
    with browser(place.site) as pia, browser(place.site) as thief:
        answer = place.answer(pia, "s-2")
        assert thief.get(answer).status_code == 401
        thief.get("/login/from/corp/")
        assert thief.get(answer).status_code == 401
        assert not thief.logged_in()
        assert pia.get(answer).status_code == 302
        pia.send("/login/out/")
        assert pia.get(answer).status_code == 401
        state = parse_qs(urlsplit(answer).query)["state"][0]
        for forged in (f"{DONE}?code=x&state={state}", f"{DONE}?code=x&state=%00", DONE):
            assert "begin again" in alerts(pia.get(forged))[0]
        assert not pia.logged_in()
    assert events(place.site.home, "login.failed")[0]["subject"].startswith("address:")


def test_a_code_of_another_log_in_or_provider_is_refused(place: Place) -> None:
    place.provider.person("s-3", preferred_username="quin")
    with browser(place.site) as quin, browser(place.site) as other:
        theirs = parse_qs(urlsplit(place.answer(other, "s-3")).query)
        ours = parse_qs(urlsplit(quin.get("/login/from/corp/").headers["location"]).query)
        mixed = f"{DONE}?code={theirs['code'][0]}&state={ours['state'][0]}&iss={theirs['iss'][0]}"
        assert quin.get(mixed).status_code == 503  # its PKCE challenge is another's
        ours = parse_qs(urlsplit(quin.get("/login/from/corp/").headers["location"]).query)
        answer = quin.get(f"{DONE}?code=x&state={ours['state'][0]}&iss=https://evil.example")
        assert "another provider" in alerts(answer)[0]
        ours = parse_qs(urlsplit(quin.get("/login/from/corp/").headers["location"]).query)
        answer = quin.get(f"{DONE}?error=access_denied&state={ours['state'][0]}&iss={place.provider.issuer}")
        assert "access_denied" in alerts(answer)[0]
        assert not quin.logged_in()


def test_an_account_with_the_same_name_is_not_taken_over(place: Place) -> None:
    make_person(place.site.home, "rita")
    place.provider.person("s-4", preferred_username="rita", email="rita@example.test", groups=["pki-admins"])
    with browser(place.site) as rita:
        answer = place.log_in(rita, "s-4")
        assert answer.status_code == 409
        assert "there is an account rita already" in alerts(answer)[0]
        assert not rita.logged_in()


def test_a_second_factor_and_a_disabled_account_hold_as_ever(place: Place) -> None:
    place.provider.person("s-5", preferred_username="sven")
    with browser(place.site) as sven:
        place.log_in(sven, "s-5")
        secret = sven.add_authenticator() if fresh(place, sven, "s-5") else ""
        sven.send("/login/out/")
        assert place.log_in(sven, "s-5").headers["location"] == "/login/factor/"
        assert not sven.logged_in()
        assert sven.send("/login/factor/", code=code(secret, 1)).headers["location"] == "/console/"
        place.site.home.run(lambda context: disable_user(context, ADMINISTRATOR, "sven"))
        assert not sven.logged_in()
        assert place.log_in(sven, "s-5").status_code == 403


def fresh(place: Place, who: Browser, subject: str) -> bool:
    """Give the proof that an act asks for anew: at the provider."""
    asked = who.get("/console/account/authenticator/")
    assert asked.headers["location"] == "/login/from/corp/?next=%2Fconsole%2Faccount%2Fauthenticator%2F"
    there = who.get(asked.headers["location"]).headers["location"]
    assert {"prompt": ["login"], "max_age": ["0"]}.items() <= parse_qs(urlsplit(there).query).items()
    back = place.provider.log_in(there, subject).removeprefix(place.site.url("https", ""))
    return who.get(back).headers.get("location") == "/console/account/authenticator/"


def test_dangerous_acts_want_a_proof_by_the_same_person(place: Place) -> None:
    place.provider.person("s-6", preferred_username="tina", groups=["pki-admins"])
    place.provider.person("s-7", preferred_username="udo")
    with browser(place.site) as tina:
        place.log_in(tina, "s-6")
        asked = tina.get("/console/people/new/").headers["location"]
        there = tina.get(asked).headers["location"]
        other = place.provider.log_in(there, "s-7").removeprefix(place.site.url("https", ""))
        assert "not for tina" in alerts(tina.get(other))[0]
        assert tina.get("/console/people/new/").status_code == 302
        back = place.log_in(tina, "s-6", asked)
        assert back.headers["location"] == "/console/people/new/"
        assert tina.get("/console/people/new/").status_code == 200


def test_one_comes_back_to_pages_of_ours_alone(place: Place) -> None:
    place.provider.person("s-8", preferred_username="vera")
    for wanted, got in (
        ("/console/certificates/", "/console/certificates/"),
        ("https://evil.example/", "/console/"),
    ):
        with browser(place.site) as vera:
            answer = place.log_in(vera, "s-8", f"/login/from/corp/?next={wanted}")
            assert answer.headers["location"] == got


def test_a_provider_that_is_down_or_another_is_told(place: Place) -> None:
    with browser(place.site) as someone:
        assert someone.get("/login/from/down/").status_code == 503
        assert "another issuer" in alerts(someone.get("/login/from/wrong/"))[0]
        assert someone.get("/login/from/none/").status_code == 404


def test_roles_given_here_stay(place: Place) -> None:
    place.provider.person("s-9", preferred_username="wim", groups=["pki-admins"])
    home = place.site.home
    with browser(place.site) as wim:
        place.log_in(wim, "s-9")
        home.run(lambda context: grant_role(context, ADMINISTRATOR, "user:wim", Grant(Role.ADMINISTRATOR)))
        place.provider.person("s-9", preferred_username="wim")
        wim.send("/login/out/")
        place.log_in(wim, "s-9")
        assert wim.get("/console/people/").status_code == 200
    assert len(events(home, "grant.withdrawn", "user:wim")) == 1
