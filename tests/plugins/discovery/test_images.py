"""Images of containers under the sources `files` and `ssh`, made by umoci and skopeo, and by hand."""

import asyncio
import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from certwright.core.egress import EgressPolicy
from certwright.core.errors import Malformed
from certwright.plugins.discovery.files import FilesSettings, FilesSource
from certwright.plugins.discovery.ssh import SshSettings, SshSource
from certwright.ports import Progress, Scope, Sighting
from tests.core.stores.made import chain, key_pem, pem
from tests.real import sshd
from tests.real.images import Layout

CHAIN = chain()
SERVER, ISSUING, ROOT = CHAIN.ders
SETTINGS = FilesSettings("machine.example.test")
Event = Sighting | Progress


def look(source: FilesSource | SshSource, *targets: str, **others: object) -> list[Event]:
    async def run() -> list[Event]:
        return [event async for event in source.look(Scope(targets, **others))]  # type: ignore[arg-type]

    return asyncio.run(run())


def seen(*targets: str, settings: FilesSettings = SETTINGS, **others: object) -> dict[str, Sighting]:
    found = look(FilesSource(settings), *targets, **others)
    by_name = {one.place.name: one for one in found if isinstance(one, Sighting)}
    assert len(by_name) == sum(isinstance(one, Sighting) for one in found)
    return by_name


def within(found: dict[str, Sighting]) -> dict[str, Sighting]:
    """By the path in the image, where that is enough to tell them apart."""
    by_path = {name.partition("#layer sha256:")[2][64:]: one for name, one in found.items()}
    assert len(by_path) == len(found)
    return by_path


def problems(found: dict[str, Sighting]) -> dict[str, str]:
    return {name: one.problem for name, one in found.items() if one.problem}


# -- real ones -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("image"))
    program = json.dumps({"ca": pem(ROOT).decode()}).encode()
    files = {"ssl/www.pem": pem(SERVER, ISSUING), "ssl/www.key": key_pem(CHAIN.server.key)}
    made.add("/etc", {**files, "ssl/old.crt": pem(ISSUING), "app/config.json": program, "app/notes": b"none"})
    made.add("/etc/ssl", {"www.pem": pem(SERVER, ISSUING, ROOT)})
    made.delete("/etc/ssl/old.crt")
    made.add("/etc/app", {"empty.pem": b""}, opaque=True)
    return made


FORMS = ("layout", "docker.tar", "oci.tar", "dir.tar")


@pytest.fixture(scope="module")
def forms(layout: Layout) -> Path:
    """The same image in each form."""
    folder = layout.folder
    layout.copied(f"docker-archive:{folder}/docker.tar:registry.example.test/toy:1")
    layout.copied(f"oci-archive:{folder}/oci.tar:toy")
    with tarfile.open(folder / "dir.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(folder / "layout", ".")
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_files_of_all_layers_are_told_and_what_became_of_them(form: str, forms: Path) -> None:
    name = "registry.example.test/toy:1" if form == "docker.tar" else "toy"
    found = seen(f"image:{forms}/{form}")
    assert all(name.startswith(f"{forms}/{form}#layer sha256:") for name in found)
    told = sorted(
        (
            name.partition("#layer sha256:")[2][64:],
            one.chain,
            one.facts.get("hidden"),
            one.facts.get("images"),
        )
        for name, one in found.items()
        if not one.problem
    )
    assert {name[-18:]: text for name, text in problems(found).items()} == {
        "/etc/app/empty.pem": "it is empty"
    }
    assert told == [
        ("/etc/app/config.json", (ROOT,), "deleted", [name]),
        ("/etc/ssl/old.crt", (ISSUING,), "deleted", [name]),
        ("/etc/ssl/www.pem", (SERVER, ISSUING), "replaced", [name]),
        ("/etc/ssl/www.pem", (SERVER, ISSUING, ROOT), None, [name]),
    ]


def test_a_key_in_a_layer_goes_with_its_certificate(forms: Path) -> None:
    found = [one for one in seen(f"image:{forms}/layout").values() if one.chain[:1] == (SERVER,)]
    for one in found:
        key = one.facts["key"]
        assert isinstance(key, dict)
        assert (key["spki_sha256"], key["mode"], key["encrypted"]) == (CHAIN.digest, "0640", False)
        assert str(key["path"]).endswith("/etc/ssl/www.key")


def test_images_of_other_machines(forms: Path) -> None:
    with tempfile.TemporaryDirectory() as name, sshd.served(Path(name)) as server:
        policy = EgressPolicy(allow_loopback=True)
        login = SshSettings(server.user, server.known_hosts, server.private_key, policy=policy)
        here = f"127.0.0.1:{server.port}"
        targets = [f"{here} image:{forms}/{form}" for form in ("layout", "docker.tar")]
        found = [one for one in look(SshSource(login), *targets) if isinstance(one, Sighting)]
    expected = seen(f"image:{forms}/layout", f"image:{forms}/docker.tar")
    assert {one.place.name: (one.chain, one.problem) for one in found} == {
        name: (one.chain, one.problem) for name, one in expected.items()
    }


def test_layers_packed_with_zstd_are_passed_over_by_name(layout: Layout) -> None:
    layout.copied(f"oci:{layout.folder}/zstd:toy", "--dest-compress-format", "zstd")
    found = seen(f"image:{layout.folder}/zstd")
    assert set(problems(found).values()) == {"it is packed with zstd, which is not read here"}
    assert len(found) == 4


def test_exclusions_hold_for_images_and_within_them(forms: Path) -> None:
    assert seen(f"image:{forms}/layout", exclude=(f"{forms}/layout",)) == {}
    found = seen(f"image:{forms}/*.tar", exclude=(f"{forms}/docker.tar", f"{forms}/dir*", "/etc/ssl/www*"))
    assert set(within(found)) == {"/etc/app/config.json", "/etc/app/empty.pem", "/etc/ssl/old.crt"}


def test_a_run_goes_on_with_the_image_after_its_cursor(forms: Path) -> None:
    targets = [f"image:{forms}/{form}" for form in FORMS]
    whole = look(FilesSource(SETTINGS), *targets)
    cursors = [one for one in whole if isinstance(one, Progress) and one.cursor]
    assert {one.cursor for one in cursors} == {f"{forms}/{form}" for form in FORMS}
    for cursor in cursors:
        rest = look(FilesSource(SETTINGS), *targets, after=cursor.cursor)
        names = [one.place.name for one in rest if isinstance(one, Sighting)]
        after = whole[whole.index(cursor) :]
        assert names == [one.place.name for one in after if isinstance(one, Sighting)]


def test_what_is_no_image_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("hello" * 200)
    (tmp_path / "other.tar").write_bytes(tar(("a", b"b")))
    (tmp_path / "packed.tar").write_bytes(gzip.compress(tar(("a", b"b"))))
    found = seen(
        *(f"image:{tmp_path}/{name}" for name in ("folder", "text", "other.tar", "packed.tar", "gone"))
    )
    assert problems(found) == {
        f"{tmp_path}/folder": "it is no image of a container",
        f"{tmp_path}/text": "a number of its headers is none",
        f"{tmp_path}/other.tar": "it is no image of a container",
        f"{tmp_path}/packed.tar": "it is packed as a whole; unpack it",
        f"{tmp_path}/gone": "no such file or directory",
    }
    with pytest.raises(Malformed):
        FilesSource(SETTINGS).check(Scope(("image:/a/../b",)))


# -- made ones -------------------------------------------------------------------------------------


def tar(*files: tuple[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return octets.getvalue()


def digest_of(octets: bytes) -> str:
    return f"sha256:{hashlib.sha256(octets).hexdigest()}"


def image_at(folder: Path, *images: Sequence[bytes]) -> Path:
    """An OCI layout with these images, each of some layers."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def kept(octets: bytes) -> dict[str, object]:
        (blobs / hashlib.sha256(octets).hexdigest()).write_bytes(octets)
        return {"digest": digest_of(octets), "size": len(octets)}

    manifests = [
        kept(json.dumps({"layers": [kept(layer) for layer in layers]}).encode()) for layers in images
    ]
    (folder / "index.json").write_text(json.dumps({"manifests": manifests}))
    return folder


def test_a_layer_of_two_images_is_told_once_and_as_hidden_where_both_hide_it(tmp_path: Path) -> None:
    below, gone, other = tar(("a.pem", pem(SERVER))), tar((".wh.a.pem", b"")), tar(("b.pem", pem(ROOT)))
    both = within(seen(f"image:{image_at(tmp_path / 'both', (below, gone), (below, other, gone))}"))
    assert both["/a.pem"].facts["hidden"] == "deleted"
    one = within(seen(f"image:{image_at(tmp_path / 'one', (below, gone), (below, other))}"))
    assert "hidden" not in one["/a.pem"].facts
    assert set(one) == {"/a.pem", "/b.pem"}


def test_layers_that_are_not_there_or_broken_leave_the_others(tmp_path: Path) -> None:
    good, cut, gone = tar(("a.pem", pem(SERVER))), tar(("b.pem", pem(ROOT)))[:700], tar(("c.pem", b""))
    path = image_at(tmp_path, (gzip.compress(good), gzip.compress(cut), b"hello" * 200, gone))
    (path / "blobs/sha256" / hashlib.sha256(gone).hexdigest()).unlink()
    found = seen(f"image:{path}")
    assert problems(found) == {
        f"{path}#layer {digest_of(gzip.compress(cut))}": "it ends too early",
        f"{path}#layer {digest_of(b'hello' * 200)}": "a number of its headers is none",
        f"{path}#layer {digest_of(gone)}": "no such file or directory",
    }
    assert [one.chain for one in found.values() if one.chain] == [(SERVER,)]


def test_a_layer_that_unpacks_to_far_more_is_left(tmp_path: Path) -> None:
    zeros = 300 * 1024 * 1024
    bomb = tarfile.TarInfo("zeros")
    bomb.size = zeros
    packed = gzip.compress(bomb.tobuf()) + gzip.compress(bytes(1024 * 1024)) * (zeros // 1024 // 1024)
    path = image_at(tmp_path, (packed,))
    (problem,) = problems(seen(f"image:{path}")).values()
    assert problem.endswith("octets of it unpack to more than 200 times as many")


def test_there_is_an_end_to_files_and_their_sizes(tmp_path: Path) -> None:
    files = [(f"{number}.pem", pem(SERVER)) for number in range(5)]
    path = image_at(tmp_path, (tar(("large.pem", bytes(9000)), *files),))
    found = seen(f"image:{path}", settings=replace(SETTINGS, files_max=3, octets_max=5000))
    assert sorted(problems(found).values()) == [
        "it has 9000 octets; files of at most 5000 are read",
        "more than 3 files: what comes after is not looked at",
    ]
    assert len(found) == 4


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[" * 100_000,
        b"[]",
        b'{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}',
        b'{"manifests": 7}',
    ],
)
def test_an_index_that_is_none_is_a_problem(index: bytes, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_bytes(index)
    assert len(problems(seen(f"image:{tmp_path}"))) == 1


def test_an_index_that_leads_to_itself_comes_to_an_end(tmp_path: Path) -> None:
    path = image_at(tmp_path, ())
    reference = json.dumps({"manifests": [{"digest": "sha256:" + "0" * 64}] * 400}).encode()
    for name in ("index.json", "blobs/sha256/" + "0" * 64):
        (path / name).write_bytes(reference)
    (problem,) = problems(seen(f"image:{path}")).values()
    assert problem == "its indexes name more than 500 manifests, or lead too deep"


def test_links_of_an_old_archive_are_followed_within_it(tmp_path: Path) -> None:
    """Docker before 25 writes each layer once, and links to it."""
    layer = tar(("a.pem", pem(SERVER)))
    manifest = [{"Config": "none.json", "RepoTags": None, "Layers": ["one/layer.tar", "two/layer.tar"]}]
    with tarfile.open(tmp_path / "old.tar", "w") as archive:
        for name, content in (("manifest.json", json.dumps(manifest).encode()), ("one/layer.tar", layer)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("two/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../one/layer.tar"
        archive.addfile(link)
    found = seen(f"image:{tmp_path}/old.tar")
    assert {name: one.facts.get("hidden") for name, one in found.items()} == {
        f"{tmp_path}/old.tar#layer one/layer.tar/a.pem": "replaced",
        f"{tmp_path}/old.tar#layer two/layer.tar/a.pem": None,
    }
