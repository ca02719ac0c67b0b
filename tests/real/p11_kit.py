"""A PKCS#11 token at the far end of a socket, so that it can go away: `p11-kit server` from Debian."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.packages import need
from tests.real.softhsm import SoftHsm

SECONDS = 30


class RemoteToken:
    """A SoftHsm behind a `p11-kit server` that the test starts, kills and freezes.

    Programs load `module` with `environment`; token label and PIN are the SoftHsm's.
    """

    def __init__(self, hsm: SoftHsm, folder: Path) -> None:
        need("softhsm2", "p11-kit", "p11-kit-modules")
        self.hsm = hsm
        self.module = next(Path("/usr/lib").glob("*/pkcs11/p11-kit-client.so"))
        self._socket = folder / "p11-kit.socket"
        self._server: subprocess.Popen[bytes] | None = None
        self._tokens = {path: path.read_bytes() for path in hsm.token_files()}

    @property
    def environment(self) -> dict[str, str]:
        return {"P11_KIT_SERVER_ADDRESS": f"unix:path={self._socket}"}

    def start(self) -> None:
        self._mend()
        self._socket.unlink(missing_ok=True)
        self._server = subprocess.Popen(
            [
                "p11-kit",
                "server",
                "-f",
                "-n",
                str(self._socket),
                "--provider",
                str(self.hsm.module),
                "pkcs11:",
            ],
            env={"PATH": "/usr/sbin:/usr/bin:/bin", **self.hsm.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + SECONDS
        while not self._socket.exists():
            if self._server.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError("p11-kit server did not open its socket")
            time.sleep(0.02)

    def kill(self) -> None:
        """The token is gone at once, with whatever it was doing."""
        if self._server is not None:
            self._signal(signal.SIGKILL)
            self._server.wait(SECONDS)
            self._server = None

    def _mend(self) -> None:
        """SoftHSM empties a token's file and writes it anew at each log-in. Killed in between it has lost the
        token, which no module in hardware does, and is not what is tested."""
        for path, octets in self._tokens.items():
            if not path.read_bytes():
                path.write_bytes(octets)

    def freeze(self) -> None:
        """The token takes requests and does not answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        # The server and the children that serve its connections are a session of their own.
        assert self._server is not None
        os.killpg(self._server.pid, number)


@contextmanager
def running(hsm: SoftHsm, folder: Path) -> Iterator[RemoteToken]:
    remote = RemoteToken(hsm, folder)
    remote.start()
    try:
        yield remote
    finally:
        remote.kill()
