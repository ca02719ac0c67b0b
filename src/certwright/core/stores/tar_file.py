"""The members of a tar (POSIX.1-2017 "pax Interchange Format", ustar, GNU), from front to back.

Read here and not by `tarfile`, which takes a header of any size into memory, and calls itself for each of a
row of them.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ..errors import Malformed, TooLarge
from .parts import Part, Reading
from .unpacking import Plain

BLOCK = 512
HEADER_OCTETS_MAX = 1024 * 1024
"""Of a header that extends the one behind it."""
HEADERS_MAX = 16
"""Such headers in a row."""
NAME_CHARACTERS_MAX = 4096


class MemberKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


_KINDS = {
    **dict.fromkeys((b"0", b"\0", b"7", b"S"), MemberKind.FILE),
    **dict.fromkeys((b"1", b"2"), MemberKind.LINK),
    b"5": MemberKind.FOLDER,
}


@dataclass(frozen=True, slots=True)
class Member:
    """`name` is absolute, without needless parts; `link` leads to another name. The octets of a file stand at
    `offset` of the tar; `mode` are the permission bits, `owner` is a number."""

    name: str
    kind: MemberKind
    size: int
    mode: int = 0
    owner: int = 0
    link: str = ""
    offset: int = 0


class Unpacked(NamedTuple):
    member: Member
    octets: bytes


Walk = Generator[Part | Unpacked, bytes | None, None]


def members(stream: Plain, wanted: Callable[[Member], bool]) -> Walk:
    """Go through a tar: each of its members is shown to `wanted`, and the files that it wants are given with
    their octets. Raises Malformed for what is no tar or cut off, TooLarge for headers past the bounds, and
    what `wanted` raises."""
    while not (yield from stream.at_end()):
        member = yield from _next(stream)
        if member is None:
            return
        padding = -member.size % BLOCK
        if wanted(member) and member.kind is MemberKind.FILE:
            yield Unpacked(member, (yield from stream.take(member.size)))
        else:
            yield from stream.skip(member.size)
        yield from stream.pad(padding)


def _next(stream: Plain) -> Reading[Member | None]:
    """None at the end. What extends a header stands before it."""
    said: dict[str, str] = {}
    for _ in range(HEADERS_MAX):
        header = yield from stream.take(BLOCK)
        if not any(header):
            return None
        _check(header)
        kind, size = header[156:157], _number(header[124:136])
        if kind in {b"x", b"g", b"L", b"K"}:
            if size > HEADER_OCTETS_MAX:
                raise TooLarge(f"a header of {size} octets; at most {HEADER_OCTETS_MAX} are read")
            content = yield from stream.take(size)
            yield from stream.skip(-size % BLOCK)
            said |= _said(kind, content)
        else:
            if kind == b"S":
                yield from _pass_over_map(stream, header)
            return _member(header, said, stream.position)
    raise TooLarge(f"more than {HEADERS_MAX} headers in a row")


def _check(header: bytes) -> None:
    octets = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if octets != _number(header[148:156]):
        raise Malformed("it is no tar, or broken")


def _number(field: bytes) -> int:
    """Octal, or in base 256 as GNU writes what does not fit. Raises Malformed."""
    if field[0] & 0x80:
        number = int.from_bytes(field, "big", signed=field[0] == 0xFF) & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] == 0xFF or number >= 1 << 62:
            raise Malformed("a number of its headers is none")
        return number
    text = field.strip(b" \0").partition(b"\0")[0]
    try:
        return int(text or b"0", 8)
    except ValueError as error:
        raise Malformed("a number of its headers is none") from error


def _said(kind: bytes, content: bytes) -> dict[str, str]:
    """What such a header says of the member behind it. One for all that follow says nothing that is read."""
    if kind == b"g":
        return {}
    if kind in {b"L", b"K"}:
        return {"path" if kind == b"L" else "linkpath": _text(content.partition(b"\0")[0])}
    said: dict[str, str] = {}
    at = 0
    while at < len(content):
        end = content.find(b" ", at, at + 10)
        length = content[at:end] if end > at else b""
        if not length.isdigit() or int(length) <= end - at + 1 or at + int(length) > len(content):
            raise Malformed("a header of it that extends another is broken")
        key, _, value = content[end + 1 : at + int(length) - 1].partition(b"=")
        if key in {b"path", b"linkpath", b"size", b"uid", b"GNU.sparse.name"}:
            said[key.decode()] = _text(value)
        at += int(length)
    return said


def _pass_over_map(stream: Plain, header: bytes) -> Reading[None]:
    """Where the holes of a sparse file are, in GNU's older form; its octets follow without them."""
    extended = header[482]
    for _ in range(HEADER_OCTETS_MAX // BLOCK):
        if not extended:
            return
        extended = (yield from stream.take(BLOCK))[504]
    raise TooLarge("the map of a sparse file is too long")


def _member(header: bytes, said: dict[str, str], offset: int) -> Member:
    name = said.get("GNU.sparse.name") or said.get("path") or _name(header)
    size = _decimal(said["size"]) if "size" in said else _number(header[124:136])
    kind = _KINDS.get(header[156:157], MemberKind.OTHER)
    if kind is MemberKind.FILE and name.endswith("/"):  # as it was before there were folders
        kind = MemberKind.FOLDER
    if kind in {MemberKind.LINK, MemberKind.FOLDER}:
        size = 0
    owner = _decimal(said["uid"]) if "uid" in said else _number(header[108:116])
    link = said.get("linkpath") or _text(header[157:257].partition(b"\0")[0])
    mode = _number(header[100:108]) & 0o7777
    return Member(clean(name), kind, size, mode, owner, link if kind is MemberKind.LINK else "", offset)


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    before = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(before + b"/" + name if before else name)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Malformed("a number of its headers is none")
    return int(text)


def _text(octets: bytes) -> str:
    if len(octets) > NAME_CHARACTERS_MAX:
        raise TooLarge(f"a name of {len(octets)} octets; at most {NAME_CHARACTERS_MAX} are read")
    return octets.decode(errors="surrogateescape")


def clean(name: str) -> str:
    """As an absolute path; what leads upwards leads no further than to the top."""
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts)
