"""Rules and requests on the command line, here and on another machine's installation."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.serving import Elsewhere

RULES = """\
[[rule]]
name = "pay"
description = "Payments are approved."
when.names.dns = [".pay.test"]
approval = [{ step = "pki", from = ["role:administrator"], quorum = 1, expires = "14d" }]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def save(shell: Shell, rules: Path, *where: str | Path) -> None:
    """Unless they are in force."""
    if shell.gives("policy", "show", *where)["toml"] != RULES:
        shell.does("policy", "save", rules, "--comment", "for a test", *where)


def test_rules_are_shown_as_they_were_saved(shell: Shell, rules: Path) -> None:
    here = ("--home", shell.home)
    assert shell.does("policy", "show", *here) == "\n"
    assert shell.does("policy", "check", rules, *here) == "+ pay\n"
    assert shell.does("policy", "save", rules, "--comment", "first", *here) == "Rules 1 are in force\n"
    assert shell.does("policy", "show", *here) == RULES
    rules.write_text(RULES.replace("14d", "7d"))
    assert "approval" in shell.does("policy", "check", rules, *here)
    assert "made from 0" in shell.refuses("policy", "save", rules, "--based-on", "0", *here)
    shell.does("policy", "save", rules, *here)
    [newest, first] = shell.gives("policy", "history", *here)["versions"]
    assert (newest["number"], first["comment"]) == (2, "first")
    assert "~pay" in shell.does("policy", "history", *here)
    assert shell.does("policy", "show", "--number", "1", *here) == RULES
    rules.write_text("[[rule]]\nname = 'x'\n")
    assert "line 1: rule[0]" in shell.refuses("policy", "save", rules, *here)


def test_rules_that_stop_the_listeners_are_saved_anyway_only(shell: Shell, rules: Path) -> None:
    rules.write_text('[[rule]]\nname = "all"\nrefuse = "Nothing."\n')
    here = ("--home", shell.home)
    told = shell.refuses("policy", "save", rules, *here)
    assert "system:listeners" in told
    shell.does("policy", "save", rules, "--anyway", *here)


def test_a_draft_is_run_over_all_that_is_on_record(shell: Shell, rules: Path) -> None:
    """The listener's own certificate is the one there is."""
    rules.write_text('[[rule]]\nname = "all"\nrefuse = "Nothing."\n')
    here = ("--home", shell.home)
    assert "warning: rule all would refuse our own certificate" in shell.does("policy", "check", rules, *here)
    text = shell.does("policy", "replay", rules, *here)
    found = shell.gives("policy", "replay", rules, "--at", "2030-01-01", "--everything", *here)
    refused = found["certificates"]["after"]["refused"]
    assert found["certificates"]["judged"] == refused > 0
    assert f"{refused} would be refused" in text
    assert "rules: all" in text
    assert "0 requests" in text
    assert "--at" in shell.refuses("policy", "replay", rules, "--at", "soon", *here)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_request_from_issue_to_its_files(
    shell: Shell, served: Elsewhere, rules: Path, elsewhere: bool
) -> None:
    """The requester is here and the approver there, or an RA officer there."""
    here: Sequence[str | Path] = ("--home", served.home)
    asker = served.options if elsewhere else here
    save(shell, rules, *here)
    wish = ("--profile", "tls-server", "--dns", "shop.pay.test", "--out", "shop")
    previewed = shell.does("issue", *wish, "--preview", *asker)
    assert "pki (1 of role:administrator)" in previewed
    told = shell.does("issue", *wish, "--overwrite", "--comment", "new shop", *asker)
    assert "is waiting at step pki, for role:administrator" in told
    assert Path("shop/key.pem").exists()
    assert not Path("shop/certificate.pem").exists()
    [found, *_] = shell.gives("request", "list", "--status", "waiting", "--mine", *asker)["requests"]
    number = found["id"]
    assert number in told
    if not elsewhere:
        assert "own request" in shell.refuses("request", "approve", number, *here)
    assert "there is no certificate" in shell.refuses("request", "show", number, "--out", "shop", *asker)
    approved = shell.does("request", "approve", number, "--comment", "fine", *served.administrator)
    assert f"Request {number} is issued" in approved
    document = shell.gives("request", "show", number, "--out", "shop", *asker)
    assert document["files"]["fullchain"] == "shop/fullchain.pem"
    assert Path("shop/certificate.pem").read_text().startswith("-----BEGIN CERTIFICATE")
    assert json.loads(shell.does("request", "list", "--json", *asker))["requests"][0]["status"] == "issued"


def test_rejected_withdrawn_made_again(shell: Shell, served: Elsewhere, rules: Path) -> None:
    here: Sequence[str | Path] = ("--home", served.home)
    save(shell, rules, *here)
    wish = ("--profile", "tls-server", "--dns", "b.pay.test", "--out", "b")
    number = shell.gives("issue", *wish, *served.options)["id"]
    told = shell.does("request", "reject", number, "--reason", "Whose?", *served.administrator)
    assert "is rejected" in told
    assert "Whose?" in told
    again = shell.gives("request", "resubmit", number, "--comment", "ours", *served.options)
    assert again["resubmits"] == number
    assert "request of token:remote" in shell.refuses("request", "withdraw", again["id"], *here)
    assert "is withdrawn" in shell.does("request", "withdraw", again["id"], *served.options)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_right_is_handed_on_and_taken_back(shell: Shell, served: Elsewhere, elsewhere: bool) -> None:
    where: Sequence[str | Path] = served.administrator if elsewhere else ("--home", served.home)
    whose, deputy = (f"{name}{elsewhere:d}" for name in ("emil", "dora"))
    for name in (whose, deputy):
        shell.does("user", "create", name, *where)
    until = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    wish = ("request", "delegate", deputy, "--until", until, "--comment", "on leave")
    assert "say whose it is" in shell.refuses(*wish, *where)
    made = shell.gives(*wish, "--user", whose, *where)
    assert (made["user"], made["deputy"], made["ends_at"][:10]) == (whose, deputy, until)
    assert made in shell.gives("request", "delegations", *where)["delegations"]
    assert "on leave" in shell.does("request", "delegations", *where)
    taken = shell.does("request", "take-back", made["id"], *where)
    assert taken == f"{deputy} does not decide for {whose} any more\n"
    assert made["id"] not in shell.does("request", "delegations", *where)
    assert "ended already" in shell.refuses("request", "take-back", made["id"], *where)
    later = ("--from", until, "--until", until, "--user", whose)
    assert "until some moment to come" in shell.refuses("request", "delegate", deputy, *later, *where)


@pytest.mark.parametrize("number", ["x", "-1", "1" * 30, "12345"])
def test_what_names_no_request(shell: Shell, number: str) -> None:
    assert "there is no request" in shell.refuses("request", "show", "--home", shell.home, "--", number)


def test_a_status_that_is_none(shell: Shell) -> None:
    assert "a request is waiting" in shell.refuses(
        "request", "list", "--status", "open", "--home", shell.home
    )
