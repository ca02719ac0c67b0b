"""The source `ssh` against Debian's sshd."""

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import uvloop

from certwright.core.egress import EgressPolicy
from certwright.core.errors import Malformed
from certwright.core.stores.values import ROUNDS_MAX
from certwright.plugins.discovery.ssh import SshSettings, SshSource
from certwright.ports import DISCOVERY_SOURCES, Place, Progress, Scope, Sighting
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.core.stores.made import chain, greedy, key_pem, pem
from tests.real import processes, sshd
from tests.real.sshd import SshServer

CHAIN = chain()
SERVER, ISSUING, ROOT = CHAIN.ders
LOOPBACK = EgressPolicy(allow_loopback=True)


@pytest.fixture(scope="module")
def server() -> Iterator[SshServer]:
    with tempfile.TemporaryDirectory() as name, sshd.served(Path(name)) as running:
        yield running


@pytest.fixture
def settings(server: SshServer) -> SshSettings:
    return SshSettings(server.user, server.known_hosts, server.private_key, policy=LOOPBACK)


def sightings(settings: SshSettings, *targets: str) -> dict[str, Sighting]:
    async def run() -> list[object]:
        return [event async for event in SshSource(settings).look(Scope(targets))]

    found = [event for event in asyncio.run(run()) if isinstance(event, Sighting)]
    return {one.place.name: one for one in found}


def problem(settings: SshSettings, *targets: str) -> str:
    (found,) = sightings(settings, *targets).values()
    assert found.chain == ()
    assert found.place.name == ""
    return found.problem


def test_it_is_registered_and_its_secrets_are_not_shown(settings: SshSettings) -> None:
    (entry,) = entry_points(group=DISCOVERY_SOURCES, name="ssh")
    assert entry.load() is SshSource
    shown = repr(replace(settings, password="secret word", passwords=("other word",)))
    assert "PRIVATE KEY" not in shown
    assert "word" not in shown.replace("password", "")


def test_what_a_configuration_serves_over_there(
    server: SshServer, settings: SshSettings, tmp_path: Path
) -> None:
    site = "http {{ server {{ listen 443 ssl; server_name www; ssl_certificate {0}/www.pem; }} }}"
    (tmp_path / "nginx.conf").write_text(site.format(tmp_path))
    (tmp_path / "www.pem").write_bytes(pem(SERVER, ISSUING))
    (tmp_path / "www.key").write_bytes(key_pem(CHAIN.server.key))
    (tmp_path / "www.key").chmod(0o600)
    (tmp_path / "up").symlink_to(".")
    here = f"127.0.0.1:{server.port}"
    found = sightings(settings, f"{here} nginx:{tmp_path}/nginx.conf", f"{here} {tmp_path}")
    (one,) = found.values()
    assert one.place == Place("file", "127.0.0.1", server.port, f"{tmp_path}/www.pem")
    assert one.chain == (SERVER, ISSUING)
    assert one.facts["serves"][0]["names"] == ["www"]  # type: ignore[index, call-overload]
    assert one.facts["key"] == {
        "spki_sha256": CHAIN.digest,
        "encrypted": False,
        "mode": "0600",
        "owner": str(os.geteuid()),
        "path": f"{tmp_path}/www.key",
    }


def test_a_host_key_that_is_not_pinned_is_never_accepted(server: SshServer, settings: SshSettings) -> None:
    target = f"127.0.0.1:{server.port} /etc"
    other = f"[127.0.0.1]:{server.port} {sshd.private_key()[1]}\n"
    for lines in ("", other, "# none\n"):
        text = problem(replace(settings, known_hosts=lines), target)
        assert text == "its host key is not the one in known_hosts, or there is none"


def test_who_is_not_let_in_is_told(server: SshServer, settings: SshSettings) -> None:
    stranger = replace(settings, private_key=sshd.private_key()[0], password="no")
    assert problem(stranger, f"127.0.0.1:{server.port} /etc") == f"it does not let {server.user} in"


def test_a_server_without_sftp(tmp_path: Path) -> None:
    with sshd.served(tmp_path, subsystem="/bin/false") as server:
        ours = SshSettings(server.user, server.known_hosts, server.private_key, policy=LOOPBACK)
        text = problem(ours, f"127.0.0.1:{server.port} /etc")
    assert text in {"the server has no SFTP for this user", "the connection was lost"}


def test_an_address_that_may_not_be_reached_is_not_dialled(server: SshServer, settings: SshSettings) -> None:
    shut = replace(settings, policy=EgressPolicy())
    assert "loopback is for an embedded install only" in problem(shut, f"127.0.0.1:{server.port} /etc")


def test_what_is_on_a_machine_that_is_down_has_not_gone(server: SshServer, settings: SshSettings) -> None:
    async def last(*targets: str) -> Progress:
        events = [event async for event in SshSource(settings).look(Scope(targets))]
        assert isinstance(events[-1], Progress)
        return events[-1]

    there, down = f"127.0.0.1:{server.port} /no", f"127.0.0.1:{processes.free_port()} /no"
    assert asyncio.run(last(there)).whole
    assert not asyncio.run(last(there, down)).whole


def test_nobody_there_and_somebody_who_says_nothing(settings: SshSettings) -> None:
    port = processes.free_port()
    assert problem(settings, f"127.0.0.1:{port} /etc") == f"no connection to port {port}: connection refused"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hurried = replace(settings, connect_seconds=0.5)
        text = problem(hurried, f"127.0.0.1:{silent.getsockname()[1]} /etc")
    assert text == "no SSH connection comes about"


NO_TARGETS = ("", "/etc", "host", "host etc", "host:0 /etc", "host:70000 /etc", "h\0st /etc", "[x] /a")


@pytest.mark.parametrize("target", NO_TARGETS)
def test_what_is_no_target_is_malformed(settings: SshSettings, target: str) -> None:
    with pytest.raises(Malformed):
        SshSource(settings).check(Scope((target,)))


WRONG = ({"user": ""}, {"private_key": ""}, {"private_key": "x"}, {"known_hosts": "x"}, {"files_max": 0})


@pytest.mark.parametrize("wrong", WRONG)
def test_settings_that_cannot_be_used_are_malformed(settings: SshSettings, wrong: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        replace(settings, **wrong)  # type: ignore[arg-type]


class TestSshContract(DiscoverySourceContract):
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @pytest.fixture(autouse=True)
    def _server(self, server: SshServer) -> None:
        self.server = server

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        server = self.server
        with tempfile.TemporaryDirectory() as name:
            folder, here = Path(name), f"127.0.0.1:{server.port}"
            expected = {self._place(path): ders for path, ders in _SET_UP[case](folder).items()}
            scope = Scope(() if case is Case.NO_SCOPE else (f"{here} {name}", f"{here} {name}/no/*"))
            left_out = frozenset(one for one in expected if one.name.startswith(f"{name}/b/"))
            settings = SshSettings(server.user, server.known_hosts, server.private_key, policy=LOOPBACK)
            source = SshSource(settings)
            # uvloop opens /dev/null for its first connection, and keeps that
            assert [event async for event in source.look(Scope((f"{here} {name}/no/*",)))]
            yield Situation(source, scope, expected, f"{name}/b", left_out)

    def _place(self, path: Path) -> Place:
        return Place("file", "127.0.0.1", self.server.port, str(path))


Found = dict[Path, tuple[bytes, ...]]


def _good(folder: Path) -> Found:
    (folder / "b").mkdir()
    files = {folder / "a.pem": CHAIN.ders, folder / "b/c.pem": (SERVER, ISSUING), folder / "d": (ROOT,)}
    for path, ders in files.items():
        path.write_bytes(pem(*ders))
    return files


def _bad(folder: Path) -> Found:
    (folder / "a.pem").touch()
    os.mkfifo(folder / "b.pem")
    (folder / "c.p12").symlink_to("/dev/zero")
    (folder / "d.jks").symlink_to("nowhere")
    with (folder / "e.crt").open("wb") as file:
        file.truncate(10**12)
    return dict.fromkeys(sorted(folder.iterdir()), ())


def _slow(folder: Path) -> Found:
    for number in range(50):
        (folder / f"{number}.p12").write_bytes(greedy(ROUNDS_MAX // 10))
    return {}


def _nothing(_folder: Path) -> Found:
    return {}


_SET_UP = {Case.GOOD: _good, Case.BAD: _bad, Case.SLOW: _slow, Case.EMPTY: _nothing, Case.NO_SCOPE: _good}
