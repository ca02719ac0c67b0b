"""The signatures of a JAR (JAR File Specification, "Signed JAR File"): its blocks among the entries of a ZIP
(APPNOTE.TXT 6.3). Nothing else of the archive is unpacked, and of a block no more than a bound.

Read here and not by `zipfile`, which wants the file itself at hand and reads its whole directory at once.
"""

import re
import struct
import zlib
from typing import NamedTuple

from ..errors import Malformed, TooLarge
from .parts import Part, Reading, exactly

DIRECTORY_OCTETS_MAX = 16 * 1024 * 1024
BLOCKS_MAX = 64
BLOCK_OCTETS_MAX = 1024 * 1024
_CHUNK = 256 * 1024
_BLOCK = re.compile(rb"META-INF/[^/]+\.(?:RSA|DSA|EC)", re.IGNORECASE)
_STORED, _DEFLATED = 0, 8
_END, _END_64, _LOCATOR_64 = (struct.Struct(one) for one in ("<4s4H2IH", "<4sQ2H2I4Q", "<4sIQI"))
_ENTRY, _LOCAL = struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s5H3I2H")
_COMMENT_MAX = 0xFFFF
_LATER = 0xFFFFFFFF
"""What does not fit stands in fields of ZIP64."""


class _Directory(NamedTuple):
    """`begin` is where the archive begins in the file: others may stand before it."""

    offset: int
    length: int
    begin: int


class Block(NamedTuple):
    """An entry, and where it begins in the file."""

    name: str
    method: int
    packed: int
    offset: int


def _directory(size: int) -> Reading[_Directory]:
    start = max(0, size - _END.size - _COMMENT_MAX)
    at, length, offset = _end((yield from exactly(start, size - start)))
    end = start + at
    if _LATER in {length, offset}:
        length, offset, end = yield from _end_64(end)
    if length > DIRECTORY_OCTETS_MAX:
        raise TooLarge(f"its directory has {length} octets; at most {DIRECTORY_OCTETS_MAX} are read")
    if length + offset > end:
        raise Malformed("it is no ZIP: its directory lies outside of it")
    return _Directory(end - length, length, end - length - offset)


def _end(tail: bytes) -> tuple[int, int, int]:
    """Where the end record is in the last octets of a file, and the directory's length and offset."""
    at = len(tail)
    while (at := tail.rfind(b"PK\5\6", 0, at)) >= 0:
        if at + _END.size <= len(tail):
            *_, length, offset, comment = _END.unpack_from(tail, at)
            if at + _END.size + comment == len(tail):
                return at, length, offset
        at += 3  # so that the next one found begins before this one
    raise Malformed("it is no ZIP: it has no end record")


def _end_64(end: int) -> Reading[tuple[int, int, int]]:
    """Length and offset of the directory, and where it ends, from the end record of ZIP64."""
    if end < _LOCATOR_64.size:
        raise Malformed("it is no ZIP: it has no locator of ZIP64")
    locator = yield from exactly(end - _LOCATOR_64.size, _LOCATOR_64.size)
    magic, _, at, _ = _LOCATOR_64.unpack(locator)
    record = yield from exactly(at, _END_64.size)
    if magic != b"PK\6\7" or not record.startswith(b"PK\6\6"):
        raise Malformed("it is no ZIP: its end record of ZIP64 is none")
    *_, length, offset = _END_64.unpack(record)
    return length, offset, at


def blocks_in(size: int) -> Reading[list[Block]]:
    """The signature blocks of an archive of `size` octets, whose directory is walked in chunks. Raises
    Malformed for what is no ZIP, TooLarge for one that holds too much."""
    directory = yield from _directory(size)
    found: list[Block] = []
    buffer, at, read = b"", 0, 0
    while at < len(buffer) or read < directory.length:
        if len(buffer) - at < _ENTRY.size + 3 * 0xFFFF and read < directory.length:
            length = min(_CHUNK, directory.length - read)
            buffer = buffer[at:] + (yield from exactly(directory.offset + read, length))
            at, read = 0, read + length
        if len(buffer) - at < _ENTRY.size or buffer[at : at + 4] != b"PK\1\2":
            raise Malformed("it is no ZIP: its directory has something else in it")
        fields = _ENTRY.unpack_from(buffer, at)
        name_size, extra_size, comment_size = fields[10:13]
        name = buffer[at + _ENTRY.size : at + _ENTRY.size + name_size]
        at += _ENTRY.size + name_size + extra_size + comment_size
        if _BLOCK.fullmatch(name):
            if len(found) >= BLOCKS_MAX:
                raise TooLarge(f"it has more than {BLOCKS_MAX} signature blocks")
            shown = name.decode(errors="replace")
            found.append(Block(shown, fields[4], fields[8], directory.begin + fields[16]))
    return found


def unpacked(block: Block) -> Reading[bytes]:
    """CMS of a block. Raises Malformed, and TooLarge before more than the bound is read or unpacked."""
    if block.packed > BLOCK_OCTETS_MAX:
        raise TooLarge(f"{block.name}: {block.packed} octets; at most {BLOCK_OCTETS_MAX} are read")
    local = yield from exactly(block.offset, _LOCAL.size)
    magic, *_, name_size, extra_size = _LOCAL.unpack(local)
    if magic != b"PK\3\4":
        raise Malformed(f"{block.name}: it is not where the directory says")
    octets = yield Part(block.offset + _LOCAL.size + name_size + extra_size, block.packed)
    if block.method == _STORED:
        return octets
    if block.method != _DEFLATED:
        raise Malformed(f"{block.name}: it is packed in a way that is not read here")
    try:
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(octets, BLOCK_OCTETS_MAX + 1)
    except zlib.error as error:
        raise Malformed(f"{block.name}: it cannot be unpacked") from error
    if len(unpacked) > BLOCK_OCTETS_MAX:
        raise TooLarge(f"{block.name}: more than {BLOCK_OCTETS_MAX} octets once unpacked")
    return unpacked
