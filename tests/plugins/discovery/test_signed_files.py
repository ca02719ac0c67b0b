"""Signed programs, installers and archives under the sources `files` and `ssh`, however large they are."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery.file_system import LocalFiles, Unreadable
from certwright.plugins.discovery.files import FilesSettings, FilesSource
from certwright.plugins.discovery.ssh import SshSettings, SshSource
from certwright.ports import Scope, Sighting
from tests.core.stores.made import key_pem, pem
from tests.core.stores.signed import archive, compound_file, portable_executable, signed_data, signer_info
from tests.core.toy_chain import outside
from tests.real import signing, sshd

OCTETS_MAX = 4096
SETTINGS = FilesSettings("machine.example.test", octets_max=OCTETS_MAX)
MAKER = outside("CN=Maker", outside("CN=Root"))
CMS = signed_data(MAKER.path, signer_info(MAKER))
PADDING = bytes(3 * OCTETS_MAX)


def seen(source: FilesSource | SshSource, *targets: str) -> dict[str, Sighting]:
    async def run() -> list[object]:
        return [event async for event in source.look(Scope(targets))]

    found = [event for event in asyncio.run(run()) if isinstance(event, Sighting)]
    by_name = {one.place.name: one for one in found}
    assert len(by_name) == len(found)
    return by_name


def local(*targets: Path | str, settings: FilesSettings = SETTINGS) -> dict[str, Sighting]:
    return seen(FilesSource(settings), *map(str, targets))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Larger than what is read whole, each."""
    (tmp_path / "toy.exe").write_bytes(portable_executable(CMS, behind=PADDING))
    (tmp_path / "toy.msi").write_bytes(compound_file(CMS) + PADDING)
    blocks = (("META-INF/TOY.RSA", CMS), ("large", PADDING))
    (tmp_path / "toy.jar").write_bytes(archive(*blocks, packed=False))
    (tmp_path / "plain.exe").write_bytes(portable_executable(behind=PADDING))
    (tmp_path / "plain.zip").write_bytes(archive(("large", PADDING), packed=False))
    return tmp_path


FORMATS = {"toy.exe": "pe", "toy.msi": "msi", "toy.jar": "jar"}


def test_large_files_tell_who_has_signed_them_and_nothing_else(folder: Path) -> None:
    found = local(folder)
    assert {name: one.facts for name, one in found.items()} == {
        f"{folder}/{name}#signer": {"format": format_, "role": "signer"} for name, format_ in FORMATS.items()
    }
    assert {one.chain for one in found.values()} == {MAKER.path}


def test_they_are_told_from_afar_too(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name, sshd.served(Path(name)) as server:
        policy = EgressPolicy(allow_loopback=True)
        login = SshSettings(server.user, server.known_hosts, server.private_key, policy=policy)
        source = SshSource(replace(login, octets_max=OCTETS_MAX))
        found = seen(source, f"127.0.0.1:{server.port} {folder}")
    assert {one.place.name: one.facts["format"] for one in found.values()} == {
        f"{folder}/{name}#signer": format_ for name, format_ in FORMATS.items()
    }


def test_one_that_was_named_and_is_not_signed_is_a_problem(folder: Path) -> None:
    (folder / "large.txt").write_bytes(PADDING)
    found = local(folder / "plain.exe", folder / "plain.zip", folder / "large.txt")
    nothing = "no certificate or key in it can be read"
    assert {name: one.problem for name, one in found.items()} == {
        f"{folder}/plain.exe": nothing,
        f"{folder}/plain.zip": nothing,
        f"{folder}/large.txt": f"it has {len(PADDING)} octets; files of at most {OCTETS_MAX} are read",
    }


def test_real_ones_are_told_with_who_has_said_when(tmp_path: Path) -> None:
    (tmp_path / "program.exe").write_bytes(signing.program().read_bytes())
    signed = signing.sign(tmp_path / "program.exe", stamped=True)
    found = local(signed)
    roles = {name.partition("#")[2]: (one.facts["role"], one.chain) for name, one in found.items()}
    who = signing.signers()
    assert roles == {
        "signer": ("signer", who.signer.path),
        "time stamper": ("time-stamper", who.stamper.path),
    }


def test_a_key_in_a_program_goes_with_its_certificate(tmp_path: Path) -> None:
    (tmp_path / "tool.exe").write_bytes(portable_executable(CMS, behind=key_pem(MAKER.key)))
    (tmp_path / "maker.crt").write_bytes(pem(MAKER.der))
    found = local(tmp_path)
    key = found[f"{tmp_path}/maker.crt"].facts["key"]
    assert isinstance(key, dict)
    assert key["path"] == f"{tmp_path}/tool.exe"
    assert found[f"{tmp_path}/tool.exe#signer"].facts["key"]


def test_a_part_of_a_file_that_became_a_link_to_the_outside_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "secret").write_bytes(b"0123456789")
    path = tmp_path / "open/one"
    path.write_bytes(b"abcdefghij")
    files = LocalFiles([str(tmp_path / "open")])
    assert asyncio.run(files.read_at(str(path), 3, 4)) == b"defg"
    assert asyncio.run(files.read_at(str(path), 8, 4)) == b"ij"
    assert asyncio.run(files.read_at(str(path), 80, 4)) == b""
    path.unlink()
    path.symlink_to("../secret")
    with pytest.raises(Unreadable, match="file_folders"):
        asyncio.run(files.read_at(str(path), 3, 4))
