"""`certwright up` as a process of its own, and commands that reach it over REST."""

import json
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from cryptography import x509

from tests.cli.conftest import Founding, Shell
from tests.cli.serving import CERTWRIGHT, Elsewhere, ports, up
from tests.real.processes import free_port


def refused(home: Path, *more: str) -> str:
    done = subprocess.run(
        [*CERTWRIGHT, "up", "--home", str(home), *more], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    return done.stderr


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        content: bytes = answer.read()
        return content


# -- starting ------------------------------------------------------------------------------------


def test_the_first_start_founds_and_says_how_to_use_it(tmp_path: Path) -> None:
    home, chosen = tmp_path / "home", ports()
    with up(home, tmp_path / "log", *chosen.options, "--only", "fast") as server:
        said = server.output
        assert f"Founded a PKI in {home}" in said
        assert "recovery passphrase" in said
        assert f"https://localhost:{chosen.https}/acme/default/directory" in said
        assert f"REQUESTS_CA_BUNDLE={home}/root.pem" in said
        assert "certbot certonly --standalone --http-01-port 5002 -d demo.localhost" in said
        root = fetch(f"http://localhost:{chosen.http}/ca/root/1.cer")
        kept = x509.load_pem_x509_certificate((home / "root.pem").read_bytes())
        assert x509.load_der_x509_certificate(root) == kept
        assert server.stop() == 0
    with up(home, tmp_path / "again", *chosen.options, "--only", "fast") as server:
        assert "Founded" not in server.output
        assert "certificates point at" not in server.output


@pytest.fixture
def home(founding: Founding, tmp_path: Path) -> Path:
    """A fresh copy of the founded installation, which no shell has as its own."""
    home = tmp_path / "home"
    shutil.copytree(founding.home, home)
    return home


def test_all_lanes_and_json(home: Path, tmp_path: Path) -> None:
    chosen = ports()
    with up(home, tmp_path / "log", *chosen.options, "--json", ready='{"console"') as server:
        (line,) = [line for line in server.output.splitlines() if line.startswith('{"console"')]
        told = json.loads(line)
        assert told["console"] == f"https://localhost:{chosen.https}/"
        assert told["acme"] == [f"https://localhost:{chosen.https}/acme/default/directory"]
        assert told["trust"] == str(home / "root.pem")
        assert f"set url to http://localhost:{chosen.http}" in server.output


def test_a_public_address_is_refused_while_anybody_could_enrol(
    home: Path, tmp_path: Path, shell_at: Shell
) -> None:
    chosen = ports()
    public = ("--https", f"0.0.0.0:{chosen.https}", "--http", f"127.0.0.1:{chosen.http}", "--mtls", "off")
    said = refused(home, *public)
    assert f"anybody who reaches 0.0.0.0:{chosen.https} could enrol at acme/default" in said
    assert said.count("\n") == 1
    with up(home, tmp_path / "log", *public, "--open-enrolment", "--only", "fast") as server:
        assert "where only this machine finds their status" in server.output
    document = json.loads(shell_at.does("endpoint", "show", "default"))
    (tmp_path / "endpoint.json").write_text(
        json.dumps(document | {"policy": {"names": {"allow": {"dns": [".example.test"]}}}})
    )
    shell_at.does("endpoint", "save", tmp_path / "endpoint.json")
    up(home, tmp_path / "log2", *public, "--only", "fast").stop()


@pytest.fixture
def shell_at(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.setenv("CERTWRIGHT_HOME", str(home))
    return Shell(home, tmp_path / "work", capsys)


def test_nothing_is_founded_where_an_address_is_taken(tmp_path: Path) -> None:
    """The recovery passphrase would be shown once, and the start fail after it."""
    chosen = ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", chosen.mtls))
        taken.listen()
        said = refused(tmp_path / "new", *chosen.options)
    assert f"cannot listen on 127.0.0.1:{chosen.mtls}: Address already in use" in said
    assert "with `--mtls` or CERTWRIGHT_MTLS" in said
    assert not (tmp_path / "new").exists()


def test_a_lane_says_what_it_serves(home: Path, tmp_path: Path) -> None:
    chosen = ports()
    with up(
        home, tmp_path / "worker", *chosen.options, "--only", "worker", ready="The worker runs."
    ) as server:
        assert "https://" not in server.output
    with up(home, tmp_path / "console", *chosen.options, "--only", "console") as server:
        assert f"console         https://localhost:{chosen.https}/" in server.output
        assert "ACME directory" not in server.output
    with up(home, tmp_path / "fast", *chosen.options, "--only", "fast") as server:
        assert "ACME directory" in server.output
        assert "console  " not in server.output


def test_the_endpoint_default_is_shown_first(home: Path, tmp_path: Path, shell_at: Shell) -> None:
    document = json.loads(shell_at.does("endpoint", "show", "default"))
    for name in ("another", "zebra"):
        (tmp_path / "endpoint.json").write_text(json.dumps(document | {"name": name}))
        shell_at.does("endpoint", "save", tmp_path / "endpoint.json")
    chosen = ports()
    with up(home, tmp_path / "log", *chosen.options, "--only", "fast") as server:
        base = f"https://localhost:{chosen.https}/acme"
        shown = [line.split()[-1] for line in server.output.splitlines() if "ACME directory" in line]
        assert shown == [f"{base}/{name}/directory" for name in ("default", "another", "zebra")]
        assert f"--server {base}/default/directory" in server.output


def test_nothing_is_founded_in_public(tmp_path: Path) -> None:
    assert "run `certwright init` and restrict" in refused(tmp_path / "new", "--https", "0.0.0.0:1")
    assert not (tmp_path / "new").exists()


def test_a_url_that_the_settings_say_goes_into_certificates_from_then_on(
    home: Path, tmp_path: Path, shell_at: Shell
) -> None:
    chosen, environment = ports(), {"CERTWRIGHT_URL": "http://pki.example.test"}
    with up(home, tmp_path / "log", *chosen.options, "--only", "fast", environment=environment) as server:
        assert "https://pki.example.test/acme/default/directory" in server.output
    shown = shell_at.gives("issue", "--profile", "tls-server", "--dns", "a.test", "--preview")
    lists = next(one for one in shown["extensions"] if one["name"] == "crlDistributionPoints")
    assert lists["value"] == ["http://pki.example.test/crl/issuing/1/0.crl"]


def test_tables_of_an_older_release_are_brought_up_to_date(home: Path, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(home / "certwright.sqlite3") as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
        connection.execute("DROP TABLE django_session")
    with up(home, tmp_path / "log", *ports().options, "--only", "fast"):
        pass
    with sqlite3.connect(home / "certwright.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM django_session").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--only", "nonsense"], "--only knows fast, console, worker"),
        (["--https", "nonsense"], "is no listening address"),
    ],
)
def test_what_cannot_be_served_says_why(arguments: list[str], line: str, home: Path) -> None:
    assert line in refused(home, *arguments)


def test_a_list_of_keys_that_cannot_be_read_ends_the_start(home: Path) -> None:
    with (home / "certwright.toml").open("a") as settings:
        settings.write('\n[keys]\ndebian_weak = "weak.txt"\n')
    assert "weak.txt, the list of the setting keys.debian_weak, cannot be read: " in refused(home)


# -- remote --------------------------------------------------------------------------------------


def test_the_same_commands_elsewhere(served: Elsewhere, shell: Shell) -> None:
    there = served.options
    issued = shell.gives("issue", "--profile", "tls-server", "--dns", "remote.test", "--days", "3", *there)
    assert (shell.folder / "remote.test/key.pem").exists()
    assert issued["requester"] == "token:remote"
    shown = shell.gives("show", issued["serial"], *there)
    assert shown["names"] == ["dns:remote.test"]
    renewed = shell.gives("renew", issued["fingerprint"], "--out", "renewed", *there)
    assert renewed["replaces"] == issued["id"]
    shell.does("renew", issued["fingerprint"], "--same-key", "--out", "same", *there)
    listed = shell.gives("certificates", "--name", "remote.test", *there)["certificates"]
    assert len(listed) == 3
    assert shell.gives("certificates", "--expiring", "5d", "--limit", "1", *there)["certificates"][0][
        "serial"
    ]
    shell.does("revoke", issued["serial"], "--reason", "certificateHold", *there)
    shell.does("release", issued["serial"], *there)
    assert "for superseded" in shell.does("revoke", issued["serial"], "--reason", "superseded", *there)
    assert shell.gives("show", issued["serial"], "--home", served.home)["revocation_reason"] == "superseded"
    assert "remote.test" not in shell.does("certificates")


def test_pages_elsewhere(served: Elsewhere, shell: Shell) -> None:
    whole = shell.gives("certificates", *served.options)
    first = shell.gives("certificates", "--limit", "2", *served.options)
    rest = shell.gives("certificates", "--after", first["next"], *served.options)
    assert first["certificates"] + rest["certificates"] == whole["certificates"]


def test_refusals_come_as_they_do_here(served: Elsewhere, shell: Shell) -> None:
    order = ("issue", "--profile", "code-signing", "--dns", "x.test", "--out", "x")
    assert shell.refuses(*order, *served.options) == shell.refuses(*order, "--home", served.home)
    assert "is known here" in shell.refuses("show", "ab" * 16, *served.options)


def test_the_root_of_our_own_listeners_is_trusted_where_it_is_another(shell: Shell, tmp_path: Path) -> None:
    home, chosen = tmp_path / "another", ports()
    shell.does("init", "--home", home, "--algorithm", "ed25519")
    token = shell.does("token", "create", "remote", "--role", "auditor", "--home", home).strip()
    there = ("--url", f"https://localhost:{chosen.https}", "--token", token, "--home", home)
    with up(home, tmp_path / "log", *chosen.options):
        shell.does("certificates", *there)


def test_url_and_token_from_the_environment(
    served: Elsewhere, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url, _, token, *root = served.options
    monkeypatch.setenv("CERTWRIGHT_SERVER", url)
    assert "CERTWRIGHT_SERVER need a token" in shell.refuses("certificates")
    monkeypatch.setenv("CERTWRIGHT_TOKEN", token)
    order = ("issue", "--profile", "tls-server", "--dns", "environment.test")
    assert shell.gives(*order, *root)["requester"] == "token:remote"


def test_what_is_wrong_with_the_other_side_is_told(served: Elsewhere, shell: Shell, tmp_path: Path) -> None:
    _, url, _, token, *_ = served.options
    assert "need a token" in shell.refuses("certificates", "--url", url)
    assert "neither --url nor CERTWRIGHT_SERVER" in shell.refuses("certificates", "--token", token)
    plain = ("--url", url.replace("https", "http"), "--token", token)
    assert "a token goes over TLS alone" in shell.refuses("certificates", *plain)
    wrong = ("--url", url, "--token", "cw_wrong", "--root", served.home / "root.pem")
    assert "unknown, expired or revoked" in shell.refuses("certificates", *wrong)
    shell.does("init", "--home", tmp_path / "stranger")
    other_root = ("--url", url, "--token", token, "--root", tmp_path / "stranger/root.pem")
    assert "cannot be reached: [SSL: CERTIFICATE_VERIFY_FAILED]" in shell.refuses("certificates", *other_root)
    unread = ("certificates", "--url", url, "--token", token, "--root")
    assert shell.refuses(*unread, "none.pem").endswith("read from none.pem: No such file or directory")
    (shell.folder / "no.pem").write_text("no")
    assert shell.refuses(*unread, "no.pem").endswith("cannot be read from no.pem: no certificate in PEM")
    nobody = ("--url", f"https://localhost:{free_port()}", "--token", token)
    assert "Connection refused" in shell.refuses("certificates", *nobody)
