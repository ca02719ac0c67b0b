"""`certwright init`: what it makes, what it says, and what it leaves when it fails."""

import asyncio
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from certwright.core.access import Role
from certwright.site.configuration import Configuration
from certwright.site.installation import django_environment
from certwright.store.databases import open_database
from certwright.store.people_rows import RoleGrantRow
from tests.cli.conftest import Founding, Shell

CHECK_PASSWORD = """
import sys, django; django.setup()
from django.contrib.auth import authenticate
print(authenticate(None, username="administrator", password=sys.argv[1]))
"""


def logged_in(home: Path, password: str) -> str:
    environment = django_environment(Configuration.load(home))
    done = subprocess.run(
        [sys.executable, "-c", CHECK_PASSWORD, password], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_secrets_are_for_their_owner_alone(founding: Founding) -> None:
    assert stat.S_IMODE(founding.home.stat().st_mode) == 0o700
    for name in (
        "key-encryption-key",
        "recovery-parameters",
        "certwright.sqlite3",
        "audit/checkpoint-key.pem",
    ):
        assert stat.S_IMODE((founding.home / name).stat().st_mode) == 0o600, name


def test_it_tells_what_must_be_known(founding: Founding) -> None:
    told = founding.told
    assert Path(told["root_certificate"]) == founding.home / "root.pem"
    root = x509.load_pem_x509_certificate(Path(told["root_certificate"]).read_bytes())
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding

    assert hashlib.sha256(root.public_bytes(Encoding.DER)).hexdigest() == told["root_fingerprint"]
    assert len(told["recovery_passphrase"].replace("-", "")) == 35
    assert told["administrator"] == "administrator"
    assert told["password_hours"] == 24


def test_the_first_administrator_can_log_in_for_a_day(founding: Founding, shell: Shell) -> None:
    password = founding.told["password"]
    assert logged_in(shell.home, password) == "administrator"
    assert logged_in(shell.home, password + "x") == "None"
    import sqlite3

    with sqlite3.connect(shell.home / "certwright.sqlite3") as connection:
        (expires,) = connection.execute("SELECT password_expires_at FROM user_account").fetchone()
        at = datetime.fromisoformat(expires).replace(tzinfo=UTC)
        assert timedelta(hours=22) < at - datetime.now(UTC) < timedelta(hours=24)
        connection.execute("UPDATE user_account SET password_expires_at = '2020-01-01 00:00:00'")
    assert logged_in(shell.home, password) == "None"


def test_the_first_administrator_has_the_role(founding: Founding) -> None:
    async def grants() -> list[RoleGrantRow]:
        database = await open_database(f"sqlite:///{founding.home / 'certwright.sqlite3'}")
        try:
            return await database.select(RoleGrantRow, "1 = 1")
        finally:
            await database.close()

    assert [(row.holder, row.role, row.scope) for row in asyncio.run(grants())] == [
        ("user:administrator", Role.ADMINISTRATOR, "*")
    ]


def test_in_words(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "another"
    said = shell.does("init", "--home", home, "--organization", "Ünïted, Inc.", "--url", "http://pki.example")
    assert f"Founded a PKI in {home}" in said
    assert "recovery passphrase" in said
    assert f"certwright up --home {home}" in said
    listed = shell.does("authority", "show", "issuing", "--home", home)
    assert "Ünïted\\, Inc. Issuing CA" in listed
    assert "http://pki.example/crl/issuing/1/0.crl" in listed


def test_what_clients_cannot_verify_gets_a_service_authority(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "another"
    told = shell.gives("init", "--home", home, "--algorithm", "ml-dsa-65")
    assert told["service_certificate"] == str(home / "service.pem")
    names = [one["name"] for one in shell.gives("authority", "list", "--home", home)["authorities"]]
    assert names == ["issuing", "root", "service"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--algorithm", "rsa-1024"], "there is no key algorithm 'rsa-1024'; known are rsa-2048"),
        (["--url", "ftp://pki.example"], "is not http or https://host[:port]"),
        (["--organization", "x" * 80], "must have 1 to 64 characters"),
    ],
)
def test_a_failure_leaves_nothing(arguments: list[str], line: str, shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "another"
    assert line in shell.refuses("init", "--home", home, *arguments)
    assert [name for name in os.listdir(tmp_path) if "another" in name] == []


def test_a_home_that_is_not_empty_is_left_alone(shell: Shell) -> None:
    before = sorted(os.listdir(shell.home))
    assert "is not empty" in shell.refuses("init")
    assert sorted(os.listdir(shell.home)) == before


# -- what cannot be used -------------------------------------------------------------------------


def test_a_home_that_cannot_be_made_is_named(shell: Shell) -> None:
    said = shell.refuses("init", "--home", "/proc/home")  # nobody may write there
    assert said.startswith("the home /proc/home cannot be made: ")
    assert said.endswith("give another with `--home` or CERTWRIGHT_HOME")
    (shell.folder / "file").write_text("")
    for command in ("init", "certificates"):
        said = shell.refuses(command, "--home", shell.folder / "file")
        assert said.startswith(f"the home {shell.folder}/file is no folder; give another with `--home`")


def test_a_database_that_is_missing_or_damaged_is_named(shell: Shell) -> None:
    path = shell.home / "certwright.sqlite3"
    for name in ("certwright.sqlite3-wal", "certwright.sqlite3-shm"):
        (shell.home / name).unlink(missing_ok=True)
    path.write_bytes(b"junk" * 1000)
    said = shell.refuses("certificates")
    assert said == f"the database {path} is damaged: file is not a database; restore it from the backup"
    path.unlink()
    assert shell.refuses("certificates") == f"the database {path} is missing; restore it from the backup"
    assert not path.exists()


RESTORE = "opens its secrets: restore it from the backup"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("x", "32 bytes in base64"),
        ("00" * 32, "is not random"),
        ("", "is empty"),
        (None, "No such"),
    ],
)
def test_a_damaged_key_encryption_key_is_named_and_none_is_made(
    content: str | None, what: str, shell: Shell
) -> None:
    """To put a new key there, as it was advised once, would make a loss out of a mishap."""
    path = shell.home / "key-encryption-key"
    path.unlink()
    if content is not None:
        path.write_text(content)
    said = shell.refuses("issue", "--profile", "tls-server", "--dns", "a.test")
    assert str(path) in said
    assert what in said
    assert said.endswith(RESTORE)
    assert "openssl" not in said


def test_a_damaged_key_encryption_key_in_the_environment(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CERTWRIGHT_KEY_ENCRYPTION_KEY", "x")
    said = shell.refuses("crl", "publish")
    assert said.startswith("the setting key_encryption_key: this is no key-encryption key: ")
    assert said.endswith(RESTORE)


def test_to_found_one_may_make_a_key_encryption_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    home = shell.folder / "another"
    monkeypatch.setenv("CERTWRIGHT_KEY_ENCRYPTION_KEY", "x")
    assert shell.refuses("init", "--home", home).endswith("`openssl rand -base64 32` makes one")
    monkeypatch.delenv("CERTWRIGHT_KEY_ENCRYPTION_KEY")
    monkeypatch.setenv("CERTWRIGHT_KEY_ENCRYPTION_KEY_FILE", str(shell.folder / "missing"))
    assert shell.refuses("init", "--home", home).endswith("`openssl rand -base64 32` makes one")
    assert not home.exists()
