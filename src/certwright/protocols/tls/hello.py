"""The ClientHello: everything from TLS 1.0 to 1.3 in one question (RFC 8446 section 4.1.2), or less of it.

Servers that trip over the whole question are asked again with less, in the order of `Question`.
"""

from dataclasses import dataclass
from enum import IntEnum

from .registry import (
    POST_QUANTUM,
    SCSV,
    SUITES,
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    Content,
    Extension,
    Group,
    Kind,
    Scheme,
)
from .wire import record, vector

RANDOM_OCTETS = 64
"""What one hello needs: its random and its session identifier."""

_PAD_FROM, _PAD_TO = 256, 512
_SUITES_OF_1_3 = 0x1300
_FIXED_OCTETS = 4 + 2 + RANDOM_OCTETS + 1


class Question(IntEnum):
    """How much a hello offers, each less than the one before it.

    WHOLE: TLS 1.0 to 1.3 with post-quantum groups, which make it long. SMALL: without them. OLD: up to
    TLS 1.2. ANCIENT: TLS 1.0 without any extension.
    """

    WHOLE = 0
    SMALL = 1
    OLD = 2
    ANCIENT = 3


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask a server: the `name` in server_name (RFC 6066 section 3; empty for none), the protocols of
    ALPN (RFC 7301), whether it is to show that it has its key."""

    name: str = ""
    alpn: tuple[str, ...] = ()
    prove: bool = False
    question: Question = Question.WHOLE


_VERSIONS = {
    Question.WHOLE: (TLS_1_3, TLS_1_2, TLS_1_1, TLS_1_0),
    Question.SMALL: (TLS_1_3, TLS_1_2, TLS_1_1, TLS_1_0),
    Question.OLD: (),
    Question.ANCIENT: (),
}


def _groups(question: Question) -> tuple[Group, ...]:
    """In the order of preference."""
    first = (Group.X25519MLKEM768, Group.x25519)
    every = (*first, *(group for group in Group if group not in first))
    kept = every if question is Question.WHOLE else (group for group in every if group not in POST_QUANTUM)
    return tuple(kept)


def _suites_of(question: Question) -> tuple[int, ...]:
    new = question in {Question.WHOLE, Question.SMALL}
    return tuple(code for code in SUITES if new or code >> 8 != _SUITES_OF_1_3 >> 8)


OFFERED_GROUPS = {question: _groups(question) for question in Question}
OFFERED_SUITES = {question: _suites_of(question) for question in Question}


def shared_groups(question: Question) -> tuple[Group, ...]:
    """Those of which a share goes into the first hello; for another one the server asks."""
    if question is Question.WHOLE:
        return (Group.X25519MLKEM768, Group.x25519)
    return (Group.x25519,) if question is Question.SMALL else ()


class Hello:
    """A ClientHello but for its random octets, to be made once and sent to many."""

    __slots__ = ("_after", "_before")

    def __init__(self, ask: Ask, shares: tuple[tuple[Group, bytes], ...], cookie: bytes = b"") -> None:
        """`cookie` is what a HelloRetryRequest gave."""
        version = TLS_1_0 if ask.question is Question.ANCIENT else TLS_1_2
        after = _suites(ask.question)
        if ask.question is not Question.ANCIENT:
            after += vector(2, _padded(_extensions(ask, shares, cookie), _FIXED_OCTETS + len(after)))
        size = 2 + RANDOM_OCTETS + 1 + len(after)
        self._before = bytes((Kind.CLIENT_HELLO,)) + size.to_bytes(3, "big") + _two(version)
        self._after = after

    def message(self, random: bytes) -> bytes:
        """The handshake message; `random` has RANDOM_OCTETS octets."""
        return b"".join((self._before, random[:32], b"\x20", random[32:], self._after))


def hello_record(message: bytes, version: int = TLS_1_0) -> bytes:
    """The first hello is in a record of the version that old servers take, the one after a HelloRetryRequest
    in one of TLS 1.2 (RFC 8446 section 5.1)."""
    return record(Content.HANDSHAKE, version, message)


def _extensions(ask: Ask, shares: tuple[tuple[Group, bytes], ...], cookie: bytes) -> bytes:
    parts = _common(ask)
    if shares:
        parts += _extension(Extension.KEY_SHARE, vector(2, *(_share(*share) for share in shares)))
    if cookie:
        parts += _extension(Extension.COOKIE, vector(2, cookie))
    return parts


def _suites(question: Question) -> bytes:
    return vector(2, *map(_two, (*OFFERED_SUITES[question], SCSV))) + b"\x01\x00"


def _share(group: Group, public: bytes) -> bytes:
    return _two(group) + vector(2, public)


def _common(ask: Ask) -> bytes:
    """The extensions without keys."""
    versions = _VERSIONS[ask.question]
    parts = [
        _extension(Extension.SERVER_NAME, vector(2, b"\x00" + vector(2, ask.name.encode("ascii"))))
        if ask.name
        else b"",
        _extension(Extension.EXTENDED_MASTER_SECRET),
        _extension(Extension.RENEGOTIATION_INFO, b"\x00"),
        _extension(Extension.SUPPORTED_GROUPS, vector(2, *map(_two, OFFERED_GROUPS[ask.question]))),
        _extension(Extension.EC_POINT_FORMATS, b"\x01\x00"),
        _extension(Extension.SIGNATURE_ALGORITHMS, vector(2, *map(_two, Scheme))),
        _extension(Extension.STATUS_REQUEST, b"\x01\x00\x00\x00\x00"),
        _extension(Extension.ALPN, vector(2, *(vector(1, one.encode("ascii")) for one in ask.alpn)))
        if ask.alpn
        else b"",
    ]
    if versions:
        parts.append(_extension(Extension.SUPPORTED_VERSIONS, vector(1, *map(_two, versions))))
        parts.append(_extension(Extension.PSK_KEY_EXCHANGE_MODES, b"\x01\x01"))
    return b"".join(parts)


def _padded(extensions: bytes, before: int) -> bytes:
    """RFC 7685: some servers hang on a hello of 256 to 511 octets."""
    size = before + 2 + len(extensions)
    if not _PAD_FROM <= size < _PAD_TO:
        return extensions
    return extensions + _extension(Extension.PADDING, bytes(max(_PAD_TO - size - 4, 1)))


def _extension(kind: int, content: bytes = b"") -> bytes:
    return _two(kind) + vector(2, content)


def _two(number: int) -> bytes:
    return number.to_bytes(2, "big")
