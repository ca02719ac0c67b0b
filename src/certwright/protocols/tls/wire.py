"""Records and handshake messages as they come, cut out of the stream within bounds (RFC 8446 section 5)."""

from collections.abc import Iterator

from ...core.egress import shown
from ...core.errors import CertwrightError
from .registry import Content, alert_name

RECORD_OCTETS_MAX = 16_384 + 2_048
"""RFC 5246 section 6.2.3; RFC 8446 allows less."""
MESSAGE_OCTETS_MAX = 256 * 1024
"""Of one handshake message: a chain of 32 certificates with ML-DSA-87 is a little less."""
STREAM_OCTETS_MAX = MESSAGE_OCTETS_MAX + 64 * 1024
"""Of all that a server may send before its chain is whole."""
WARNINGS_MAX = 4

_VERSION_MAJOR = 3
_CONTENTS = frozenset(Content)
_WARNING = 1


class TlsFault(CertwrightError):
    """The server does not keep to TLS, or ends the handshake. `detail` is one line about it."""

    status = 502


class NotTls(TlsFault):
    """What answers there is no TLS server."""


class Ended(TlsFault):
    """The connection ended before the server's chain had come."""


class Alerted(TlsFault):
    """The server ended the handshake by an alert (RFC 8446 section 6.2), whose number is `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the server ended the handshake: {alert_name(code)}")
        self.code = code


class Octets:
    """Walks through the fields of one message. Raises TlsFault, naming the message, past its end."""

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    def __bool__(self) -> bool:
        """Is anything left?"""
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise TlsFault(f"the server's {self._what} ends in the middle of a field")
        part = self._data[self._at : end]
        self._at = end
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """Octets that come after their length, itself a number of `size` octets."""
        return self.take(self.number(size))

    def within(self, size: int) -> "Octets":
        return Octets(self.vector(size), self._what)

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def vector(size: int, *parts: bytes) -> bytes:
    """A vector of RFC 8446 section 3.4: its length in `size` octets, then its content."""
    content = b"".join(parts)
    return len(content).to_bytes(size, "big") + content


def record(content: Content, version: int, fragment: bytes) -> bytes:
    return bytes((content,)) + version.to_bytes(2, "big") + vector(2, fragment)


class Records:
    """Cuts a stream into records. Raises NotTls where it does not begin as one, TlsFault past a bound."""

    __slots__ = ("_at", "_begun", "_data", "_total")

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0
        self._total = 0
        self._begun = False

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """The records that are whole now: type, header, fragment."""
        self._total += len(data)
        if self._total > STREAM_OCTETS_MAX:
            raise TlsFault(f"the server sent more than {STREAM_OCTETS_MAX} octets before its chain was whole")
        self._data += data
        while len(self._data) - self._at >= 5:
            start = self._at + 5
            header = bytes(self._data[self._at : start])
            size = self._size(header)
            if len(self._data) < start + size:
                break
            self._at, self._begun = start + size, True
            yield header[0], header, bytes(self._data[start : self._at])
        else:
            if not self._begun and self._data and self._data[0] not in _CONTENTS:
                raise self._not_tls()
        del self._data[: self._at]
        self._at = 0

    def _size(self, header: bytes) -> int:
        size = header[3] << 8 | header[4]
        if header[0] not in _CONTENTS or header[1] != _VERSION_MAJOR:
            if not self._begun:
                raise self._not_tls()
            raise TlsFault("the server sent a record of no known type")
        if size > RECORD_OCTETS_MAX:
            raise TlsFault(f"the server sent a record of {size} octets; the most is {RECORD_OCTETS_MAX}")
        return size

    def _not_tls(self) -> NotTls:
        beginning = bytes(self._data[:32]).split(b"\n")[0].decode("latin-1").strip()
        return NotTls(f"no TLS server answers there; its answer begins with {shown(beginning)!r}")


class Messages:
    """Puts handshake messages together from fragments. Raises TlsFault for one past the bound."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, fragment: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that are whole now: type, and the whole with its header of four octets."""
        self._data += fragment
        at = 0
        try:
            while len(self._data) - at >= 4:
                size = int.from_bytes(self._data[at + 1 : at + 4], "big")
                if size > MESSAGE_OCTETS_MAX:
                    text = f"the server sent a handshake message of {size} octets"
                    raise TlsFault(f"{text}; the most is {MESSAGE_OCTETS_MAX}")
                if len(self._data) < at + 4 + size:
                    break
                whole = bytes(self._data[at : at + 4 + size])
                at += 4 + size
                yield whole[0], whole
        finally:
            del self._data[:at]


class Alerts:
    """What alerts mean: a warning is passed over a few times, anything else ends the handshake."""

    __slots__ = ("_warnings",)

    def __init__(self) -> None:
        self._warnings = 0

    def feed(self, fragment: bytes) -> None:
        """Raises Alerted, or TlsFault for what is no alert."""
        if len(fragment) != 2:
            raise TlsFault("the server sent an alert that cannot be read")
        level, code = fragment
        self._warnings += 1
        if level != _WARNING or code == 0 or self._warnings > WARNINGS_MAX:
            raise Alerted(code)
