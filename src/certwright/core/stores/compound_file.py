"""One stream of a compound file, of which Windows' installers are made ([MS-CFB]).

Read here and not by a library for two reasons: those that there are want the whole file at hand, and keep its
whole allocation table in memory. Here a sector is read when something leads there, every chain has an end,
and a size that is told is checked before it is believed.
"""

import struct
from collections.abc import Sequence

from ..errors import Malformed, TooLarge
from .parts import Reading, exactly

STREAM_OCTETS_MAX = 4 * 1024 * 1024
ENTRIES_MAX = 16_384
"""Of the directory."""
MINI_SECTORS_MAX = 65_536
"""Of the stream in which small streams lie."""
_HEADER_OCTETS = 512
_ENTRY_OCTETS = 128
_HEADER_TABLE = 109
_SECTORS_MAX = 0xFFFFFFFA
_STREAM, _ROOT = 2, 5


def stream_in(size: int, name: str) -> Reading[bytes | None]:
    """The octets of a stream in a file of `size` octets; None where there is none. Raises Malformed,
    TooLarge."""
    header = yield from exactly(0, _HEADER_OCTETS)
    order, shift, mini_shift, directory, cutoff, mini_table, more_table = _fields(header)
    if order != b"\xfe\xff" or shift not in {9, 12} or mini_shift != 6 or cutoff != 4096:
        raise Malformed("it is no compound file")
    file = _File(size, shift, struct.unpack_from(f"<{_HEADER_TABLE}I", header, 76), more_table)
    wanted, root = yield from _look_up(file, directory, name)
    if wanted is None:
        return None
    start, length = wanted
    if length > min(STREAM_OCTETS_MAX, size):
        raise TooLarge(f"its signature has {length} octets; at most {STREAM_OCTETS_MAX} are read")
    if length >= cutoff:
        return (yield from file.octets(start, length))
    return (yield from _mini_stream(file, root, mini_table, start, length))


def _fields(header: bytes) -> tuple[bytes, int, int, int, int, int, int]:
    order, shift, mini_shift = struct.unpack_from("<2sHH", header, 28)
    directory, cutoff, mini_table, more_table = struct.unpack_from("<I4xII4xI", header, 48)
    return order, shift, mini_shift, directory, cutoff, mini_table, more_table


class _File:
    """Sectors by number, and what the allocation table says comes after each."""

    def __init__(self, size: int, shift: int, table: Sequence[int], more_table: int) -> None:
        self.shift = shift
        self._sectors = max(0, (size >> shift) - 1 + bool(size & ((1 << shift) - 1)))
        self._table = list(table)
        self._more_table = more_table
        self._tables: dict[int, bytes] = {}

    def offset(self, sector: int) -> int:
        if sector >= self._sectors:
            raise Malformed(f"sector {sector} is none of the file's {self._sectors}")
        return (sector + 1) << self.shift

    def sector(self, sector: int) -> Reading[bytes]:
        return (yield from exactly(self.offset(sector), 1 << self.shift))

    def after(self, sector: int) -> Reading[int]:
        per = 1 << (self.shift - 2)
        index, at = divmod(sector, per)
        if index not in self._tables:
            while index >= len(self._table):
                yield from self._read_more_table()
            self._tables[index] = yield from self.sector(self._table[index])
        return int.from_bytes(self._tables[index][4 * at : 4 * at + 4], "little")

    def _read_more_table(self) -> Reading[None]:
        """The next sector of those that say where the allocation table lies. Each makes the list longer, and
        no list is longer than there are sectors."""
        if len(self._table) > self._sectors + _HEADER_TABLE:
            raise Malformed("its table of tables leads round in a circle")
        octets = yield from self.sector(self._more_table)
        *numbers, self._more_table = struct.unpack(f"<{len(octets) // 4}I", octets)
        self._table += numbers

    def chain(self, start: int, count: int) -> Reading[list[int]]:
        """The sectors from `start` on: `count` of them, or as many as there are. Raises Malformed for a
        circle."""
        found: dict[int, None] = {}
        sector = start
        while len(found) < count and sector < _SECTORS_MAX:
            if sector in found:
                raise Malformed("its sectors lead round in a circle")
            found[sector] = None
            sector = yield from self.after(sector)
        return list(found)

    def octets(self, start: int, length: int) -> Reading[bytes]:
        """Of a stream, neighbouring sectors at once."""
        sectors = yield from self.chain(start, -(-length >> self.shift))
        found, at = [], 0
        while at < len(sectors):
            many = 1
            while at + many < len(sectors) and sectors[at + many] == sectors[at] + many:
                many += 1
            self.offset(sectors[at] + many - 1)
            left = length - (at << self.shift)
            found.append((yield from exactly(self.offset(sectors[at]), min(many << self.shift, left))))
            at += many
        octets = b"".join(found)
        if len(octets) != length:
            raise Malformed("a stream of it is shorter than it says")
        return octets


def _look_up(file: _File, directory: int, name: str) -> Reading[tuple[tuple[int, int] | None, int]]:
    """Where the stream begins and its length, and where the stream of small streams begins."""
    wanted, root = None, _SECTORS_MAX
    written = (name + "\0").encode("utf-16-le")
    entries = 1 << (file.shift - 7)
    sectors = yield from file.chain(directory, ENTRIES_MAX // entries)
    for sector in sectors:
        octets = yield from file.sector(sector)
        for at in range(0, len(octets), _ENTRY_OCTETS):
            length, kind = struct.unpack_from("<HB", octets, at + 64)
            start, low = struct.unpack_from("<II", octets, at + 116)
            if kind == _ROOT:
                root = start
            elif kind == _STREAM and length == len(written) and octets.startswith(written, at):
                wanted = (start, low)
    return wanted, root


def _mini_stream(file: _File, root: int, table: int, start: int, length: int) -> Reading[bytes]:
    """A small stream: sectors of 64 octets within the stream of the root entry, with a table of their own."""
    per = 1 << (file.shift - 2)
    tables = yield from file.chain(table, MINI_SECTORS_MAX // per)
    homes = yield from file.chain(root, MINI_SECTORS_MAX >> (file.shift - 6))
    found, seen = list[bytes](), set[int]()
    sector = start
    while len(found) << 6 < length:
        index, at = divmod(sector, per)
        home, within = divmod(sector << 6, 1 << file.shift)
        if sector in seen or index >= len(tables) or home >= len(homes):
            raise Malformed("a small stream of it leads nowhere")
        seen.add(sector)
        left = min(64, length - (len(found) << 6))
        found.append((yield from exactly(file.offset(homes[home]) + within, left)))
        following = yield from exactly(file.offset(tables[index]) + 4 * at, 4)
        sector = int.from_bytes(following, "little")
    return b"".join(found)
