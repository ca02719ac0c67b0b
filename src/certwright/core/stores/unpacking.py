"""Octets of a blob in their order, as it stands or out of gzip (RFC 1952), some of them at a time."""

import zlib

from ..errors import Malformed, TooLarge
from .parts import Part, Reading

CHUNK = 1024 * 1024
UNPACKED_OCTETS_MAX = 32 * 1024 * 1024 * 1024
RATIO_MAX = 200
"""Of unpacked to packed octets, once more than RATIO_FROM are unpacked."""
RATIO_FROM = 256 * 1024 * 1024
STREAMS_MAX = 200_000
"""Streams of gzip one after the other; some put each file into one of its own."""
_PIECE = 16 * 1024
GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Plain:
    """A blob of `length` octets from `offset` on in its file."""

    def __init__(self, offset: int, length: int) -> None:
        self._next = offset
        self._end = offset + length
        self._buffer = b""
        self._at = 0
        self._before = 0

    @property
    def position(self) -> int:
        """How many octets were taken or skipped."""
        return self._before + self._at

    def take(self, size: int) -> Reading[bytes]:
        """The next `size` octets. Raises Malformed where it ends before."""
        if len(self._buffer) - self._at < size:
            yield from self._gather(size)
        self._at += size
        return self._buffer[self._at - size : self._at]

    def _gather(self, size: int) -> Reading[None]:
        """So many octets into the buffer, each copied once, however small the pieces in which they come."""
        pieces = [self._buffer[self._at :]]
        here = len(pieces[0])
        while here < size:
            pieces.append((yield from self._more()))
            if not pieces[-1]:
                raise Malformed("it ends too early")
            here += len(pieces[-1])
        self._forget(0)
        self._buffer = b"".join(pieces)

    def pad(self, size: int) -> Reading[None]:
        """Skip as many, or what is left of them: some writers leave out what fills up the last block."""
        while size and not (yield from self.at_end()):
            here = min(size, len(self._buffer) - self._at)
            self._at += here
            size -= here

    def skip(self, size: int) -> Reading[None]:
        """As `take`."""
        here = min(size, len(self._buffer) - self._at)
        self._at += here
        if size > here:
            yield from self._skip_beyond(size - here)

    def at_end(self) -> Reading[bool]:
        if self._at >= len(self._buffer):
            self._forget(0)
            self._buffer = yield from self._more()
        return not self._buffer

    def _skip_beyond(self, size: int) -> Reading[None]:
        self._forget(size)
        self._next += size
        if self._next > self._end:
            raise Malformed("it ends too early")
        yield from ()

    def _forget(self, more: int) -> None:
        self._before += self._at + more
        self._buffer, self._at = b"", 0

    def _more(self) -> Reading[bytes]:
        return (yield from self._chunk())

    def _chunk(self) -> Reading[bytes]:
        length = min(CHUNK, self._end - self._next)
        if length <= 0:
            return b""
        octets = yield Part(self._next, length)
        if len(octets) != length:
            raise Malformed("it ends too early")
        self._next += length
        return octets


class Gunzipped(Plain):
    """What such a blob holds in gzip. Raises TooLarge past UNPACKED_OCTETS_MAX and RATIO_MAX."""

    def __init__(self, offset: int, length: int) -> None:
        super().__init__(offset, length)
        self._packed = b""
        self._packed_at = 0
        self._read = 0
        self._unpacked = 0
        self._streams = 1
        self._stream = zlib.decompressobj(wbits=31)

    def _skip_beyond(self, size: int) -> Reading[None]:
        while size:
            self._forget(0)
            self._buffer = yield from self._more()
            if not self._buffer:
                raise Malformed("it ends too early")
            self._at = min(size, len(self._buffer))
            size -= self._at

    def _more(self) -> Reading[bytes]:
        while True:
            if self._packed_at >= len(self._packed):
                self._packed, self._packed_at = (yield from self._chunk()), 0
                self._read += len(self._packed)
            piece = self._packed[self._packed_at : self._packed_at + _PIECE]
            if self._stream.eof:
                if not piece.strip(b"\0"):  # filled up with zeros
                    return b""
                self._begin_another()
            elif not piece:
                raise Malformed("its gzip ends too early")
            if octets := self._unpack(piece):
                return octets

    def _begin_another(self) -> None:
        self._streams += 1
        if self._streams > STREAMS_MAX:
            raise TooLarge(f"it is made of more than {STREAMS_MAX} streams of gzip")
        self._stream = zlib.decompressobj(wbits=31)

    def _unpack(self, piece: bytes) -> bytes:
        try:
            octets = self._stream.decompress(piece, CHUNK)
        except zlib.error as error:
            raise Malformed("its gzip cannot be read") from error
        self._packed_at += len(piece) - len(self._stream.unconsumed_tail) - len(self._stream.unused_data)
        self._unpacked += len(octets)
        if self._unpacked > UNPACKED_OCTETS_MAX:
            raise TooLarge(f"it has more than {UNPACKED_OCTETS_MAX} octets once unpacked")
        if self._unpacked > max(RATIO_FROM, RATIO_MAX * self._read):
            raise TooLarge(f"{self._read} octets of it unpack to more than {RATIO_MAX} times as many")
        return octets


def unpacked(offset: int, length: int) -> Reading[Plain]:
    """The octets of a blob, told from how it begins. Raises Malformed for what is packed with zstd."""
    head = yield Part(offset, min(length, 4))
    if head.startswith(_ZSTD):
        raise Malformed("it is packed with zstd, which is not read here")
    return Gunzipped(offset, length) if head.startswith(GZIP) else Plain(offset, length)
