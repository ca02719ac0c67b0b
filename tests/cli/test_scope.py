"""`certwright scope` and `finding`, here and over REST."""

import json
from pathlib import Path

import pytest

from certwright.operations.note_findings import check_health
from certwright.site.command import SiteWiring
from tests.cli.conftest import Shell
from tests.cli.serving import Elsewhere
from tests.cli.test_adopt import seen


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_scope_from_its_making_to_its_end(
    where: str, served: Elsewhere, shell: Shell, tmp_path: Path
) -> None:
    at: tuple[str | Path, ...] = ("--home", served.home) if where == "here" else tuple(served.administrator)
    name, file = f"scope-{where}", tmp_path / "scope.json"
    file.write_text(json.dumps({"name": name, "source": "network", "targets": ["127.0.0.1:9"]}))
    assert f"Saved scope  {name}" in shell.does("scope", "save", file, *at)
    shown = shell.gives("scope", "show", name, *at)
    assert (shown["targets"], shown["version"], shown["every_minutes"]) == (["127.0.0.1:9"], 1, 0)
    run = shell.gives("scope", "run", name, *at)["id"]  # while no schedule begins one
    assert run in shell.does("scope", "runs", *at)
    outcome = shell("scope", "stop", run, *at)  # a worker may have been faster
    assert "Stopped run" in outcome.out or "has ended already" in outcome.err
    file.write_text(json.dumps(shown | {"every_minutes": 1440, "quiet": ["mon-fri 08:00-18:00"]}))
    assert shell.gives("scope", "save", file, *at)["version"] == 2
    assert "read it again" in shell.refuses("scope", "save", file, *at)
    assert f"{name}  network  1        1440 min" in shell.does("scope", "list", *at)
    assert shell.does("scope", "remove", name, *at) == f"Removed scope {name}\n"
    assert "there is no discovery scope" in shell.refuses("scope", "show", name, *at)


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_finding_is_shown_and_answered(where: str, served: Elsewhere, shell: Shell) -> None:
    at: tuple[str | Path, ...] = ("--home", served.home) if where == "here" else tuple(served.administrator)
    fingerprint = seen(served.home, f"finding-{where}")
    SiteWiring().run(served.home, lambda context, actor: check_health(context))
    of_it = ("finding", "list", "--code", "served.chain-incomplete", "--limit", "1000")
    found = {one["certificate"]: one for one in shell.gives(*of_it, *at)["findings"]}
    number = found[fingerprint]["id"]
    told = shell.does("finding", "show", number, *at)
    assert "what to do" in told
    assert f"finding-{where}.test:443" in shell.does(*of_it, *at)
    assert "Acknowledged served.chain-incomplete" in shell.does("finding", "acknowledge", number, *at)
    typed = ("finding", "accept", number, "--reason", "a test", "--for", "10d")
    assert shell.gives(*typed, *at)["state"] == "accepted"
    accepted = shell.gives("finding", "list", "--state", "accepted", *at)["findings"]
    assert number in [one["id"] for one in accepted]
    assert "there is no finding" in shell.refuses("finding", "show", "x", *at)
    assert "known are" in shell.refuses("finding", "list", "--severity", "loud", "--home", served.home)
