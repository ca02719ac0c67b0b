"""A pool of helper processes, each with one session to one PKCS#11 token.

Why processes: a vendor's module may hang, crash, keep state across a fork, read the environment, or not
be safe with threads, and none of that can be mended from inside the process that loaded it
(docs/decisions/pkcs11-modules-in-helper-processes.md). A helper that fails is thrown away and the next one
starts afresh.
"""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import CertwrightError, NotFound, Reason, Refused, TooLarge, Unavailable
from .pkcs11_wire import MISSING, OK, PIN, UNSUPPORTED, pack, read_message

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[3])
# The package is found where this process found it, after everything else: nothing of it hides a module
# of the standard library, and the working directory is not searched at all (-P).
_PROGRAM = (
    "import runpy, sys; sys.path.append(sys.argv[1]); "
    "runpy.run_module('certwright.plugins.keys.pkcs11_helper', run_name='__main__')"
)
_SECONDS_OF_GRACE = 2
_MAXIMUM_TEXT = 300
_SECONDS_BETWEEN_STARTS = 1.0


@dataclass(frozen=True, slots=True)
class Opening:
    """What a helper needs to log in, and how many there may be. `seconds` bounds each request."""

    module: str
    token: str
    pin: str = field(repr=False)
    environment: tuple[tuple[str, str], ...]
    sessions: int
    seconds: int

    @property
    def name(self) -> str:
        return f"PKCS#11 token '{self.token}' ({Path(self.module).name})"


class Lost(Exception):
    """This helper is of no more use. `late`: the module did not answer in time."""

    def __init__(self, text: str, late: bool = False) -> None:
        super().__init__(text)
        self.late = late


class WrongPin(Exception):
    """The token does not take the PIN."""


class Helper:
    """One helper process and our end of its socket. Used by one thread at a time."""

    def __init__(self, opening: Opening) -> None:
        """Starts the process and logs in. Raises Lost, WrongPin."""
        self._name = opening.name
        try:
            self._connection, self._process = _started(opening)
        except OSError as error:
            raise Lost(f"its helper process cannot be started ({error.strerror})") from error
        words = (opening.module.encode(), opening.token.encode(), opening.pin.encode())
        try:
            self.ask(opening.seconds, b"open", *words)
        except BaseException:
            self.end()
            raise

    def ask(self, seconds: int, *fields: bytes) -> list[bytes]:
        """The values answered within `seconds`. Raises Lost, WrongPin, NotFound, Refused, TooLarge."""
        try:
            message = pack((b"%d" % seconds, *fields))
        except ValueError as error:
            raise TooLarge(f"{self._name}: {error}; at most 16 MiB can be sent to be signed") from error
        try:
            self._connection.settimeout(seconds + _SECONDS_OF_GRACE)
            self._connection.sendall(message)
            status, *values = read_message(self._connection)
        except TimeoutError as error:
            raise Lost(f"no answer within {seconds} seconds", late=True) from error
        except (EOFError, OSError, ValueError) as error:
            raise self._ended(seconds) from error
        if status != OK:
            text = " ".join(values[0].decode(errors="replace").split())
            raise _failure(self._name, status, text[:_MAXIMUM_TEXT])
        return values

    def _ended(self, seconds: int) -> Lost:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_OF_GRACE)
        if self._process.returncode == -signal.SIGALRM:
            return Lost(f"no answer within {seconds} seconds", late=True)
        return Lost(f"its helper process ended (exit status {self._process.returncode})")

    def end(self) -> None:
        """End the process now and collect it."""
        self._connection.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_OF_GRACE)

    def abandon(self) -> None:
        """Let go of a helper that belongs to the process we were forked from."""
        self._connection.close()


def _started(opening: Opening) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, _PACKAGE_PARENT],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_environment(opening),
            )
        except BaseException:
            ours.close()
            raise
    return ours, process


def _environment(opening: Opening) -> dict[str, str]:
    # Our own settings hold secrets that a vendor's module has no business with.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CERTWRIGHT_")}
    return kept | dict(opening.environment)


def _failure(name: str, status: bytes, text: str) -> Exception:
    if status == MISSING:
        return NotFound(f"{name}: {text}")
    if status == UNSUPPORTED:
        return Refused((Reason("key.not-offered", f"{name}: {text}"),))
    if status == PIN:
        return WrongPin(text)
    return Lost(text)


class Pool:
    """At most `sessions` helpers, started when they are first needed. Safe to use from several threads;
    belongs to the process that made it."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._places = threading.BoundedSemaphore(opening.sessions)
        self._starting = threading.Lock()
        self._idle: list[Helper] = []
        self._failed = ""
        self._failed_until = 0.0

    def ask(self, *fields: bytes) -> list[bytes]:
        """Ask what may be asked twice. A helper that lost its token since it was last used is replaced,
        and asked again once. Raises Unavailable, NotFound, Refused, TooLarge."""
        with self._place():
            if self._idle:
                try:
                    return self._use(self._take(), self._opening.seconds, fields)
                except Lost as lost:
                    self.end()
                    if lost.late:
                        raise self._unavailable(str(lost)) from lost
            return self._once(self._take(), self._opening.seconds, fields)

    def ask_once(self, seconds: int, *fields: bytes) -> list[bytes]:
        """Ask what must not be asked twice. Raises as `ask` does."""
        with self._place():
            return self._once(self._take(), seconds, fields)

    def end(self) -> None:
        """End the helpers that are idle."""
        for helper in self._taken_from_idle():
            helper.end()

    def abandon(self) -> None:
        """Let go of what belongs to the process we were forked from."""
        for helper in self._taken_from_idle():
            helper.abandon()

    def _taken_from_idle(self) -> Iterator[Helper]:
        with contextlib.suppress(IndexError):
            while True:
                yield self._idle.pop()

    def _once(self, helper: Helper, seconds: int, fields: tuple[bytes, ...]) -> list[bytes]:
        try:
            return self._use(helper, seconds, fields)
        except Lost as lost:
            self.end()
            raise self._unavailable(str(lost)) from lost

    def _use(self, helper: Helper, seconds: int, fields: tuple[bytes, ...]) -> list[bytes]:
        try:
            values = helper.ask(seconds, *fields)
        except CertwrightError:
            self._idle.append(helper)
            raise
        except BaseException:
            helper.end()
            raise
        self._idle.append(helper)
        return values

    def _take(self) -> Helper:
        try:
            return self._idle.pop()
        except IndexError:
            return self._start()

    def _start(self) -> Helper:
        # One at a time, so that a wrong PIN is tried once and not once by each thread.
        with self._starting:
            if time.monotonic() < self._failed_until:
                raise self._unavailable(self._failed)
            if importlib.util.find_spec("pkcs11") is None:
                raise self._unavailable("python-pkcs11 is not installed; install certwright[hsm]")
            try:
                return Helper(self._opening)
            except WrongPin as error:
                self._failed = (
                    f"{error}; it is not tried again, lest the token lock: correct the PIN, restart"
                )
                self._failed_until = float("inf")
                raise self._unavailable(self._failed) from error
            except Lost as lost:
                self._failed, self._failed_until = str(lost), time.monotonic() + _SECONDS_BETWEEN_STARTS
                raise self._unavailable(self._failed) from lost

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=self._opening.seconds):
            raise self._unavailable(f"all {self._opening.sessions} sessions are busy")
        try:
            yield
        finally:
            self._places.release()

    def _unavailable(self, text: str) -> Unavailable:
        return Unavailable(f"{self._opening.name} cannot be used: {text}")
