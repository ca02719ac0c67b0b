"""Distinguished Encoding Rules (X.690 section 10): the few encoders we need and a strict, bounded reader.

Encoders take content octets and give whole elements. The reader refuses what is not DER:
indefinite lengths, lengths not in shortest form, tags above 30, content past the end.
"""

from datetime import UTC, datetime

from .errors import Malformed

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER = 1, 2, 3, 4, 5, 6
ENUMERATED, UTF8_STRING, PRINTABLE_STRING, IA5_STRING = 10, 12, 19, 22
UTC_TIME, GENERALIZED_TIME = 23, 24
SEQUENCE, SET = 0x30, 0x31


def tlv(tag: int, content: bytes) -> bytes:
    """One element: tag octet, shortest definite length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    if size < 0x100:
        return bytes((tag, 0x81, size)) + content
    if size < 0x10000:
        return bytes((tag, 0x82, size >> 8, size & 0xFF)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def header(tag: int, size: int) -> bytes:
    """Tag and length octets for content of `size` octets, for streaming large elements."""
    if size < 0x80:
        return bytes((tag, size))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


def sequence(*elements: bytes) -> bytes:
    return tlv(SEQUENCE, b"".join(elements))


def integer(value: int) -> bytes:
    """INTEGER, two's complement in the fewest octets."""
    size = value.bit_length() // 8 + 1 if value >= 0 else (value + 1).bit_length() // 8 + 1
    return tlv(INTEGER, value.to_bytes(size, "big", signed=True))


def octet_string(content: bytes) -> bytes:
    return tlv(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """BIT STRING of whole octets."""
    return tlv(BIT_STRING, b"\x00" + content)


def named_bits(bits: tuple[bool, ...]) -> bytes:
    """BIT STRING of a named bit list: trailing zero bits removed (X.690 section 11.2.2)."""
    used = max((position + 1 for position, bit in enumerate(bits) if bit), default=0)
    octets = bytearray((used + 7) // 8)
    for position in range(used):
        if bits[position]:
            octets[position // 8] |= 0x80 >> (position % 8)
    return tlv(BIT_STRING, bytes((len(octets) * 8 - used,)) + bytes(octets))


def boolean(value: bool) -> bytes:
    return b"\x01\x01\xff" if value else b"\x01\x01\x00"


def object_identifier(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from dotted text."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(OBJECT_IDENTIFIER, b"".join(map(_base128, [first * 40 + second, *rest])))


def _base128(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(arc & 0x7F | 0x80)
    return bytes(reversed(groups))


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in seconds, UTC (RFC 5280 section 4.1.2.5.2)."""
    return tlv(GENERALIZED_TIME, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode().rjust(15, b"0"))


def time(moment: datetime) -> bytes:
    """Time as RFC 5280 section 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime after."""
    if 1950 <= moment.year < 2050:
        return tlv(UTC_TIME, moment.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode())
    return generalized_time(moment)


class Reader:
    """Walks the elements of one DER value from front to back.

    Raises Malformed on anything that is not DER. `what` names the value in error messages.
    """

    __slots__ = ("data", "end", "position", "what")

    def __init__(self, data: bytes, what: str = "value", position: int = 0, end: int = -1) -> None:
        self.data = data
        self.position = position
        self.end = len(data) if end < 0 else end
        self.what = what

    def at_end(self) -> bool:
        return self.position >= self.end

    def peek(self) -> int:
        """Tag of the next element, or -1 at the end."""
        return self.data[self.position] if self.position < self.end else -1

    def element(self, tag: int | None = None) -> tuple[int, int, int, int]:
        """Next element as (tag, start, content start, end); `tag` makes that tag required."""
        start, data = self.position, self.data
        if start + 2 > self.end:
            raise Malformed(f"{self.what}: the DER ends too early, at octet {start}")
        found, size, content = data[start], data[start + 1], start + 2
        if found & 0x1F == 0x1F or (tag is not None and found != tag):
            raise Malformed(f"{self.what}: unexpected DER tag 0x{found:02x} at octet {start}")
        if size >= 0x80:
            octets = size & 0x7F
            if not 1 <= octets <= 4 or content + octets > self.end:
                raise Malformed(f"{self.what}: bad DER length at octet {start}")
            size = int.from_bytes(data[content : content + octets], "big")
            if size < 0x80 or size >> (8 * (octets - 1)) == 0:
                raise Malformed(f"{self.what}: DER length not in shortest form at octet {start}")
            content += octets
        if content + size > self.end:
            raise Malformed(f"{self.what}: the DER ends too early, at octet {start}")
        self.position = content + size
        return found, start, content, self.position

    def content(self, tag: int | None = None) -> bytes:
        """Content octets of the next element."""
        _, _, content, end = self.element(tag)
        return self.data[content:end]

    def whole(self, tag: int | None = None) -> bytes:
        """The next element with its header."""
        _, start, _, end = self.element(tag)
        return self.data[start:end]

    def inside(self, tag: int = SEQUENCE) -> "Reader":
        """A reader over the content of the next element."""
        _, _, content, end = self.element(tag)
        return Reader(self.data, self.what, content, end)

    def integer(self) -> int:
        content = self.content(INTEGER)
        if not content or (
            len(content) > 1 and (content[0] in (0, 0xFF)) and (content[0] ^ content[1]) < 0x80
        ):
            raise Malformed(f"{self.what}: INTEGER not in shortest form")
        return int.from_bytes(content, "big", signed=True)

    def object_identifier(self) -> str:
        content = self.content(OBJECT_IDENTIFIER)
        if not content or len(content) > 64 or content[-1] & 0x80:
            raise Malformed(f"{self.what}: bad OBJECT IDENTIFIER")
        arcs, arc = [], 0
        for octet in content:
            if arc == 0 and octet == 0x80:
                raise Malformed(f"{self.what}: OBJECT IDENTIFIER arc not in shortest form")
            arc = arc << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))

    def finish(self) -> None:
        """Raise Malformed if anything is left."""
        if not self.at_end():
            raise Malformed(f"{self.what}: extra octets after the DER value at octet {self.position}")
