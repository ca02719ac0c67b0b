"""One installation for all tests of commands, founded once and copied for each; they run in this process."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from certwright.cli.main import run
from certwright.site.command import SiteWiring
from tests.cli.serving import CERTWRIGHT, Elsewhere, ports, up


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands on one installation, in a working folder of its own."""

    home: Path
    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Outcome:
        """Any command, as it would be typed."""
        self.capture.readouterr()
        status = run(SiteWiring(), [str(argument) for argument in arguments])
        return Outcome(status, *self.capture.readouterr())

    def does(self, *arguments: str | Path) -> str:
        """A command that must succeed; what it says."""
        outcome = self(*arguments)
        assert (outcome.status, outcome.err) == (0, ""), outcome.err
        return outcome.out

    def gives(self, *arguments: str | Path) -> Any:
        """A command that must succeed; its JSON."""
        return json.loads(self.does(*arguments, "--json"))

    def refuses(self, *arguments: str | Path) -> str:
        """A command that must fail; the lines on standard error, without their beginning."""
        outcome = self(*arguments)
        assert outcome.status == 1
        assert outcome.out == ""
        lines = outcome.err.splitlines()
        assert all(line.startswith("certwright: ") for line in lines)
        return "\n".join(line.removeprefix("certwright: ") for line in lines)


@dataclass(frozen=True, slots=True)
class Founding:
    """The installation that is copied, and what `init --json` said of it."""

    home: Path
    told: dict[str, Any]


@pytest.fixture(scope="session")
def founding(tmp_path_factory: pytest.TempPathFactory) -> Founding:
    from certwright.cli.initialize import founded_document
    from certwright.cli.wiring import InitializeOrder

    home = tmp_path_factory.mktemp("founding") / "home"
    order = InitializeOrder(home, "Example, Inc.", "ecdsa-p256", "http://localhost:8080")
    steps: list[str] = []
    return Founding(home, founded_document(SiteWiring().initialize(order, steps.append)))


@pytest.fixture(scope="module")
def served(founding: Founding, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A copy of the founded installation, served as a process of its own."""
    folder = tmp_path_factory.mktemp("served")
    home, chosen = folder / "home", ports()
    shutil.copytree(founding.home, home)
    secrets = [_token(home, "remote", "ra-officer"), _token(home, "administrator", "administrator")]
    with up(home, folder / "log", *chosen.options):
        where = ("--url", f"https://localhost:{chosen.https}")
        trust = ("--root", str(home / "root.pem"))
        officer, administrator = [(*where, "--token", secret, *trust) for secret in secrets]
        yield Elsewhere(officer, administrator, home)


def _token(home: Path, name: str, role: str) -> str:
    order = ["token", "create", name, "--role", role, "--home", str(home)]
    made = subprocess.run([*CERTWRIGHT, *order], capture_output=True, text=True, check=True, timeout=60)
    return made.stdout.strip()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of whoever runs the tests counts, and files go to a folder of the test's own."""
    for name in [name for name in os.environ if name.startswith("CERTWRIGHT_") and "_TEST_" not in name]:
        monkeypatch.delenv(name)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def shell(
    founding: Founding,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """Commands on a fresh copy of the founded installation."""
    home = tmp_path / "home"
    shutil.copytree(founding.home, home)
    monkeypatch.setenv("CERTWRIGHT_HOME", str(home))
    return Shell(home, tmp_path / "work", capsys)


@pytest.fixture
def passphrase(founding: Founding, tmp_path: Path) -> Path:
    """A file with the recovery passphrase."""
    path = tmp_path / "passphrase"
    path.write_text(founding.told["recovery_passphrase"] + "\n")
    return path
