"""`certwright discover`, here and over REST, before real servers and real files."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.cli.conftest import Shell
from tests.cli.serving import Elsewhere
from tests.real.processes import free_port
from tests.real.tls_servers import present, s_server


def weak_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)


@pytest.mark.parametrize("where", ["here", "there"])
def test_each_server_is_shown_with_what_is_wrong(
    where: str, served: Elsewhere, shell: Shell, tmp_path: Path
) -> None:
    at: tuple[str | Path, ...] = ("--home", served.home) if where == "here" else tuple(served.administrator)
    name = f"{where}.d.example.test"
    good = present(tmp_path / "good", (name,), length=3)
    weak = present(tmp_path / "weak", (name,), make=weak_key)
    with (
        s_server(good) as one,
        s_server(weak, "-cipher", "DEFAULT@SECLEVEL=0", "-tls1_2", "-cert_chain", weak.leaf) as two,
    ):
        silent = free_port()
        targets = [f"{name}@127.0.0.1:{one}", f"127.0.0.1:{two}", f"127.0.0.1:{silent}"]
        found = shell.gives("discover", *targets, *at)
        seen = {document["place"]["port"]: document for document in found["seen"]}
        assert found["run"]["status"] == "done"
        numbers = {key: found["run"][key] for key in ("seen", "appeared", "problems", "done")}
        assert numbers == {"seen": 2, "appeared": 2, "problems": 1, "done": 3}
        assert [each["code"] for each in seen[one]["findings"]] == ["certificate.untrusted"]
        assert {each["code"] for each in seen[two]["findings"]} >= {"key.weak", "served.chain-incomplete"}
        assert seen[one]["place"] == {
            "zone": "",
            "kind": "tls",
            "host": "127.0.0.1",
            "port": one,
            "name": name,
        }
        text = shell.does("discover", *targets[:2], *at)
        heads, *rows, last = text.splitlines()
        assert heads.split() == ["PLACE", "SUBJECT", "ISSUER", "ENDS", "FINDINGS"]
        assert len(rows) == 2
        assert f"127.0.0.1:{one} {name}" in text
        assert last.startswith("2 places looked at, 2 certificates seen there; 0 not known before")
    fingerprint = seen[one]["fingerprint"]
    shown = shell.gives("show", fingerprint, *at)
    assert shown["fingerprint"] == fingerprint


def test_files_are_looked_at_where_paths_are_named(served: Elsewhere, shell: Shell, tmp_path: Path) -> None:
    made = present(tmp_path / "store", ("f.d.example.test",))
    made.key.chmod(0o644)
    found = shell.gives("discover", tmp_path, "--home", served.home)
    codes = {each["code"] for document in found["seen"] for each in document["findings"]}
    assert "key.exposed" in codes
    assert found["run"]["source"] == "files"
    assert made.key.read_text() not in str(found)


def test_what_cannot_be_looked_at_is_said(served: Elsewhere, shell: Shell) -> None:
    at = ("--home", served.home)
    assert "no plugin" in shell.refuses("discover", "x", "--source", "nowhere", *at)
    assert "NAME=VALUE" in shell.refuses("discover", "192.0.2.1", "--set", "x", *at)
    assert "has no setting" in shell.refuses("discover", "192.0.2.1", "--set", "x=1", *at)
    assert "per_second" in shell.refuses("discover", "192.0.2.1", "--set", "per_second=-1", *at)
    assert "port" in shell.refuses("discover", "192.0.2.1", "--ports", "99999", *at)
