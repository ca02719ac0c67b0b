"""Log-in by a real SAML identity provider."""

import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from certwright.core.access import Grant, Role
from certwright.operations.context import Context
from certwright.operations.grant_role import grant_role
from certwright.operations.manage_users import disable_user
from tests.conftest import RUN
from tests.console.browsing import PROXIED, Browser, alerts, browser, code, events, make_person
from tests.real import certwright as real_certwright
from tests.real import saml
from tests.real.certwright import ADMINISTRATOR, Home, Site
from tests.real.processes import free_port
from tests.real.saml import Form, SamlProvider, form_of

BEGIN, ANSWER, METADATA = "/login/saml/corp/", "/login/saml/corp/acs", "/login/saml/corp/metadata"
OF_SESSION = "FROM django_session WHERE session_key = ?"


@dataclass(frozen=True, slots=True)
class Place:
    site: Site
    provider: SamlProvider

    def answer(self, who: Browser, subject: str, begin: str = BEGIN) -> Form:
        """What the provider has a browser post to us."""
        there = who.get(begin)
        assert there.status_code == 302, there.text
        where, form = self.provider.log_in(there.headers["location"], subject)
        assert where == self.site.url("https", ANSWER)
        return form

    def bring(self, who: Browser, form: Form) -> httpx.Response:
        """As a browser does: from another site no cookie goes along, from our own page they all do."""
        with browser(self.site) as elsewhere:
            page = elsewhere.client.post(ANSWER, data=form, headers={"Origin": self.provider.url})
        assert "set-cookie" not in page.headers
        where, resent = form_of(page)
        assert where == ANSWER
        return who.client.post(where, data=resent)

    def log_in(self, who: Browser, subject: str, begin: str = BEGIN) -> httpx.Response:
        return self.bring(who, self.answer(who, subject, begin))


@pytest.fixture(scope="module")
def place(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with opened(founded, tmp_path_factory.mktemp("saml")) as made:
        yield made


@contextmanager
def opened(founded: Home, folder: Path) -> Iterator[Place]:
    """A copy of this installation, and a provider that knows it."""
    with real_certwright.copy(founded, folder / "home", Path(os.environ[RUN])) as home:
        port = free_port()
        saml.write_key(folder / "provider")
        corp = {
            "label": "Corporate",
            "entity_id": saml.entity_id(port),
            "sso_url": f"http://127.0.0.1:{port}/sso",
            "certificate_file": str(folder / "provider" / "certificate.pem"),
            "create": True,
            "groups": {"pki-admins": ["administrator"]},
        }
        home.configure(PROXIED | {"login": {"saml": {"corp": corp, "other": corp | {"label": ""}}}})
        with home.served() as site, browser(site) as someone:
            ours = someone.get(METADATA)
            assert ours.headers["content-type"] == "application/samlmetadata+xml"
            with saml.served(folder / "provider", port, ours.text) as provider:
                yield Place(site, provider)


def test_a_first_log_in_makes_an_account_that_follows_its_groups(place: Place) -> None:
    place.provider.person("s-1", uid="Olga", displayName="Olga O.", mail="o@example.test")
    with browser(place.site) as olga:
        assert ">Log in with Corporate</a>" in olga.get("/login/").text
        assert place.log_in(olga, "s-1").headers["location"] == "/console/"
        assert "Olga O." in olga.get("/console/account/").text
        assert olga.get("/console/people/").status_code == 403
        assert olga.get("/login/password/").status_code == 409
    (made,) = events(place.site.home, "user.created", "user:olga")
    assert (made["actor"], made["detail"]["origin"]) == ("source:saml:corp", "saml:corp")
    assert events(place.site.home, "login.succeeded", "user:olga")[0]["detail"]["methods"] == ["saml:corp"]
    for groups, signed, status in ((["pki-admins", "x"], "response", 200), (["x"], "both", 403)):
        place.provider.person("s-1", uid="renamed", groups=groups, signed=signed)
        with browser(place.site) as olga:
            place.log_in(olga, "s-1")
            assert olga.get("/console/people/").status_code == status
    assert not events(place.site.home, "user.created", "user:renamed")


def test_an_answer_is_good_once_and_in_its_own_browser(place: Place) -> None:
    place.provider.person("s-2", uid="pia")
    with browser(place.site) as pia, browser(place.site) as thief:
        form = place.answer(pia, "s-2")
        assert place.bring(thief, form).status_code == 401
        thief.get(BEGIN)
        assert place.bring(thief, form).status_code == 401
        assert not thief.logged_in()
        assert place.bring(pia, form).status_code == 302
        pia.send("/login/out/")
        assert place.bring(pia, form).status_code == 401
        for other in ({}, {"RelayState": ""}, {"RelayState": "\0"}, {"SAMLResponse": ""}):
            assert "begin again" in alerts(place.bring(pia, form | other))[0]
        assert not pia.logged_in()
    failed = events(place.site.home, "login.failed")[0]
    assert (failed["subject"][:8], failed["detail"]["proof"]) == ("address:", "saml:corp")


def test_an_answer_to_something_else_is_refused(place: Place) -> None:
    place.provider.person("s-3", uid="quin")
    with browser(place.site) as quin, browser(place.site) as other:
        theirs = place.answer(other, "s-3")
        for form, status, told in (
            (theirs, 401, "answers another log-in"),
            ({"SAMLResponse": "PHg+"}, 401, "no XML"),
            ({"SAMLResponse": "?"}, 400, "no base64"),
        ):
            ours = parse_qs(urlsplit(quin.get(BEGIN).headers["location"]).query)["RelayState"][0]
            answer = place.bring(quin, {**form, "RelayState": ours})
            assert answer.status_code == status
            assert told in alerts(answer)[0]
        ours = place.answer(quin, "s-3")
        there = quin.client.post("/login/saml/other/acs", data=ours)
        assert "not begun in this browser" in alerts(there)[0]
        assert not quin.logged_in()


def test_what_is_too_large_or_comes_in_another_way_is_not_looked_at(place: Place) -> None:
    with browser(place.site) as someone:
        large = someone.client.post(ANSWER, data={"SAMLResponse": "A" * 196_609, "RelayState": "x"})
        assert large.status_code == 413
        assert someone.client.post(ANSWER, data={"RelayState": "x" * 81}).status_code == 413
        assert someone.client.post(ANSWER, data={"SAMLResponse": "A" * 300_000}).status_code == 413
        assert someone.get(ANSWER).status_code == 405
        for address in ("", "acs", "metadata"):
            path = f"/login/saml/none/{address}"
            found = someone.client.post(path) if address == "acs" else someone.get(path)
            assert found.status_code == 404


def test_the_page_between_quotes_what_it_sends_on(place: Place) -> None:
    with browser(place.site) as someone:
        page = someone.client.post(ANSWER, data={"SAMLResponse": '"><script>', "RelayState": "'<b>"})
        assert form_of(page)[1] == {"SAMLResponse": '"><script>', "RelayState": "'<b>", "resent": "yes"}
        assert "<script>" not in page.text
        assert "form-action 'self'" in page.headers["content-security-policy"]


def test_an_account_with_the_same_name_is_not_taken_over(place: Place) -> None:
    make_person(place.site.home, "rita")
    place.provider.person("s-4", uid="rita", mail="rita@example.test", groups=["pki-admins"])
    with browser(place.site) as rita:
        answer = place.log_in(rita, "s-4")
        assert answer.status_code == 409
        assert "there is an account rita already" in alerts(answer)[0]
        assert not rita.logged_in()


def test_a_second_factor_and_a_disabled_account_hold_as_ever(place: Place) -> None:
    place.provider.person("s-5", uid="sven", proved_seconds_ago=5000)
    with browser(place.site) as sven:
        place.log_in(sven, "s-5")
        place.provider.person("s-5", uid="sven")
        again = place.answer(sven, "s-5", to_prove(sven, "/console/account/authenticator/"))
        assert place.bring(sven, again).headers["location"] == "/console/account/authenticator/"
        secret = sven.add_authenticator()
        sven.send("/login/out/")
        assert place.log_in(sven, "s-5").headers["location"] == "/login/factor/"
        assert not sven.logged_in()
        assert sven.send("/login/factor/", code=code(secret, 1)).headers["location"] == "/console/"
        place.site.home.run(lambda context: disable_user(context, ADMINISTRATOR, "sven"))
        assert not sven.logged_in()
        assert place.log_in(sven, "s-5").status_code == 403


def to_prove(who: Browser, page: str) -> str:
    """Where a page that wants a fresh proof sends people."""
    with_old_proof = who.get(page).headers["location"]
    assert with_old_proof.startswith(f"{BEGIN}?next=%2Fconsole%2F"), with_old_proof
    return with_old_proof


def test_dangerous_acts_want_a_proof_anew_by_the_same_person(place: Place) -> None:
    place.provider.person("s-6", uid="tina", groups=["pki-admins"], proved_seconds_ago=5000)
    place.provider.person("s-7", uid="udo")
    with browser(place.site) as tina:
        place.log_in(tina, "s-6")
        asked = to_prove(tina, "/console/people/new/")
        assert "not for tina" in alerts(place.log_in(tina, "s-7", asked))[0]
        assert "no proof was asked for anew" in alerts(place.log_in(tina, "s-6", asked))[0]
        assert tina.get("/console/people/new/").status_code == 302
        place.provider.person("s-6", uid="tina", groups=["pki-admins"])
        assert place.log_in(tina, "s-6", asked).headers["location"] == "/console/people/new/"
        assert tina.get("/console/people/new/").status_code == 200


def test_an_answer_is_good_once_whatever_the_session_says(place: Place) -> None:
    """As of two that come at the same time, both before the session is kept in which it is used."""
    place.provider.person("s-10", uid="xenia", proved_seconds_ago=5000)
    with browser(place.site) as xenia:
        place.log_in(xenia, "s-10")
        place.provider.person("s-10", uid="xenia")
        form = place.answer(xenia, "s-10", to_prove(xenia, "/console/account/authenticator/"))
        key = xenia.client.cookies["__Host-certwright"]

        async def read(context: Context) -> str:
            rows = await context.database.query(f"SELECT session_data {OF_SESSION}", key)
            return str(rows[0][0])

        async def write(context: Context) -> None:
            async with context.database.transaction(0) as transaction:
                sql = "UPDATE django_session SET session_data = ? WHERE session_key = ?"
                await transaction.execute(sql, (kept, key))

        kept = place.site.home.run(read)
        assert place.bring(xenia, form).status_code == 302
        place.site.home.run(write)
        again = place.bring(xenia, form)
        assert (again.status_code, "used already" in alerts(again)[0]) == (401, True)


def test_one_comes_back_to_pages_of_ours_alone(place: Place) -> None:
    place.provider.person("s-8", uid="vera")
    for wanted, got in (
        ("/console/certificates/", "/console/certificates/"),
        ("https://evil.example/", "/console/"),
    ):
        with browser(place.site) as vera:
            form = place.answer(vera, "s-8", f"{BEGIN}?next={wanted}")
            lines = "\r\n".join(textwrap.wrap(form["SAMLResponse"], 76))  # as some write base64
            answer = place.bring(vera, form | {"SAMLResponse": lines})
            assert answer.headers["location"] == got


def test_roles_given_here_stay(place: Place) -> None:
    place.provider.person("s-9", uid="wim", groups=["pki-admins"])
    home = place.site.home
    with browser(place.site) as wim:
        place.log_in(wim, "s-9")
        home.run(lambda context: grant_role(context, ADMINISTRATOR, "user:wim", Grant(Role.ADMINISTRATOR)))
        place.provider.person("s-9", uid="wim")
        wim.send("/login/out/")
        place.log_in(wim, "s-9")
        assert wim.get("/console/people/").status_code == 200
    assert len(events(home, "grant.withdrawn", "user:wim")) == 1
