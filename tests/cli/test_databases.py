"""A day with the commands on the database that this run is for."""

import base64
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.real.databases import Database


@pytest.fixture
def elsewhere(
    empty_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """Commands on an installation to be, whose database is set."""
    monkeypatch.setenv("CERTWRIGHT_DATABASE", empty_database.url)
    monkeypatch.setenv("CERTWRIGHT_HOME", str(tmp_path / "home"))
    return Shell(tmp_path / "home", tmp_path / "work", capsys)


def test_from_founding_to_verification(elsewhere: Shell, tmp_path: Path) -> None:
    shell = elsewhere
    told = shell.gives("init")
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(told["recovery_passphrase"])
    unlock = ("--recovery-passphrase-file", passphrase)
    shell.does("authority", "found", "sub", "--parent", "root", *unlock)
    issued = shell.gives(
        "issue", "--profile", "tls-server", "--dns", "a_b.example.test", "--authority", "sub"
    )
    renewed = shell.gives("renew", issued["serial"], "--out", "renewed")
    shell.does("revoke", issued["serial"], "--reason", "keyCompromise")
    listed = shell.gives("certificates", "--name", ".example.test", "--expiring", "365d")["certificates"]
    assert [one["serial"] for one in listed] == sorted(
        (issued["serial"], renewed["serial"]), key=[one["serial"] for one in listed].index
    )
    assert shell.gives("certificates", "--name", ".b.example.test")["certificates"] == []
    published = shell.gives("crl", "publish", *unlock)["published"]
    assert {one["authority"]: one["lists"][0]["entries"] for one in published} == {
        "issuing/1": 0,
        "root/1": 0,
        "sub/1": 1,
    }
    shell.does("token", "create", "x", "--role", "auditor", "--expires", "1d")
    shell.does("acme", "key", "create", "alice")
    assert [one["name"] for one in shell.gives("token", "list")["tokens"]] == ["x"]
    assert [one["name"] for one in shell.gives("acme", "key", "list")["keys"]] == ["alice"]
    shell.does("audit", "checkpoint")
    document = shell.gives("audit", "verify", "--certificates", shell.folder)
    assert (document["sound"], document["certificates"]["found"]) == (True, 0)
    shell.does("audit", "export", "log")
    assert shell.gives("audit", "verify", "--export", "log")["trusted"]


def test_a_database_that_holds_an_installation_is_left_alone(elsewhere: Shell, tmp_path: Path) -> None:
    elsewhere.does("init")
    before = elsewhere.gives("authority", "list")
    said = elsewhere.refuses("init", "--home", tmp_path / "second")
    assert "holds an installation already" in said
    assert not (tmp_path / "second").exists()
    assert elsewhere.gives("authority", "list") == before


RIGHT, WRONG = (base64.b64encode(bytes(range(start, start + 32))).decode() for start in (1, 101))


@pytest.mark.parametrize(
    ("setting", "right", "wrong"),
    [
        pytest.param("KEY_ENCRYPTION_KEY", RIGHT, WRONG, marks=pytest.mark.full),
        pytest.param("KEY_ENCRYPTION_KEY_FILE", RIGHT, WRONG, marks=pytest.mark.full),
        ("KEY_ENCRYPTION_PASSPHRASE", "a long passphrase", "another passphrase"),
    ],
)
def test_each_source_of_the_key_encryption_key(
    setting: str, right: str, wrong: str, elsewhere: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give(value: str) -> None:
        if setting.endswith("_FILE"):
            path = tmp_path / "given"
            path.write_text(value + "\n")
            path.chmod(0o600)
            value = str(path)
        monkeypatch.setenv(f"CERTWRIGHT_{setting}", value)

    def issue(name: str) -> tuple[str, ...]:
        return ("issue", "--profile", "tls-server", "--dns", name)

    shell = elsewhere
    give(right)
    shell.does("init")
    assert not (shell.home / "key-encryption-key").exists()
    shell.does(*issue("a.test"))
    give(wrong)
    said = shell.refuses(*issue("b.test"))
    assert "is encrypted under another key-encryption key" in said
    assert said.count("\n") == 0
    assert (right in said, wrong in said) == (False, False)
    give(right)
    shell.does(*issue("b.test"))
    assert len(shell.gives("certificates", "--name", ".test")["certificates"]) == 2
