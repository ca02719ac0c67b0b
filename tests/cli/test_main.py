"""What all commands have in common: JSON, exit status, one line of error, no questions."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import certwright
from certwright.cli.main import COMMANDS, app
from certwright.cli.output import one_line
from tests.cli.conftest import Shell
from tests.cli.reference import commands

CERTWRIGHT = [sys.executable, "-c", "import sys; from certwright.site.command import main; sys.exit(main())"]


ALL = commands()


@pytest.mark.parametrize("path", ALL)
def test_every_command_takes_home_and_json_and_says_what_it_does(path: str) -> None:
    options = {name for parameter in ALL[path].params for name in parameter.opts}
    assert {"--home", "--json"} <= options
    assert ALL[path].help
    for parameter in ALL[path].params:
        assert getattr(parameter, "help", ""), parameter.name


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    root = typer.main.get_command(app)
    for name, (_, _, summary) in COMMANDS.items():
        command = root.get_command(None, name)  # type: ignore[attr-defined]
        assert (command.help or "").split("\n\n")[0].rstrip(".") == summary.rstrip("."), name


@pytest.mark.parametrize("path", [path for path in ALL if path.endswith((" list", "certificates"))])
def test_lists_are_json_and_nothing_else(path: str, shell: Shell) -> None:
    (found,) = [value for value in shell.gives(*path.split()[1:]).values() if isinstance(value, list)]
    assert shell.does(*path.split()[1:]) == "none\n" or found


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "Missing command; see `certwright --help`"),
        (["authority"], "Missing command; see `certwright authority --help`"),
        (["nonsense"], "No such command 'nonsense'; see `certwright --help`"),
        (["issue"], "Missing option '--profile'; see `certwright issue --help`"),
        (["show"], "Missing argument 'FINGERPRINT|SERIAL'; see `certwright show --help`"),
        (["list", "--nonsense"], "No such command 'list'; see `certwright --help`"),
        (["certificates", "--xyz"], "No such option: --xyz; see `certwright certificates --help`"),
        (["certificates", "--limit", "0"], "Invalid value for '--limit'"),
    ],
)
def test_what_is_not_understood_is_told_on_one_line(arguments: list[str], line: str, shell: Shell) -> None:
    outcome = shell(*arguments)
    assert (outcome.status, outcome.out) == (2, "")
    (said,) = outcome.err.splitlines()
    assert said.startswith(f"certwright: {line}")


@pytest.mark.parametrize("path", [path for path in ALL if path.endswith((" list", "certificates"))])
def test_without_an_installation(path: str, shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "nothing"
    said = shell.refuses(*path.split()[1:], "--home", home)
    assert said == f"{home} holds no installation yet; run `certwright init`"
    assert not home.exists()


def test_the_version(shell: Shell) -> None:
    assert shell.does("--version") == f"certwright {certwright.__version__}\n"


def test_a_setting_that_is_wrong_says_where(shell: Shell) -> None:
    (shell.home / "certwright.toml").write_text('colour = "blue"\n')
    assert f"{shell.home}/certwright.toml: there is no setting colour" in shell.refuses("certificates")


def test_looking_leaves_no_trace(shell: Shell) -> None:
    before = shell.gives("audit", "verify")["events"]
    for path in ALL:
        if path.endswith((" list", "certificates")):
            shell.does(*path.split()[1:])
    assert shell.gives("audit", "verify")["events"] == before


# -- as a process --------------------------------------------------------------------------------


def started(*arguments: str, **more: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*CERTWRIGHT, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **more,  # type: ignore[call-overload]
    )


LOADED = """
import sys
from certwright.site.command import main
sys.argv = ["certwright", "--help"]
main()
print([name for name in ("django", "cryptography", "rich", "asyncio", "pydantic") if name in sys.modules])
"""


def test_help_loads_next_to_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
    assert re.search(r"^  audit +The audit log\.", done.stdout, re.MULTILINE)


def test_nobody_is_asked_anything(shell: Shell) -> None:
    done = started("crl", "publish", "root", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stderr == (
        "certwright: the key is under the recovery passphrase; give that with --recovery-passphrase-file\n"
    )


def test_a_reader_that_goes_away_is_no_error_to_shout_about(shell: Shell) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*CERTWRIGHT, "profile", "show", "tls-server"], stdout=writing, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 1


def test_a_key_goes_where_only_its_owner_reads_whatever_the_umask(shell: Shell) -> None:
    done = started("issue", "--profile", "tls-server", "--dns", "a.test", umask=0)
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "a.test/key.pem").stat().st_mode & 0o777 == 0o600
    assert (shell.folder / "a.test").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_leaves_no_certificate(shell: Shell) -> None:
    before = len(shell.gives("certificates")["certificates"])
    (shell.folder / "file").write_text("")
    said = shell.refuses("issue", "--profile", "tls-server", "--dns", "a.test", "--out", "file/below")
    assert "Not a directory" in said
    assert len(shell.gives("certificates")["certificates"]) == before


def test_an_error_cannot_steer_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTWRIGHT_DATABAS\x1b", "x")
    assert r"there is no setting CERTWRIGHT_DATABAS\x1b;" in shell.refuses("audit", "list")
    assert one_line("a\n b\x1b[2J\udc80\u202e\u00e9") == r"a b\x1b[2J\udc80\u202e" + "\u00e9"
