"""`certwright audit`: what was changed behind our back is found, in the database and in an export."""

import os
import pty
import sqlite3
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certwright.cli.wiring import Reading
from certwright.operations.export_audit import export_audit
from certwright.site.command import SiteWiring
from tests.cli.conftest import Outcome, Shell
from tests.cli.serving import CERTWRIGHT

NOW = datetime.now(UTC)


def change(shell: Shell, sql: str) -> None:
    with sqlite3.connect(shell.home / "certwright.sqlite3") as connection:
        connection.execute(sql)


def discrepancies(outcome: Outcome) -> list[str]:
    assert outcome.status == 1
    assert outcome.err.splitlines()[-1].endswith("found; the list is on standard output")
    return [one["kind"] for one in outcome.document["discrepancies"]]


def test_a_sound_log_gives_a_verified_checkpoint(shell: Shell) -> None:
    note = shell.does("audit", "checkpoint")
    said = shell.does("audit", "verify")
    assert said.startswith("Verified checkpoint, signed by the log's trusted key\n")
    document = shell.gives("audit", "verify")
    assert document["sound"]
    assert note.startswith(document["checkpoint"])


def test_what_no_checkpoint_covers_yet_is_checked_too(shell: Shell) -> None:
    shell.does("token", "create", "x", "--role", "auditor")
    document = shell.gives("audit", "verify")
    assert document["events"] > document["leaves"]
    assert "of which 1 after it" in shell.does("audit", "verify")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("UPDATE audit_event SET actor = 'local:mallory' WHERE kind = 'authority.founded'", "changed"),
        ("DELETE FROM audit_event WHERE kind = 'endpoint.saved'", "missing"),
        ("UPDATE audit_leaf SET event = -event WHERE position = 3", "missing"),
        ("DELETE FROM audit_checkpoint", "inconsistent"),
    ],
)
def test_a_change_is_found_and_put_on_record(sql: str, kind: str, shell: Shell) -> None:
    change(shell, sql)
    assert kind in discrepancies(shell("audit", "verify", "--json"))
    with sqlite3.connect(shell.home / "certwright.sqlite3") as connection:
        rows = connection.execute("SELECT 1 FROM audit_event WHERE kind = 'audit.discrepancy-found'")
        assert len(rows.fetchall()) == 1


def test_a_database_put_back_is_found_against_what_is_kept_outside(shell: Shell) -> None:
    before = (shell.home / "certwright.sqlite3").read_bytes()
    shell.does("token", "create", "x", "--role", "auditor")
    shell.does("audit", "checkpoint")
    (shell.home / "certwright.sqlite3").write_bytes(before)
    for name in ("certwright.sqlite3-wal", "certwright.sqlite3-shm"):
        (shell.home / name).unlink(missing_ok=True)
    assert discrepancies(shell("audit", "verify", "--json")) == ["rolled-back"]


def test_a_checkpoint_kept_elsewhere(shell: Shell, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(shell.gives("audit", "checkpoint")["checkpoint"])
    shell.does("audit", "verify", "--checkpoint", kept)
    text = kept.read_text().splitlines()
    text[1] = str(int(text[1]) + 1)
    kept.write_text("\n".join(text) + "\n")
    outcome = shell("audit", "verify", "--checkpoint", kept, "--json")
    assert discrepancies(outcome) == ["key-replaced", "rolled-back"]
    assert "nowhere: No such file" in shell.refuses("audit", "verify", "--checkpoint", "nowhere")


def test_an_export_is_checked_without_the_installation(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.does("audit", "checkpoint")
    key = shell.home / "audit/checkpoint-key.pub"
    assert "records to log" in shell.does("audit", "export", "log")
    assert "log exists" in shell.refuses("audit", "export", "log")
    assert shell.gives("audit", "verify", "--export", "log")["trusted"]
    monkeypatch.setenv("CERTWRIGHT_HOME", str(tmp_path / "nothing"))
    assert not shell.gives("audit", "verify", "--export", "log")["trusted"]
    assert shell.gives("audit", "verify", "--export", "log", "--key", key)["trusted"]
    path = shell.folder / "log"
    path.write_text(path.read_text().replace("authority.founded", "authority.retired", 1))
    assert "changed" in discrepancies(shell("audit", "verify", "--export", "log", "--key", key, "--json"))
    path.write_text("something else\n")
    assert "does not begin with a header" in shell.refuses("audit", "verify", "--export", "log")


def test_an_export_belongs_to_its_owner_and_is_whole_or_not_there(shell: Shell) -> None:
    shell.does("audit", "export", "log")
    assert os.stat(shell.folder / "log").st_mode & 0o777 == 0o600
    assert os.listdir(shell.folder) == ["log"]


def test_an_export_says_from_its_first_event_on_how_many_there_are(shell: Shell) -> None:
    events, told = shell.gives("audit", "verify")["events"], list[tuple[int, int]]()

    async def export(reading: Reading) -> None:
        async for _ in export_audit(reading.database, (), lambda done, total: told.append((done, total))):
            pass

    SiteWiring().read(shell.home, export)
    assert {total for _, total in told} == {events}
    assert list(dict.fromkeys(done for done, _ in told)) == list(range(events + 1))


# -- where somebody watches ----------------------------------------------------------------------

LONG = (("verify",), ("lint",), ("export", "log"))


def on_a_terminal(*arguments: str) -> str:
    """What a command, run as a process, shows on standard error where that is a terminal."""
    ours, its = pty.openpty()
    environment, shown = os.environ | {"TERM": "xterm", "COLUMNS": "80"}, b""
    done = subprocess.run(
        [*CERTWRIGHT, *arguments], stdout=subprocess.DEVNULL, stderr=its, timeout=60, env=environment
    )
    os.close(its)
    with suppress(OSError):  # so a terminal ends that nobody has open any more
        while octets := os.read(ours, 65536):
            shown += octets
    os.close(ours)
    assert done.returncode == 0, shown
    return shown.decode()


@pytest.mark.parametrize("order", LONG)
def test_long_work_shows_how_far_it_is_on_a_terminal_alone(order: tuple[str, ...], shell: Shell) -> None:
    title = {"export": "exporting", "lint": "linting", "verify": "verifying"}[order[0]]
    shown = on_a_terminal("audit", *order)
    assert title in shown
    assert "100%" in shown
    (shell.folder / "log").unlink(missing_ok=True)
    assert on_a_terminal("audit", *order, "--json") == ""
    (shell.folder / "log").unlink(missing_ok=True)
    shell.does("audit", *order)  # says nothing on standard error


# -- certificates against their profiles ---------------------------------------------------------


def test_what_was_issued_is_linted_again(shell: Shell) -> None:
    document = shell.gives("issue", "--profile", "tls-server", "--dns", "a.test")
    assert shell.gives("audit", "lint") == {"certificates": 6, "found": 0, "findings": []}
    assert shell.does("audit", "lint").rstrip() == "6 certificates linted; findings: none"
    change(shell, f"UPDATE certificate SET profile = 'tls-client' WHERE id = {document['id']}")
    outcome = shell("audit", "lint", "--json")
    assert outcome.status == 1
    found = outcome.document["findings"]
    assert {one["subject"] for one in found} == {f"certificate:{document['fingerprint']}"}
    assert any("[profile." in one["text"] for one in found)
    assert f"6 certificates linted; findings: {len(found)}" in shell("audit", "lint").out


# -- list ----------------------------------------------------------------------------------------


def test_events_are_listed_the_newest_last(shell: Shell) -> None:
    shell.does("token", "create", "one", "--role", "auditor")
    shell.does("token", "create", "two", "--role", "auditor")
    shell.does("token", "revoke", "one")
    everything = shell.gives("audit", "list")["events"]
    assert [one["at"] for one in everything] == sorted(one["at"] for one in everything)
    made, revoked = everything[-3:-1], everything[-1]
    assert [one["subject"] for one in made] == ["token:one", "token:two"]
    assert shell.gives("audit", "list", "--limit", "1")["events"] == [revoked]
    assert shell.gives("audit", "list", "--kind", made[0]["kind"])["events"] == made
    assert shell.gives("audit", "list", "--subject", "token:one")["events"] == [made[0], revoked]
    assert shell.gives("audit", "list", "--since", revoked["at"])["events"] == [revoked]
    assert shell.gives("audit", "list", "--actor", "local:init")["events"] == [
        one for one in everything if one["actor"] == "local:init"
    ]
    lines = shell.does("audit", "list", "--limit", "2").splitlines()
    assert lines[0].split() == ["TIME", "KIND", "ACTOR", "SOURCE", "SUBJECT"]
    assert lines[2].endswith("token:one")
    assert "is no time like" in shell.refuses("audit", "list", "--since", "yesterday")
    assert "is no time like" in shell.refuses("audit", "list", "--since", "0001-01-01T00:00:00+14:00")


def test_files_that_are_no_key_and_no_checkpoint_are_named(shell: Shell) -> None:
    (shell.folder / "README.md").write_text("# Read me\n")
    said = shell.refuses("audit", "verify", "--key", "README.md")
    assert said.startswith("README.md is no public key of an audit log, as audit/checkpoint-key.pub at home")
    said = shell.refuses("audit", "verify", "--checkpoint", "README.md")
    assert said.startswith("README.md is no checkpoint, as `certwright audit checkpoint` prints one: ")
