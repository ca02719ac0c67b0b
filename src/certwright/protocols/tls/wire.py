"""Records and handshake messages as they come, cut out of the stream within bounds (RFC 8446 section 5)."""

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
_CONTENTS = frozenset(
    {Content.CHANGE_CIPHER_SPEC, Content.ALERT, Content.HANDSHAKE, Content.APPLICATION_DATA}
)
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
        start = self._at
        self._at = end = start + size
        if end > len(self._data):
            raise TlsFault(f"the server's {self._what} ends in the middle of a field")
        return self._data[start:end]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """Octets that come after their length, itself a number of `size` octets."""
        return self.take(int.from_bytes(self.take(size), "big"))

    def within(self, size: int) -> "Octets":
        return Octets(self.vector(size), self._what)

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def vector(size: int, *parts: bytes) -> bytes:
    """A vector of RFC 8446 section 3.4: its length in `size` octets, then its content."""
    content = b"".join(parts)
    return len(content).to_bytes(size, "big") + content


def record(content: int, version: int, fragment: bytes) -> bytes:
    return bytes((content,)) + version.to_bytes(2, "big") + vector(2, fragment)


class Pieces:
    """Puts pieces of a stream together and cuts it where `_size` says. Each octet is copied a few times at
    the most."""

    __slots__ = ("_needed", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._needed = 0

    def _size(self, data: bytes, at: int) -> int:
        """The octets of the whole that begins at `at`, its header included; 0 while that cannot be told."""
        raise NotImplementedError

    def feed(self, data: bytes) -> list[bytes]:
        """What is whole now, with its header."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        wholes, at, end = [], 0, len(data)
        while at < end:
            self._needed = self._size(data, at)
            if not self._needed or at + self._needed > end:
                break
            wholes.append(data[at : at + self._needed])
            at += self._needed
        self._rest += data[at:]
        return wholes


class Records(Pieces):
    """Cuts a stream into records, with headers of five octets. `feed` raises NotTls where it does not begin
    as one, TlsFault past a bound."""

    __slots__ = ("_begun", "_total")

    def __init__(self) -> None:
        super().__init__()
        self._total = 0
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        self._total += len(data)
        if self._total > STREAM_OCTETS_MAX:
            raise TlsFault(f"the server sent more than {STREAM_OCTETS_MAX} octets before its chain was whole")
        return super().feed(data)

    def _size(self, data: bytes, at: int) -> int:
        if data[at] not in _CONTENTS or (len(data) > at + 1 and data[at + 1] != _VERSION_MAJOR):
            raise TlsFault("the server sent a record of no known type") if self._begun else _not_tls(data)
        if len(data) < at + 5:
            return 0
        self._begun = True
        size = data[at + 3] << 8 | data[at + 4]
        if size > RECORD_OCTETS_MAX:
            raise TlsFault(f"the server sent a record of {size} octets; the most is {RECORD_OCTETS_MAX}")
        return 5 + size


class Messages(Pieces):
    """Puts handshake messages together from the fragments of records, with headers of four octets. `feed`
    raises TlsFault past the bound."""

    __slots__ = ()

    def _size(self, data: bytes, at: int) -> int:
        if len(data) < at + 4:
            return 0
        size = data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
        if size > MESSAGE_OCTETS_MAX:
            text = f"the server sent a handshake message of {size} octets"
            raise TlsFault(f"{text}; the most is {MESSAGE_OCTETS_MAX}")
        return 4 + size


def _not_tls(data: bytes) -> NotTls:
    beginning = data[:32].split(b"\n")[0].decode("latin-1").strip()
    return NotTls(f"no TLS server answers there; its answer begins with {shown(beginning)!r}")


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
