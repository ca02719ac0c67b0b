"""The source `files` on checkouts of programs: certificates and keys that somebody has written into them."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from certwright.plugins.discovery.files import FilesSettings, FilesSource
from certwright.ports import Scope, Sighting
from tests.core.stores.made import chain, key_pem, pem
from tests.real.packages import need

CHAIN = chain()
KEY = key_pem(CHAIN.server.key).decode()
SPEAKS = 'if pem.startswith("-----BEGIN PRIVATE KEY-----"):\n    end = "-----END PRIVATE KEY-----"\n'


def seen(*targets: Path, exclude: tuple[str, ...] = ()) -> dict[str, Sighting]:
    async def run() -> list[object]:
        scope = Scope(tuple(map(str, targets)), exclude)
        return [event async for event in FilesSource(FilesSettings("machine.example.test")).look(scope)]

    found = [event for event in asyncio.run(run()) if isinstance(event, Sighting)]
    return {one.place.name: one for one in found}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Committed, with a key in a program and its certificate in another one."""
    need("git")
    lines = ",\n  ".join(json.dumps(line) for line in KEY.splitlines())
    files = {
        "src/client.js": f"const key = [\n  {lines}\n].join('\\n');\n",
        "src/config.json": json.dumps({"certificate": pem(*CHAIN.ders).decode()}),
        "src/parse.py": SPEAKS,
        "node_modules/toy/test/ca.go": f"// CA\nconst ca = `{pem(CHAIN.root.der).decode()}`\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    who = ("-c", "user.name=Toy", "-c", "user.email=toy@example.test")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "Toys")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, timeout=60)
    return tmp_path


def test_keys_and_certificates_in_programs_are_told(checkout: Path) -> None:
    found = seen(checkout)
    assert {name: (one.chain, one.problem) for name, one in found.items()} == {
        f"{checkout}/src/config.json": (CHAIN.ders, ""),
        f"{checkout}/node_modules/toy/test/ca.go": ((CHAIN.root.der,), ""),
    }
    key = found[f"{checkout}/src/config.json"].facts["key"]
    assert isinstance(key, dict)
    assert (key["path"], key["spki_sha256"]) == (f"{checkout}/src/client.js", CHAIN.digest)
    assert KEY.splitlines()[1] not in repr(found)


def test_what_version_control_keeps_is_passed_over_unless_it_is_named(checkout: Path) -> None:
    for folder in (".git/objects/aa", ".git/hooks", "lib/.svn/pristine/aa"):
        (checkout / folder).mkdir(parents=True, exist_ok=True)
        (checkout / folder / "plain").write_bytes(pem(CHAIN.issuing.der))
    exclude = (f"{checkout}/src", f"{checkout}/node_modules")
    assert set(seen(checkout, exclude=exclude)) == {f"{checkout}/.git/hooks/plain"}
    assert set(seen(checkout / ".git/objects")) == {f"{checkout}/.git/objects/aa/plain"}
