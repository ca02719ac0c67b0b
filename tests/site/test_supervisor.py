"""Processes: started, killed, started again, stopped; nothing is left behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from certwright.core.errors import Conflict, Malformed
from certwright.site.supervisor import Plan, bind, children_of, forget_metrics
from tests.real.processes import ServerFailed, free_port
from tests.site.running import alive, descendants, launch, make_home, plan_of, running, until

HEAVY = ("asyncio", "cryptography", "django", "pydantic", "structlog", "typer", "uvicorn", "uvloop")


def test_supervisor_loads_nothing_heavy() -> None:
    """The same goes for what `certwright --help` needs of it."""
    script = "import sys, certwright.site.supervisor; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(HEAVY).intersection(loaded)


def test_serves_with_all_processes_and_stops_cleanly(tmp_path: Path) -> None:
    with running(tmp_path / "home", workers=2) as site:
        pids = [site.pid, *descendants(site.pid)]
        assert len(site.children()) == 2
        assert len(site.children("tests.site.toy_worker")) == 1
        assert site.get("https", "/ocsp/").status_code == 200
        assert site.server.stop() == 0
        assert not [pid for pid in pids if alive(pid)]
        assert len(list(site.home.glob("ended-*"))) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ends_on_other_signals(tmp_path: Path, number: int) -> None:
    with running(tmp_path / "home") as site:
        pids = [site.pid, *descendants(site.pid)]
        os.kill(site.pid, number)
        assert site.server.process.wait(10) == 0
        assert not [pid for pid in pids if alive(pid)]


def test_stop_waits_for_a_request_and_then_no_longer(tmp_path: Path) -> None:
    """One request takes a second and is answered; the other takes an hour and is not."""
    with running(tmp_path / "home") as site, socket.socket() as slow, socket.socket() as stuck:
        tls = site.trust()
        answered = tls.wrap_socket(slow, server_hostname="localhost")
        answered.connect(("127.0.0.1", site.ports["https"]))
        answered.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        never = tls.wrap_socket(stuck, server_hostname="localhost")
        never.connect(("127.0.0.1", site.ports["https"]))
        never.sendall(b"GET /stuck HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: site.get("https", "/ocsp/").status_code == 200)
        pids = [site.pid, *descendants(site.pid)]
        os.kill(site.pid, signal.SIGTERM)
        assert b" 200 OK" in answered.recv(4096)
        assert site.server.process.wait(10) == 0
        assert not [pid for pid in pids if alive(pid)]


def test_killed_children_are_replaced_and_no_connection_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "home") as site:
        for _ in range(3):
            (serving,) = site.children()
            os.kill(serving, signal.SIGKILL)
            assert site.get("http", "/ocsp/").status_code == 200
            until(lambda: len(site.children()) == 1)
            assert site.children() != [serving]
        (worker,) = site.children("tests.site.toy_worker")
        os.kill(worker, signal.SIGKILL)
        until(lambda: site.children("tests.site.toy_worker") not in ([], [worker]))
        assert site.server.process.poll() is None


def test_a_killed_supervisor_leaves_no_orphans(tmp_path: Path) -> None:
    with running(tmp_path / "home", workers=2) as site:
        pids = descendants(site.pid)
        os.kill(site.pid, signal.SIGKILL)
        site.server.process.wait()
        until(lambda: not [pid for pid in pids if alive(pid)])


def test_what_a_killed_child_had_started_goes_with_it(tmp_path: Path) -> None:
    with running(tmp_path / "home", worker="tests.site.toy_parent") as site:
        until(lambda: site.children("sleep 3600"))
        (grandchild,) = site.children("sleep 3600")
        (worker,) = site.children("tests.site.toy_parent")
        os.kill(worker, signal.SIGKILL)
        until(lambda: not alive(grandchild))


def test_what_serves_is_not_ended_for_what_does_not(tmp_path: Path) -> None:
    """The file was spoilt while we ran; mended, the process comes back."""
    with running(tmp_path / "home", workers=2) as site:
        before = site.children()
        (site.home / "certwright.toml").write_text("workers = 0\n")
        os.kill(before[0], signal.SIGKILL)
        until(lambda: "workers: Input should be" in site.server.output)
        assert before[1] in site.children()
        (site.home / "certwright.toml").unlink()
        until(lambda: site.server.output.count('"serving"') == 3)
        assert before[1] in site.children()


@pytest.mark.full
def test_a_process_that_stands_still_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path / "home") as site:
        (stopped,) = site.children()
        os.kill(stopped, signal.SIGSTOP)
        until(lambda: site.children() not in ([], [stopped]), seconds=60)
        assert site.get("http", "/ocsp/").status_code == 200


def test_lanes_choose_the_processes(tmp_path: Path) -> None:
    with running(tmp_path / "home", lanes=["fast"]) as site:
        assert site.children("tests.site.toy_worker") == []
        assert site.get("https", "/refused").status_code == 403
        assert site.get("https", "/").status_code == 404
    with running(tmp_path / "other", lanes=["worker"]) as site:
        assert len(site.children("tests.site.toy_worker")) == 1
        assert site.children() == []


TAKEN = (
    "cannot listen on 127.0.0.1:{port}: Address already in use; free it, or choose another with `--http` or "
    "CERTWRIGHT_HTTP"
)


def test_a_taken_address_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_home(home)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerFailed, match=TAKEN.format(port=port)):
            launch(plan_of(home, {"http": port}), tmp_path / "log")


def test_a_wrong_configuration_ends_everything_at_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_home(home)
    (home / "certwright.toml").write_text("workers = 0\n")
    with pytest.raises(ServerFailed, match=r"status 78:(?s:.)*certwright.toml: workers: "):
        launch(plan_of(home, {"http": free_port()}), tmp_path / "log")


def test_a_process_that_never_gets_ready_ends_everything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_home(home)
    with pytest.raises(ServerFailed, match="died 7 times before it was ready"):
        launch(plan_of(home, {"http": free_port()}, worker="tests.site.no_such_worker"), tmp_path / "log")


def test_pieces_refuse_what_they_cannot_do() -> None:
    with pytest.raises(Malformed, match="nothing to run"):
        children_of(Plan(home="/", listen={}, workers=1, lanes=()))
    with pytest.raises(Malformed, match="no listening address"):
        bind("http", "127.0.0.1")
    with pytest.raises(Conflict, match=r"cannot listen on 192\.0\.2\.1:1: Cannot assign"):
        bind("mtls", "192.0.2.1:1")


def test_metric_files_of_the_dead_are_forgotten(tmp_path: Path) -> None:
    names = ["counter_1.db", "gauge_livesum_1.db", "gauge_livesum_2.db", "gauge_sum_1.db", "other"]
    for name in names:
        (tmp_path / name).touch()
    forget_metrics(tmp_path, lambda pid: pid == 1, only_live_gauges=True)
    assert not (tmp_path / "gauge_livesum_1.db").exists()
    assert (tmp_path / "counter_1.db").exists()
    forget_metrics(tmp_path, lambda pid: pid == 1, only_live_gauges=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gauge_livesum_2.db", "other"]
