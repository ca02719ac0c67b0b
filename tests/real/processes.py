"""A server as a child process of the test: started, awaited, read and stopped."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


class ServerFailed(Exception):
    """The server ended, or did not answer in time. The message holds the end of its output."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that nobody listens on now. Ask for it right before use."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a TCP connection is accepted there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. As a context manager it is stopped at the end of the block."""

    process: subprocess.Popen[bytes]
    log: Path
    begun: int = 0
    """Octets that servers before it have left in the log."""

    @property
    def output(self) -> str:
        """What it has written so far to standard output and error."""
        return self.log.read_bytes()[self.begun :].decode(errors="replace")

    def stop(self, seconds: float = 10) -> int:
        """Ask it to end (SIGTERM), kill it after `seconds`; gives its exit status. Stopping twice is fine."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.wait()

    def kill(self) -> None:
        """SIGKILL to the process and its children: a crash, as a test of faults wants it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    port: int | None = None,
    ready: str = "",
    seconds: float = 30,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Server:
    """Start a server and wait until `port` accepts a connection and its output holds `ready`.

    It runs in a session of its own, its output goes to the file `log`, `environment` is added to ours.
    Raises ServerFailed when it ends early or is not there within `seconds`; then nothing is left running.
    """
    begun = log.stat().st_size if log.exists() else 0
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,
        )
    server = Server(process, log, begun)
    deadline = time.monotonic() + seconds
    while not ((port is None or answers(port)) and ready in server.output):
        if process.poll() is not None:
            raise ServerFailed(
                f"{arguments[0]} ended with status {process.returncode}:\n{server.output[-2000:]}"
            )
        if time.monotonic() > deadline:
            server.kill()
            raise ServerFailed(f"{arguments[0]} was not ready within {seconds:g} s:\n{server.output[-2000:]}")
        time.sleep(0.02)
    return server
