"""The source `files` on real folders."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.sightings import facts_text
from certwright.core.stores.values import ROUNDS_MAX
from certwright.plugins.discovery.file_system import LocalFiles, Unreadable, in_order, parents
from certwright.plugins.discovery.files import FilesSettings, FilesSource
from certwright.plugins.discovery.looking import NAME_MAX, place_name
from certwright.ports import DISCOVERY_SOURCES, Place, Progress, Scope, Sighting
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.core.stores.made import PASSWORD, chain, digest, greedy, key_pem, p12, pem
from tests.core.toy_chain import outside

CHAIN = chain()
SERVER, ISSUING, ROOT = CHAIN.ders
NOBODY = 65534
NOW = datetime(2030, 1, 2, tzinfo=UTC)
SETTINGS = FilesSettings("machine.example.test", (PASSWORD,))


Event = Sighting | Progress


def look(*targets: Path | str, settings: FilesSettings = SETTINGS, **others: object) -> list[Event]:
    async def run() -> list[Event]:
        scope = Scope(tuple(map(str, targets)), **others)  # type: ignore[arg-type]
        return [event async for event in FilesSource(settings, lambda: NOW).look(scope)]

    return asyncio.run(run())


def sightings(
    *targets: Path | str, settings: FilesSettings = SETTINGS, **others: object
) -> dict[str, Sighting]:
    """By the names of their places, which differ."""
    found = [one for one in look(*targets, settings=settings, **others) if isinstance(one, Sighting)]
    by_name = {one.place.name: one for one in found}
    assert len(by_name) == len(found)
    return by_name


def problems(found: dict[str, Sighting]) -> dict[str, str]:
    return {name: one.problem for name, one in found.items() if one.problem}


def test_it_is_registered_and_its_passwords_are_not_shown() -> None:
    (entry,) = entry_points(group=DISCOVERY_SOURCES, name="files")
    assert entry.load() is FilesSource
    assert PASSWORD not in repr(SETTINGS)


def test_a_key_in_another_file_is_told_with_its_certificate(tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    (tmp_path / "private").mkdir()
    (tmp_path / "certs/www.pem").write_bytes(pem(SERVER, ISSUING))
    key = tmp_path / "private/www.key"
    key.write_bytes(key_pem(CHAIN.server.key, PASSWORD))
    key.chmod(0o640)
    (found,) = sightings(tmp_path).values()
    assert (found.place.kind, found.place.host, found.place.port) == ("file", "machine.example.test", 0)
    assert found.place.name == str(tmp_path / "certs/www.pem")
    assert found.at == NOW
    assert found.chain == (SERVER, ISSUING)
    assert found.facts == {
        "format": "pem",
        "key": {
            "spki_sha256": CHAIN.digest,
            "encrypted": True,
            "mode": "0640",
            "owner": key.owner(),
            "path": str(key),
        },
    }


def test_the_nearest_key_goes_with_a_certificate_and_the_others_stand_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "www.key").write_bytes(key_pem(CHAIN.server.key))
    (tmp_path / "b/www.crt").write_bytes(SERVER)
    other = outside("CN=Other").key
    (tmp_path / "other.key").write_bytes(key_pem(other))
    found = sightings(tmp_path)
    assert set(found) == {str(tmp_path / one) for one in ("a/www.key", "b/www.crt", "other.key")}
    assert found[str(tmp_path / "b/www.crt")].facts["key"]["path"] == str(tmp_path / "b/www.key")  # type: ignore[index, call-overload]
    alone = found[str(tmp_path / "other.key")]
    assert alone.chain == ()
    assert alone.problem == ""
    assert alone.facts["key"]["spki_sha256"] == digest(other)  # type: ignore[index, call-overload]


def test_entries_of_a_store_are_places_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(p12("web server"))
    found = sightings(tmp_path)
    sighting = found[f"{tmp_path}/store#web server"]
    assert sighting.chain == CHAIN.ders
    assert sighting.facts["intact"] is True
    assert sighting.facts["key"]["encrypted"] is True  # type: ignore[index, call-overload]
    shut = sightings(tmp_path, settings=replace(SETTINGS, passwords=()))
    assert problems(shut) == {f"{tmp_path}/store#safe 1": "no password that is set opens it"}


def test_what_must_hold_a_certificate_and_does_not_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    (tmp_path / "odd.CRT").write_text("hello")
    (tmp_path / "notes.txt").write_text("hello -----BEGIN CERTIFICATE----- and no end")
    (tmp_path / "large.p12").write_bytes(bytes(5000))
    (tmp_path / "params.pem").write_text("-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n")
    (tmp_path / "gone.jks").symlink_to("nowhere")
    (tmp_path / "round.pem").symlink_to("round.pem")
    os.mkfifo(tmp_path / "pipe.pem")
    os.mkfifo(tmp_path / "pipe")
    assert problems(sightings(tmp_path, settings=replace(SETTINGS, octets_max=4096))) == {
        f"{tmp_path}/empty.pem": "it is empty",
        f"{tmp_path}/gone.jks": "no such file or directory",
        f"{tmp_path}/large.p12": "it has 5000 octets; files of at most 4096 are read",
        f"{tmp_path}/odd.CRT": "no certificate or key in it can be read",
        f"{tmp_path}/pipe.pem": "it is no file",
        f"{tmp_path}/round.pem": "its links lead round in a circle",
    }


def test_a_target_that_is_not_there_is_told_and_a_glob_that_finds_nothing_is_not(tmp_path: Path) -> None:
    assert problems(sightings(tmp_path / "no", tmp_path / "*.pem")) == {
        f"{tmp_path}/no": "there is no such file or folder"
    }


@pytest.fixture
def nobody() -> Iterator[Path]:
    """An empty folder of a user who is not root, as whom the test runs."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def test_what_may_not_be_read_is_told(nobody: Path) -> None:
    (nobody / "shut").mkdir(mode=0)
    (nobody / "shut.pem").touch(mode=0)
    (nobody / "shut.txt").touch(mode=0)
    assert problems(sightings(nobody)) == {
        f"{nobody}/shut": "it cannot be looked into: permission denied",
        f"{nobody}/shut.pem": "permission denied",
    }


def test_a_file_that_somebody_has_named_must_hold_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello")
    assert problems(sightings(tmp_path / "notes")) == {
        f"{tmp_path}/notes": "no certificate or key in it can be read"
    }
    assert sightings(tmp_path) == sightings(tmp_path / "note*") == {}


def test_links_are_followed_once_and_not_round(tmp_path: Path) -> None:
    """`live` as certbot makes it; links of c_rehash tell of nothing that is not told already."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive/chain1.pem").write_bytes(pem(SERVER))
    (tmp_path / "archive/01234567.0").symlink_to("chain1.pem")
    (tmp_path / "live").mkdir()
    (tmp_path / "live/chain.pem").symlink_to("../archive/chain1.pem")
    (tmp_path / "again").symlink_to("archive")
    (tmp_path / "archive/up").symlink_to("..")
    expected = {f"{tmp_path}/archive/chain1.pem", f"{tmp_path}/live/chain.pem"}
    assert set(sightings(tmp_path)) == expected
    assert set(sightings(tmp_path / "again", tmp_path / "live")) == {
        f"{tmp_path}/again/chain1.pem",
        f"{tmp_path}/live/chain.pem",
    }


def test_what_is_excluded_is_not_touched(tmp_path: Path) -> None:
    for name in ("a/one.pem", "b/two.pem", "b/c/three.pem"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(pem(SERVER))
    (tmp_path / "a/link.pem").symlink_to("../b/two.pem")
    exclude = (f"{tmp_path}/b",)
    assert set(sightings(tmp_path, exclude=exclude)) == {f"{tmp_path}/a/one.pem"}
    assert set(sightings(tmp_path / "b/c", tmp_path / "*/*.pem", exclude=exclude)) == {
        f"{tmp_path}/a/one.pem"
    }
    assert set(sightings(tmp_path, exclude=("/*one.pem", f"{tmp_path}/*/c"))) == {
        f"{tmp_path}/a/link.pem",
        f"{tmp_path}/b/two.pem",
    }


OUTSIDE = "it lies outside of what the setting discovery.file_folders permits here"


def test_nothing_leads_out_of_the_folders_that_are_permitted(tmp_path: Path) -> None:
    """Not a target, a link to a file or a folder, a glob, or a folder whose name only begins the same."""
    for name in ("open/one.pem", "opened/two.pem", "closed/three.pem"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(pem(SERVER))
    (tmp_path / "open/link.pem").symlink_to("../closed/three.pem")
    (tmp_path / "open/folder").symlink_to("../closed")
    (tmp_path / "open/inner.pem").symlink_to("one.pem")
    settings = replace(SETTINGS, folders=(f"{tmp_path}/open/",))
    found = sightings(tmp_path / "open", tmp_path / "closed", tmp_path / "opened", settings=settings)
    assert {name for name, one in found.items() if one.chain} == {f"{tmp_path}/open/one.pem"}
    assert problems(found) == {
        f"{tmp_path}/open/link.pem": OUTSIDE,
        f"{tmp_path}/closed": OUTSIDE,
        f"{tmp_path}/opened": OUTSIDE,
    }
    assert sightings(tmp_path / "*/*.pem", settings=settings) == {}
    assert set(sightings(tmp_path / "open/*.pem", settings=settings)) >= {f"{tmp_path}/open/one.pem"}


def test_a_file_that_becomes_a_link_to_the_outside_is_not_read(tmp_path: Path) -> None:
    """It was listed as a file of ours; then somebody put a link in its place."""
    (tmp_path / "open").mkdir()
    (tmp_path / "secret.pem").write_bytes(pem(SERVER))
    path = tmp_path / "open/one.pem"
    path.write_bytes(pem(ISSUING))
    files = LocalFiles([str(tmp_path / "open")])
    seen = asyncio.run(files.look(str(path)))
    assert asyncio.run(files.read(seen.path, 10_000)) == pem(ISSUING)
    path.unlink()
    path.symlink_to("../secret.pem")
    with pytest.raises(Unreadable, match="file_folders"):
        asyncio.run(files.read(seen.path, 10_000))


def test_a_run_goes_on_after_its_cursor(tmp_path: Path) -> None:
    for name in ("a-b.pem", "a/x.pem", "a.pem", "b.pem", "c.key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(key_pem(CHAIN.server.key) if name == "c.key" else pem(SERVER))
    events = look(tmp_path)
    seen = [one.place.name for one in events if isinstance(one, Sighting)]
    assert len(seen) == 4
    cursors = [one for one in events if isinstance(one, Progress) and one.total]
    assert cursors[-1].done == cursors[-1].total
    for cursor in cursors:
        rest = [one for one in look(tmp_path, after=cursor.cursor) if isinstance(one, Sighting)]
        before = events[: events.index(cursor)]
        assert [one.place.name for one in rest] == seen[sum(isinstance(one, Sighting) for one in before) :]
        assert all("key" in one.facts for one in rest)


def test_there_is_an_end_to_files(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.pem").write_bytes(pem(SERVER))
    found = sightings(tmp_path, settings=replace(SETTINGS, files_max=3))
    assert len(found) == 4
    assert "more than 3 files" in found[str(tmp_path)].problem


@pytest.mark.parametrize("target", ["", "etc", "/etc/../x", "/a\0b", "http://x", "/" + "a" * 5000])
def test_what_is_no_path_is_malformed(target: str) -> None:
    source = FilesSource(SETTINGS)
    for scope in (Scope((target,)), Scope(("/etc",), (target,))):
        with pytest.raises(Malformed):
            source.check(scope)
    with pytest.raises(Malformed):
        look(target)


@pytest.mark.parametrize(
    "wrong", [{"files_max": 0}, {"seconds": 0}, {"passwords": ("\ud800",)}, {"host": "x" * 254}]
)
def test_settings_that_cannot_be_used_are_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        replace(SETTINGS, **wrong)  # type: ignore[arg-type]


# -- configurations --------------------------------------------------------------------------------

NGINX = """
http {{ include sites/*.conf; }}
"""
SITE = """
server {{
    listen 443 ssl; server_name www.example.test example.test;
    ssl_certificate {folder}/www.pem; ssl_certificate_key {folder}/closed.key;
}}
server {{ listen 443 ssl; server_name gone.example.test; ssl_certificate {folder}/gone.pem; }}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    (tmp_path / "nginx/sites").mkdir(parents=True)
    (tmp_path / "nginx/nginx.conf").write_text(NGINX.format())
    (tmp_path / "nginx/sites/a.conf").write_text(SITE.format(folder=tmp_path))
    (tmp_path / "www.pem").write_bytes(pem(SERVER, ISSUING))
    (tmp_path / "closed.key").write_bytes(key_pem(CHAIN.server.key, "nobody knows it"))
    return tmp_path


def test_what_a_configuration_serves_is_told_with_the_file(nginx: Path) -> None:
    found = sightings(f"nginx:{nginx}/nginx/nginx.conf")
    assert set(found) == {f"{nginx}/www.pem", f"{nginx}/gone.pem"}
    place = f"{nginx}/nginx/sites/a.conf"
    gone = f"there is no such file or folder; nginx serves with it: {place}:6"
    assert problems(found) == {f"{nginx}/gone.pem": gone}
    facts = found[f"{nginx}/www.pem"].facts
    assert facts["serves"] == [
        {
            "software": "nginx",
            "configuration": f"{place}:4",
            "names": ["www.example.test", "example.test"],
            "listen": ["443"],
        }
    ]
    assert facts["key"] == {
        "encrypted": True,
        "mode": "0644",
        "owner": (nginx / "www.pem").owner(),
        "path": f"{nginx}/closed.key",
    }


def test_what_is_told_of_servers_is_bounded(tmp_path: Path) -> None:
    """As everything that is kept of a sighting is."""
    (tmp_path / "www.pem").write_bytes(pem(SERVER))
    names = " ".join(f"name-{number}.example.test" for number in range(900))
    site = f"server {{ listen 443 ssl; server_name {names}; ssl_certificate {tmp_path}/www.pem; }}\n"
    (tmp_path / "nginx.conf").write_text(f"http {{ {site * 20} }}")
    (found,) = sightings(f"nginx:{tmp_path}/nginx.conf").values()
    assert 1 < len(found.facts["serves"]) < 20  # type: ignore[arg-type]
    assert facts_text(found.facts)


def test_the_named_entry_of_a_store_serves(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "store").write_bytes(p12("Web"))
    xml = "<Connector port='1' keystoreFile='{0}' keyAlias='{1}'/>"
    for alias, expected in (("web", True), ("other", False)):
        (tmp_path / "conf/server.xml").write_text(xml.format(tmp_path / "store", alias))
        (found,) = sightings(f"tomcat:{tmp_path}/conf/server.xml").values()
        assert ("serves" in found.facts) is expected


def test_an_excluded_configuration_is_not_read(nginx: Path) -> None:
    site = f"{nginx}/nginx/sites/a.conf"
    found = sightings(f"nginx:{nginx}/nginx/nginx.conf", exclude=(site,))
    assert problems(found) == {site: "configuration: it is no file, or excluded"}
    assert len(found) == 1


@pytest.mark.parametrize("target", ["iis:/x", "nginx:x", "nginx:/../x"])
def test_a_configuration_that_cannot_be_meant_is_malformed(target: str) -> None:
    with pytest.raises(Malformed):
        FilesSource(SETTINGS).check(Scope((target,)))


def test_odd_names_of_files_are_told_in_letters_that_can_be_seen(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/a\xff\n.pem"
    with open(path, "wb") as file:
        file.write(pem(SERVER))
    assert set(sightings(tmp_path)) == {f"{tmp_path}/a\\udcff\\n.pem"}
    (tmp_path / "b.pem").write_bytes(pem(ROOT))
    cursors = [one.cursor for one in look(tmp_path) if isinstance(one, Progress) and one.done == 1]
    assert "".join(cursors).encode()
    assert set(sightings(tmp_path, after=cursors[0])) == {f"{tmp_path}/b.pem"}


@given(st.text(), st.text())
def test_the_name_of_a_place_is_bounded_and_tells_apart(one: str, other: str) -> None:
    long = "x" * NAME_MAX
    assert place_name(one).isprintable()
    assert len(place_name(long + one)) <= NAME_MAX
    assert (place_name(long + one) == place_name(long + other)) is (place_name(one) == place_name(other))


def test_orders_of_paths() -> None:
    paths = ["/a", "/a/b", "/a/b/c", "/a-b", "/b"]
    assert sorted(["/b", "/a-b", "/a/b/c", "/a", "/a/b"], key=in_order) == paths
    assert list(parents("/a/b")) == ["/a/b", "/a", "/"]


# -- the contract ----------------------------------------------------------------------------------


class TestFilesContract(DiscoverySourceContract):
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            expected = {_place(path): chain for path, chain in _SET_UP[case](folder).items()}
            scope = Scope(() if case is Case.NO_SCOPE else (name, f"{name}/none/*.pem"))
            left_out = frozenset(one for one in expected if one.name.startswith(f"{name}/b/"))
            source = FilesSource(replace(SETTINGS, octets_max=1_000_000))
            yield Situation(source, scope, expected, f"{name}/b", left_out)


def _place(path: Path) -> Place:
    return Place("file", SETTINGS.host, 0, str(path))


def _good(folder: Path) -> dict[Path, tuple[bytes, ...]]:
    (folder / "b").mkdir()
    files = {folder / "a.pem": CHAIN.ders, folder / "b/c.pem": (SERVER, ISSUING), folder / "d": (ROOT,)}
    for path, ders in files.items():
        path.write_bytes(pem(*ders))
    return files


def _bad(folder: Path) -> dict[Path, tuple[bytes, ...]]:
    (folder / "a.pem").touch()
    os.mkfifo(folder / "b.pem")
    (folder / "c.p12").symlink_to("/dev/zero")
    (folder / "d.jks").write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2\xff\xff\xff\xff" + bytes(20))
    with (folder / "e.crt").open("wb") as file:
        file.truncate(10**12)
    return dict.fromkeys(sorted(folder.iterdir()), ())


def _slow(folder: Path) -> dict[Path, tuple[bytes, ...]]:
    """Stores that ask for much, each."""
    for number in range(50):
        (folder / f"{number}.p12").write_bytes(greedy(ROUNDS_MAX // 10))
    return {}


def _nothing(_folder: Path) -> dict[Path, tuple[bytes, ...]]:
    return {}


_SET_UP = {
    Case.GOOD: _good,
    Case.BAD: _bad,
    Case.SLOW: _slow,
    Case.EMPTY: _nothing,
    Case.NO_SCOPE: _good,
}


def test_a_look_that_is_left_early_leaves_nothing_open(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.pem").write_bytes(pem(SERVER))

    async def run() -> None:
        events = FilesSource(SETTINGS).look(Scope((str(tmp_path),)))
        async for event in events:
            if isinstance(event, Sighting):
                break
        await events.aclose()

    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(run())
    assert len(os.listdir("/proc/self/fd")) == before
