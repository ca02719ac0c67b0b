"""Rules of issuance in the console: read, compared, drafted, tried, run, put in force; what is refused."""

import re
from collections.abc import Iterator
from dataclasses import fields

import pytest

from certwright.console.policy.words import CONDITIONS
from certwright.core.access import Role
from certwright.core.rules_conditions import Conditions
from certwright.operations.context import Context
from certwright.operations.policy_replays import list_replays, replay_follow_up
from tests.console.browsing import Browser, alerts, browser, make_person
from tests.real.certwright import ADMINISTRATOR, Home, Site

PAY = """[[rule]]
name = "pay"
description = "Names of <b>payment</b> systems."
when.names.dns = [".pay.example"]
approval = [{ step = "pki", from = ["role:ra-officer"], quorum = 1, expires = "14d" }]
"""
TRIAL = "profile=tls-server&authority=issuing&key_algorithm=ecdsa-p256&days=9"
NOTHING = '[[rule]]\nname = "nothing"\nrefuse = "Nothing <script>today</script>."\n'


@pytest.fixture(scope="module")
def site(home: Home, served: Site) -> Site:
    for name, role in (("officer", Role.SECURITY_OFFICER), ("auditor", Role.AUDITOR)):
        make_person(home, name, role)
    make_person(home, "nobody")
    return served


@pytest.fixture(scope="module")
def officer(site: Site) -> Iterator[Browser]:
    with browser(site) as made:
        made.log_in("officer")
        yield made


def write(officer: Browser, toml: str) -> str:
    """The address of a draft."""
    made = officer.send("/console/policy/edit/", toml=toml)
    assert made.status_code == 302, alerts(made)
    return made.headers["location"]


async def run_all(context: Context) -> None:
    for row in await list_replays(context.database, ADMINISTRATOR):
        await replay_follow_up(context, {"replay": str(row.id)})


def test_from_the_first_draft_to_an_older_version(officer: Browser, home: Home) -> None:
    assert "There are no rules yet" in officer.get("/console/policy/").text
    draft = write(officer, PAY)
    shown = officer.get(draft).text
    assert "hx-trigger" in shown
    assert "It is not in force" in shown
    home.run(run_all)
    part = officer.client.get(draft, headers={"HX-Request": "true"}).text
    assert part.startswith("<section")
    assert "hx-trigger" not in part
    assert "Nobody would be affected" in part
    tried = (
        f"{draft}?names=a.pay.example&profile=tls-server&authority=issuing&key_algorithm=ecdsa-p256&days=9"
    )
    assert "It would need approval." in officer.get(tried).text
    assert "It would be issued" in officer.get(tried.replace("a.pay", "a.play")).text
    assert "is not a DNS name" in officer.get(tried.replace("a.pay", "a%20b")).text
    assert (
        officer.send(f"{draft}save/", comment="first <i>rules</i>").headers["location"] == "/console/policy/"
    )
    page = officer.get("/console/policy/").text
    assert "Version 1 is in force" in page
    assert "first &lt;i&gt;rules&lt;/i&gt;" in page
    assert "Names of &lt;b&gt;payment&lt;/b&gt; systems." in page
    assert officer.get("/console/policy/export.toml").text == PAY
    second = write(officer, PAY.replace("14d", "7d"))
    assert officer.send(f"{second}save/").status_code == 302
    compared = officer.get("/console/policy/compare/?from=1&to=2").text
    assert "Changed: pay" in compared
    assert "Version 1" in officer.get("/console/policy/versions/1/").text
    assert "14d" in officer.get("/console/policy/edit/?from=1").text
    again = write(officer, PAY)
    refused = officer.send(f"{draft}save/")
    assert (refused.status_code, alerts(refused)[-1]) == (
        409,
        "the rules are at version 2, these were made from 0; take those",
    )
    assert officer.send(f"{again}save/").status_code == 302
    assert "Version 3 is in force" in officer.get("/console/policy/").text
    assert officer.get("/console/policy/versions/9/").status_code == 404
    assert officer.get("/console/policy/compare/?from=x").status_code == 400


def test_warnings_come_before_saving(officer: Browser, home: Home) -> None:
    draft = write(officer, NOTHING)
    page = officer.get(draft)
    assert any("would refuse our own certificate" in one for one in alerts(page))
    assert any("would refuse everything at endpoint acme/default" in one for one in alerts(page))
    assert "<script>today" not in page.text
    home.run(run_all)
    assert "Nothing &lt;script&gt;today" in officer.get(draft).text
    refused = officer.send(f"{draft}save/")
    assert refused.status_code == 403
    assert "policy.own-renewal" in alerts(refused)[-1]
    assert officer.send(f"{draft}save/", anyway="on").status_code == 302
    passing = write(officer, "")
    assert officer.send(f"{passing}save/").status_code == 302


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[[rule]]\nname = 'x'\nrefus = 'no'\n", "line 1: rule[0].refus is not a field known here"),
        ("[[rule]]\nname = 'x'\nlimits.names.pattern.dns = '(((a+)+)+'\n", "a ( without its )"),
        ("[[rule]]\nname = '<b>x</b>'\nrefuse = 'no'\n", "rule[0].name must be 1 to 64 lower-case letters"),
        ('[[rule]]\nname = "x"\nrefuse = "a\\u0007b"\n', "rule[0].refuse"),
        ("a.b" * 20 + " = 1", "a key has more than 16 parts"),
        ("[[rule]\n", "the rules are not TOML"),
        ("# " + "a" * 262_143, "more than 256 KiB"),
    ],
)
def test_what_cannot_be_read_is_named(officer: Browser, toml: str, said: str) -> None:
    refused = officer.send("/console/policy/edit/", toml=toml)
    assert refused.status_code == 400
    assert said in alerts(refused)[0]
    assert "<b>x</b>" not in refused.text


def test_an_expression_that_would_explode_elsewhere(officer: Browser) -> None:
    draft = write(officer, "[[rule]]\nname = 'x'\nlimits.names.pattern.dns = '(a+)+b'\n")
    name = "a" * 60 + ".example"
    tried = officer.get(
        f"{draft}?names={name}&profile=tls-server&authority=issuing&key_algorithm=ed25519&days=9"
    )
    assert "does not follow the convention" in tried.text


def test_an_upload(officer: Browser) -> None:
    page = officer.get("/console/policy/edit/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token

    def upload(content: bytes) -> "tuple[int, list[str]]":
        answer = officer.client.post(
            "/console/policy/edit/",
            data={"csrfmiddlewaretoken": token[1]},
            files={"file": ("rules.toml", content)},
            headers={"Referer": officer.site.url("https", "/console/policy/edit/")},
        )
        return answer.status_code, alerts(answer)

    assert upload(PAY.encode())[0] == 302
    assert upload(b"\xff\xfe") == (400, ["The file is no text in UTF-8."])
    status, said = upload(b"#" * 1_000_000)
    assert (status, said) in ((400, ["the rules have more than 256 KiB"]), (413, said), (400, said))


def test_who_may_what(site: Site) -> None:
    with browser(site) as auditor:
        auditor.log_in("auditor")
        assert auditor.get("/console/policy/").status_code == 200
        assert "Write a draft" not in auditor.get("/console/policy/").text
        refused = auditor.send("/console/policy/edit/", toml=PAY)
        assert (refused.status_code, "no role that permits" in alerts(refused)[0]) == (403, True)
    with browser(site) as nobody:
        nobody.log_in("nobody")
        for path in ("", "export.toml", "versions/1/", "compare/", "edit/"):
            assert nobody.get(f"/console/policy/{path}").status_code == 403


def test_there_are_words_for_every_condition_and_limit() -> None:
    """A rule of any kind is shown, not a failure."""
    known = {field.name.rstrip("_") for field in fields(Conditions)}
    known = known - {"since"} | {"from"}
    assert known <= set(CONDITIONS), "say it in console/policy/words.py"
