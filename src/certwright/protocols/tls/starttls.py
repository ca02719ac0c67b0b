"""How TLS is begun inside of other protocols, as dialogues without I/O.

A dialogue is a generator: it yields what to send and how to tell when the answer is whole, and is sent that
answer; when it returns, the TLS handshake begins. What answers is bounded, and read no further than needed.
"""

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from ...core.egress import shown
from .wire import NotTls, TlsFault

ANSWER_OCTETS_MAX = 16 * 1024
ANSWERS_MAX = 16
"""Lines of an IMAP server that are not the answer."""
OUR_NAME = "certwright.invalid"

Whole = Callable[[bytes], int]
"""How many octets the answer has; 0 while it is not whole. Raises NotTls where it can be none."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Send this, then wait for an answer; where there is none, TLS begins at once."""

    say: bytes
    whole: Whole | None


_OVER = Turn(b"", None)

Dialogue = Generator[Turn, bytes, None]


class StartTls:
    """Runs one dialogue: send `begin()`, feed what comes and send what that gives, until `done`.

    Raises NotTls where the server is none of this protocol, or does not want to begin TLS.
    """

    def __init__(self, protocol: str, host: str) -> None:
        """`host` is the server's name, or its address where it has none. Raises KeyError."""
        self._dialogue = PROTOCOLS[protocol](host)
        self._data = b""
        self._turn = next(self._dialogue)
        self.done = False

    def begin(self) -> bytes:
        return self._turn.say

    def feed(self, data: bytes) -> bytes:
        self._data += data
        said = b""
        while self._turn.whole and (size := self._turn.whole(self._data)):
            answer, self._data = self._data[:size], self._data[size:]
            self._turn = self._next(answer)
            said += self._turn.say
        self.done = self._turn.whole is None
        if self.done and self._data:
            raise TlsFault("the server sent more than its answer before TLS began")
        if len(self._data) > ANSWER_OCTETS_MAX:
            raise NotTls(f"the server's answer before TLS is longer than {ANSWER_OCTETS_MAX} octets")
        return said

    def _next(self, answer: bytes) -> Turn:
        try:
            return self._dialogue.send(answer)
        except StopIteration:
            return _OVER


def _refused(protocol: str, answer: bytes) -> NotTls:
    return NotTls(f"the server does not begin TLS in {protocol}; it said {shown(_first_line(answer))!r}")


def _first_line(answer: bytes) -> str:
    return answer[:64].split(b"\r")[0].split(b"\n")[0].decode("latin-1")


# -- protocols of lines ----------------------------------------------------------------------------


def _line(data: bytes) -> int:
    return data.find(b"\n") + 1


_LAST = re.compile(rb"^[0-9]{3}(?: [^\n]*)?\r?\n", re.MULTILINE)


def _reply(data: bytes) -> int:
    """A reply of several lines, the last of which has no hyphen after its code (RFC 5321 section 4.2.1)."""
    if not re.match(rb"[0-9]{0,3}($|(?<=[0-9]{3})[ \r\n-])", data):
        raise NotTls(f"no such server answers there; its answer begins with {shown(_first_line(data))!r}")
    found = _LAST.search(data)
    return found.end() if found else 0


def _smtp(_host: str) -> Dialogue:
    """RFC 3207."""
    _expect("SMTP", (yield Turn(b"", _reply)), b"220")
    answer = yield Turn(b"EHLO " + OUR_NAME.encode() + b"\r\n", _reply)
    _expect("SMTP", answer, b"250")
    if not re.search(rb"^250[ -]STARTTLS\s*$", answer, re.MULTILINE | re.IGNORECASE):
        raise NotTls("the server does not offer STARTTLS")
    _expect("SMTP", (yield Turn(b"STARTTLS\r\n", _reply)), b"220")


def _ftp(_host: str) -> Dialogue:
    """RFC 4217 section 4."""
    _expect("FTP", (yield Turn(b"", _reply)), b"220")
    _expect("FTP", (yield Turn(b"AUTH TLS\r\n", _reply)), b"234")


def _pop3(_host: str) -> Dialogue:
    """RFC 2595 section 4."""
    _expect("POP3", (yield Turn(b"", _line)), b"+OK")
    _expect("POP3", (yield Turn(b"STLS\r\n", _line)), b"+OK")


def _imap(_host: str) -> Dialogue:
    """RFC 3501 section 6.2.1."""
    _expect("IMAP", (yield Turn(b"", _line)), b"* OK")
    answer = yield Turn(b"a STARTTLS\r\n", _line)
    for _ in range(ANSWERS_MAX):
        if not answer.startswith(b"* "):
            break
        answer = yield Turn(b"", _line)
    _expect("IMAP", answer, b"a OK")


def _expect(protocol: str, answer: bytes, beginning: bytes) -> None:
    if not answer.upper().startswith(beginning.upper()):
        raise _refused(protocol, answer)


# -- XMPP ------------------------------------------------------------------------------------------

_STREAM = (
    "<?xml version='1.0'?><stream:stream to='{host}' xmlns='jabber:client' version='1.0'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)
_FEATURES = re.compile(rb"</stream:features\s*>|<stream:error|</stream:stream\s*>")
_ANSWER = re.compile(rb"<(proceed|failure)\b[^>]*>(?:\s*</proceed\s*>)?|<stream:error|</stream:stream\s*>")


def _xmpp(host: str) -> Dialogue:
    """RFC 6120 section 5. `host` goes into an attribute: names and addresses hold nothing that XML reads."""
    answer = yield Turn(_STREAM.format(host=host).encode("ascii"), _found(_FEATURES))
    if b"urn:ietf:params:xml:ns:xmpp-tls" not in answer:
        raise NotTls("the server does not offer TLS in XMPP")
    answer = yield Turn(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", _found(_ANSWER))
    if b"<proceed" not in answer:
        raise _refused("XMPP", answer)


def _found(pattern: re.Pattern[bytes]) -> Whole:
    def whole(data: bytes) -> int:
        if data and not data.lstrip().startswith(b"<"):
            raise _refused("XMPP", data)
        found = pattern.search(data)
        return found.end() if found else 0

    return whole


# -- binary protocols ------------------------------------------------------------------------------

_START_TLS = "1.3.6.1.4.1.1466.20037"
_LDAP_REQUEST = bytes((0x30, 0x1D, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16)) + _START_TLS.encode()
_LDAP_SUCCESS = re.compile(
    rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)\x02\x01\x01"
    rb"\x78(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)\x0a\x01\x00",
    re.DOTALL,
)


def _ldap(_host: str) -> Dialogue:
    """RFC 4511 section 4.14."""
    answer = yield Turn(_LDAP_REQUEST, _element)
    if not _LDAP_SUCCESS.match(answer):
        raise NotTls("the server does not begin TLS in LDAP")


def _element(data: bytes) -> int:
    """One BER element of definite length; some servers write lengths longer than they need to be."""
    if data and data[0] != 0x30:
        raise _refused("LDAP", data)
    if len(data) < 2:
        return 0
    size, start = data[1], 2
    if size >= 0x80:
        start += size & 0x7F
        if not 1 <= size & 0x7F <= 4:
            raise NotTls("the server's answer is not LDAP")
        if len(data) < start:
            return 0
        size = int.from_bytes(data[2:start], "big")
    return _bounded(start + size, data, "LDAP")


def _bounded(size: int, data: bytes, protocol: str) -> int:
    if size > ANSWER_OCTETS_MAX:
        raise NotTls(f"the server's answer is not {protocol}")
    return size if len(data) >= size else 0


def _postgresql(_host: str) -> Dialogue:
    """SSLRequest (PostgreSQL documentation, "Message Formats")."""
    answer = yield Turn(bytes.fromhex("00000008 04d2162f"), lambda data: min(len(data), 1))
    if answer != b"S":
        raise NotTls("the server does not begin TLS in PostgreSQL")


_MYSQL_SSL = 0x0800
_MYSQL_REQUEST = bytes.fromhex("20000001 0fae8800 00000001 21") + bytes(23)
"""Protocol 4.1, secure connection, SSL and what every client has; utf8."""


def _mysql(_host: str) -> Dialogue:
    """SSLRequest after the server's greeting (MySQL Internals Manual, "Connection Phase")."""
    greeting = yield Turn(b"", _mysql_packet)
    version_end = greeting.find(b"\x00", 5)
    flags = greeting[version_end + 14 : version_end + 16]
    if greeting[4:5] != b"\x0a" or version_end < 0 or len(flags) < 2:
        raise NotTls("the server's greeting is none of MySQL that lets this machine in")
    if not int.from_bytes(flags, "little") & _MYSQL_SSL:
        raise NotTls("the server does not offer TLS in MySQL")
    yield Turn(_MYSQL_REQUEST, None)


def _mysql_packet(data: bytes) -> int:
    if len(data) < 5:
        return 0
    size = int.from_bytes(data[:3], "little")
    if data[3] or size == 0:
        raise _refused("MySQL", data)
    return _bounded(4 + size, data, "MySQL")


_RDP_REQUEST = bytes.fromhex("0300 0013 0e e0 0000 0000 00 01 00 0800 03000000".replace(" ", ""))


def _rdp(_host: str) -> Dialogue:
    """X.224 connection request for TLS or CredSSP ([MS-RDPBCGR] section 2.2.1.1)."""
    answer = yield Turn(_RDP_REQUEST, _tpkt)
    if len(answer) < 19 or answer[5] & 0xF0 != 0xD0 or answer[11] != 2 or not answer[15] & 3:
        raise NotTls("the server does not begin TLS in RDP")


def _tpkt(data: bytes) -> int:
    if data and data[0] != 3:
        raise _refused("RDP", data)
    return _bounded(max(int.from_bytes(data[2:4], "big"), 5), data, "RDP") if len(data) >= 4 else 0


PROTOCOLS: Mapping[str, Callable[[str], Dialogue]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "ldap": _ldap,
    "ftp": _ftp,
    "xmpp": _xmpp,
    "postgresql": _postgresql,
    "mysql": _mysql,
    "rdp": _rdp,
}
