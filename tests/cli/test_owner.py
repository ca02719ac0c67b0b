"""`certwright owner`, `user` and `team`, here and over REST."""

from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.serving import Elsewhere


@pytest.mark.parametrize("where", ["here", "there"])
def test_people_and_what_they_answer_for(where: str, served: Elsewhere, shell: Shell) -> None:
    at: tuple[str | Path, ...] = ("--home", served.home) if where == "here" else tuple(served.administrator)
    one, two, team = f"one-{where}", f"two-{where}", f"team-{where}"
    password = shell.gives("user", "create", one, "--email", "one@x.test", *at)["password"]
    assert len(password) == 20
    assert shell.does("user", "create", two, "--service", *at) == f"Made account {two}\n"
    assert shell.does("user", "reset-password", one, *at).strip() != password
    shell.does("user", "change", one, "--display-name", "One", *at)
    shell.does("team", "create", team, "--description", "A team", *at)
    shell.does("team", "change", team, "--email", "team@x.test", *at)
    assert shell.gives("team", "add", team, one, *at)["members"] == [one]
    shell.does("team", "add", team, two, *at)
    assert shell.gives("team", "remove", team, two, *at)["members"] == [one]
    assert f"{team}  " in shell.does("team", "list", *at)
    made = shell.gives(
        "issue", "--profile", "tls-server", "--dns", f"{where}.o.example.test", "--out", where, *at
    )
    fingerprint = made["fingerprint"]
    done = shell.gives("owner", "assign", fingerprint, "--team", team, "--owner", one, "--tag", where, *at)
    assert [(each["team"], each["owner"]) for each in done["certificates"]] == [(team, one)]
    for typed in (("--owner", team), ("--owner", one), ("--tag", where)):
        found = shell.gives("certificates", *typed, *at)["certificates"]
        assert [each["fingerprint"] for each in found] == [fingerprint]
    assert fingerprint not in shell.does("certificates", "--unowned", "--json", *at)
    assert team in shell.does("show", fingerprint, *at)
    assert f"{team},{one},tls-server,issuing,1,0" in shell.does(
        "owner", "matrix", "--csv", "--expiring", "1s", *at
    )
    select = ("owner", "assign", "--of-tag", where, "--owner", two)
    assert shell.does(*select, "--dry-run", *at).startswith("1 would be changed")
    assert shell.gives(*select, *at) == {"changed": 1, "unchanged": 0, "refused": 0}
    assert "1 certificates" in shell.does("owner", "hand-over", two, "--owner", one, *at)
    left = shell.does("user", "disable", one, "--owner", two, *at)
    assert left == f"Disabled account {one}; it leaves 1 certificates, the worker hands them over\n"
    shell.does("user", "enable", one, *at)
    assert "disabled" not in shell.does("user", "list", *at)


def test_what_makes_no_sense_is_refused(served: Elsewhere, shell: Shell) -> None:
    at = ("--home", served.home)
    assert "either certificates or filters" in shell.refuses("owner", "assign", "--owner", "x", *at)
    assert "--dry-run" in shell.refuses("owner", "assign", "00", "--owner", "x", "--dry-run", *at)
    assert "nothing to assign" in shell.refuses("owner", "assign", "--of-nobody", *at)
    assert "nobody is named" in shell.refuses("owner", "hand-over", "x", *at)
