"""Messages of LDAP (RFC 4511 section 4): written in DER, read in whatever BER a directory writes.

What is here: bind with a name and a password, StartTLS, and searches for entries that have one of some
attributes, in pages (RFC 2696).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from ...core import ber, der
from ...core.errors import Malformed

START_TLS = "1.3.6.1.4.1.1466.20037"
PAGED = "1.2.840.113556.1.4.319"
VERSION = 3
SUCCESS, INVALID_CREDENTIALS, NO_SUCH_OBJECT = 0, 49, 32
_BIND, _SEARCH, _EXTENDED, _UNBIND = 0x60, 0x63, 0x77, 0x42
_CONTROLS, _PRESENT, _OR, _SIMPLE, _OID = 0xA0, 0x87, 0xA1, 0x80, 0x80


class Answer(IntEnum):
    """Tags of what a directory says."""

    BOUND = 0x61
    ENTRY = 0x64
    DONE = 0x65
    REFERENCE = 0x73
    EXTENDED = 0x78


class Extent(IntEnum):
    """How far a search goes (section 4.5.1.2)."""

    BASE = 0
    SUBTREE = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """`values` by attribute as the directory names it, with its options."""

    name: str
    values: Mapping[str, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class Said:
    """One message: `entry` for ENTRY; `code` where it is a result (section 4.1.9); `cookie` of the next page,
    empty at the end."""

    number: int
    answer: Answer
    code: int = SUCCESS
    cookie: bytes = b""
    entry: Entry = field(default_factory=lambda: Entry("", {}))


def bind(number: int, name: str, password: str) -> bytes:
    """An empty name and password make nobody of us (RFC 4513 section 5.1.1)."""
    content = der.integer(VERSION) + _text(name) + der.tlv(_SIMPLE, password.encode())
    return _message(number, der.tlv(_BIND, content))


def start_tls(number: int) -> bytes:
    return _message(number, der.tlv(_EXTENDED, der.tlv(_OID, START_TLS.encode())))


def unbind(number: int) -> bytes:
    return _message(number, der.tlv(_UNBIND, b""))


def search(
    number: int,
    base: str,
    extent: Extent,
    present: Sequence[str],
    attributes: Sequence[str],
    page: tuple[int, bytes] | None = None,
) -> bytes:
    """For entries that have one of `present`. `page`: how many at once, and the cookie of the one before."""
    tests = b"".join(der.tlv(_PRESENT, one.encode()) for one in present)
    content = b"".join(
        (
            *(_text(base), der.tlv(der.ENUMERATED, bytes([extent])), der.tlv(der.ENUMERATED, b"\0")),
            *(der.integer(0), der.integer(0), der.boolean(False)),
            *(der.tlv(_OR, tests), der.sequence(*map(_text, attributes))),
        )
    )
    controls = b""
    if page is not None:
        value = der.sequence(der.integer(page[0]), der.octet_string(page[1]))
        control = der.sequence(_text(PAGED), der.boolean(True), der.octet_string(value))
        controls = der.tlv(_CONTROLS, control)
    return _message(number, der.tlv(_SEARCH, content), controls)


def _message(number: int, operation: bytes, controls: bytes = b"") -> bytes:
    return der.sequence(der.integer(number), operation, controls)


def _text(text: str) -> bytes:
    return der.octet_string(text.encode())


# -- reading -------------------------------------------------------------------------------------


def size_of(head: bytes) -> tuple[int, int]:
    """How many octets more the length takes, and the content after it, from the first two octets; the former
    0 where the latter is known. Raises Malformed for what begins no message."""
    if len(head) != 2 or head[0] != der.SEQUENCE or head[1] == 0x80 or head[1] > 0x84:
        raise Malformed("it is no LDAP")
    return (0, head[1]) if head[1] < 0x80 else (head[1] & 0x7F, 0)


def read(octets: bytes) -> Said:
    """Raises Malformed, TooLarge."""
    message = der.Reader(ber.definite(octets, "LDAP"), "LDAP").inside()
    number, tag = message.integer(), message.peek()
    try:
        answer = Answer(tag)
    except ValueError as error:
        raise Malformed("it is no LDAP that was asked for") from error
    content = message.inside(tag)
    if answer is Answer.ENTRY:
        return Said(number, answer, entry=_entry(content))
    if answer is Answer.REFERENCE:
        return Said(number, answer)
    code = int.from_bytes(content.content(der.ENUMERATED), "big")
    cookie = _cookie(message.inside(_CONTROLS)) if message.peek() == _CONTROLS else b""
    return Said(number, answer, code, cookie)


def _entry(content: der.Reader) -> Entry:
    name = content.content(der.OCTET_STRING).decode(errors="replace")
    found: dict[str, tuple[bytes, ...]] = {}
    attributes = content.inside()
    while not attributes.at_end():
        attribute = attributes.inside()
        kind = attribute.content(der.OCTET_STRING).decode(errors="replace")
        values, some = attribute.inside(der.SET), []
        while not values.at_end():
            some.append(values.content(der.OCTET_STRING))
        found[kind] = tuple(some)
    return Entry(name, found)


def _cookie(controls: der.Reader) -> bytes:
    while not controls.at_end():
        control = controls.inside()
        kind = control.content(der.OCTET_STRING)
        if control.peek() == der.BOOLEAN:
            control.element()
        if kind == PAGED.encode() and control.peek() == der.OCTET_STRING:
            value = der.Reader(ber.definite(control.content(), "LDAP"), "LDAP").inside()
            value.integer()
            return value.content(der.OCTET_STRING)
    return b""


def pair(octets: bytes) -> tuple[bytes, ...]:
    """The certificates of a crossCertificatePair (RFC 4523 section 2.3), one or two. Raises Malformed."""
    parts, found = der.Reader(octets, "crossCertificatePair").inside(), []
    while not parts.at_end():
        found.append(parts.inside(0xA0 if parts.peek() == 0xA0 else 0xA1).whole(der.SEQUENCE))
    return tuple(found)
