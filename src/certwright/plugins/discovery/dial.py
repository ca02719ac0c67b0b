"""One connection to one address, on a plain non-blocking socket: fast, bounded in time, and told of once."""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ...protocols.tls.look import Look, Seen
from ...protocols.tls.starttls import StartTls
from ...protocols.tls.wire import Ended, TlsFault

READ_OCTETS = 16_384
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL})
"""Lacks of this machine and not of the one dialled. EADDRNOTAVAIL: no port of ours is left (of IPv4)."""
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: end with a reset, and keep nothing in TIME_WAIT


class Why(Enum):
    """Why there was nothing to see: MUTE is a connection without an answer, OURS a lack of this machine."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    MUTE = "mute"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Missed:
    """No connection, or no answer in time; `text` is one line about it."""

    why: Why
    text: str


Outcome = Seen | TlsFault | Missed
"""What a connection came to."""


class Talk:
    """What is said on one connection: the dialogue that begins TLS, where there is one, and the look."""

    __slots__ = ("_look", "_starttls")

    def __init__(self, look: Look, starttls: StartTls | None) -> None:
        self._look = look
        self._starttls = starttls

    def begin(self) -> bytes:
        return self._starttls.begin() if self._starttls else self._look.begin()

    def feed(self, data: bytes) -> bytes:
        """Raises TlsFault."""
        if self._starttls is None:
            return self._look.feed(data)
        said = self._starttls.feed(data)
        if self._starttls.done:
            self._starttls = None
            said += self._look.begin()
        return said

    @property
    def seen(self) -> Seen | None:
        """What was seen, once that is all."""
        return self._look.seen if self._look.done else None

    def end(self) -> Seen:
        """Raises Ended where the chain had not come."""
        if self._starttls:
            raise Ended("the server ended the connection before TLS began")
        return self._look.end()


class Dial:
    """Dials, talks, and tells the outcome exactly once, unless it is closed before."""

    __slots__ = ("_connected", "_deadline", "_loop", "_seconds", "_socket", "_talk", "_timer", "_told")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, talk: Talk, seconds: float, told: Callable[[Outcome], None]
    ) -> None:
        """`seconds` bound the talk, from the connection on."""
        self._loop = loop
        self._talk = talk
        self._seconds = seconds
        self._told = told
        self._connected = False
        self._deadline = 0.0
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, address: str, port: int, connect_seconds: float) -> None:
        """The outcome may be told before this returns."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        try:
            self._socket = socket.socket(family, kind)
            code = self._socket.connect_ex((address, port))
        except OSError as error:
            code = error.errno or errno.EIO
        if self._socket is None or code not in {0, errno.EINPROGRESS}:
            six = family == socket.AF_INET6 and code == errno.EADDRNOTAVAIL  # there is no IPv6 here
            self._tell(_missed(errno.EAFNOSUPPORT if six else code))
            return
        self._timer = self._loop.call_later(connect_seconds, self._look_at_clock, connect_seconds)
        self._loop.add_writer(self._socket, self._writable)

    def close(self) -> None:
        """End it at once; nothing is told any more. Closing twice is fine."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            if self._timer is not None:  # then the event loop knows it
                forget = self._loop.remove_reader if self._connected else self._loop.remove_writer
                forget(self._socket)
            if self._connected:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._socket.close()
        self._timer = self._socket = None

    # -- called by the event loop --

    def _writable(self) -> None:
        assert self._socket is not None
        assert self._timer is not None
        self._loop.remove_writer(self._socket)
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code and _is_itself(self._socket):
            code = errno.ECONNREFUSED
        if code:
            self._tell(_missed(code))
            return
        self._connected = True
        self._deadline = self._loop.time() + self._seconds
        if self._deadline < self._timer.when():
            self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock, 0.0)
        self._loop.add_reader(self._socket, self._readable)
        self._say(self._talk.begin())

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(READ_OCTETS)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # a reset ends it as well
        try:
            said = self._talk.feed(data) if data else b""
            seen = self._talk.seen if data else self._talk.end()
        except TlsFault as fault:
            self._tell(fault)
            return
        if seen is not None:
            self._tell(seen)
        elif said:
            self._say(said)

    def _say(self, octets: bytes) -> None:
        """What we say is small, and fits into what the kernel takes at once."""
        assert self._socket is not None
        try:
            whole = self._socket.send(octets) == len(octets)
        except OSError:
            whole = False  # a reset, or a server that takes nothing
        if not whole:
            self._tell(Ended("the server ended the connection before it had taken what we say"))

    def _look_at_clock(self, connect_seconds: float) -> None:
        """One timer for both bounds: most connections are over before either."""
        if not self._connected:
            self._tell(Missed(Why.SILENT, f"no connection within {connect_seconds:g} s"))
        elif self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock, connect_seconds)
        else:
            self._too_late()

    def _too_late(self) -> None:
        try:
            self._tell(self._talk.end())
        except TlsFault:
            self._tell(Missed(Why.MUTE, f"no whole answer within {self._seconds:g} s"))

    def _tell(self, outcome: Outcome) -> None:
        self.close()
        self._told(outcome)


def _is_itself(connected: socket.socket) -> bool:
    """The port that the kernel gave us may be the very one we dial here: then nobody is there, and we are
    connected to ourselves (RFC 9293 section 3.5, simultaneous open)."""
    try:
        return bool(connected.getsockname() == connected.getpeername())
    except OSError:
        return False  # it has ended already


def _missed(code: int) -> Missed:
    if code == errno.ECONNREFUSED:
        return Missed(Why.REFUSED, "the connection is refused")
    if code == errno.ETIMEDOUT:
        return Missed(Why.SILENT, "no connection")
    return Missed(Why.OURS if code in OURS else Why.UNREACHABLE, os.strerror(code).lower())
