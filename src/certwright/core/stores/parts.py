"""Files of which a reader needs but some parts: it asks for each, and whoever has the file hands it over."""

from collections.abc import Generator
from typing import NamedTuple, TypeVar

from ..errors import Malformed, TooLarge

PARTS_MAX = 5_000
PARTS_OCTETS_MAX = 32 * 1024 * 1024
"""Of a file in all."""

Value = TypeVar("Value")


class Part(NamedTuple):
    """Octets from `offset` on, `length` of them; fewer are handed over where the file ends before."""

    offset: int
    length: int


Reading = Generator[Part, bytes, Value]


def exactly(offset: int, length: int) -> Reading[bytes]:
    """Raises Malformed where the file ends before."""
    octets = yield Part(offset, length)
    if len(octets) != length:
        raise Malformed(f"it ends before octet {offset + length}")
    return octets


def bounded(reading: Reading[Value]) -> Reading[Value]:
    """The same reading, which raises TooLarge once it asks for more than PARTS_MAX or PARTS_OCTETS_MAX."""
    left = PARTS_OCTETS_MAX
    try:
        part = next(reading)
        for _ in range(PARTS_MAX):
            left -= part.length
            if left < 0:
                break
            part = reading.send((yield part))
    except StopIteration as end:
        value: Value = end.value
        return value
    raise TooLarge(f"more than {PARTS_MAX} parts or {PARTS_OCTETS_MAX} octets of it would have to be read")


def read_parts(octets: bytes, reading: Reading[Value]) -> Value:
    """What a reading gives of a file that is all here."""
    try:
        part = next(reading)
        while True:
            part = reading.send(octets[part.offset : part.offset + part.length])
    except StopIteration as end:
        value: Value = end.value
        return value
