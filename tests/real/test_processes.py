import sys
import urllib.request
from pathlib import Path

import pytest

from tests.real.processes import ServerFailed, answers, free_port, start
from tests.site.running import until


def test_a_server_is_awaited_read_and_stopped(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with start(command, port=port, log=tmp_path / "log", folder=tmp_path) as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/log", timeout=10) as response:
            assert response.status == 200
        assert "GET /log" in server.output
    assert server.process.returncode is not None
    assert not answers(port)
    server.stop()


def test_a_server_that_ends_early_shows_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="status 3:\nno disk"):
        start(
            [sys.executable, "-c", "import sys; print('no disk'); sys.exit(3)"], port=1, log=tmp_path / "log"
        )


def test_a_server_that_never_listens_is_ended(tmp_path: Path) -> None:
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with pytest.raises(ServerFailed, match="not ready within"):
        start([sys.executable, "-c", program], ready="never", log=tmp_path / "log", seconds=1)
    assert not Path("/proc", (tmp_path / "log").read_text().strip()).exists()


def test_a_server_deaf_to_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    program = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork(); child and print(child, 'ready', flush=True); time.sleep(600)"
    )
    server = start([sys.executable, "-c", program], ready="ready", log=tmp_path / "log")
    assert server.stop(seconds=0.2) == -9
    child = server.output.split()[0]
    until(lambda: ended(child))


def ended(pid: str) -> bool:
    """It may be a zombie until somebody collects it."""
    try:
        return Path("/proc", pid, "stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True
