"""From BER (X.690 section 8), in which mail and old key stores are written, to definite lengths.

Lengths of every form (section 8.1.3) become shortest and definite, octet strings in pieces (section 8.7.3)
become whole. Nothing else is changed: what is DER already comes back as it was.
"""

from . import der
from .errors import Malformed, TooLarge

DEPTH_MAX = 32
ELEMENTS_MAX = 200_000
_CONSTRUCTED = 0x20
_PIECES = der.OCTET_STRING | _CONSTRUCTED
_INDEFINITE = -1


class _Elements:
    """Walks one BER value and counts what it has seen."""

    def __init__(self, data: bytes, what: str, depth_max: int) -> None:
        self._data = data
        self._what = what
        self._depth_max = depth_max
        self._left = ELEMENTS_MAX

    def definite(self, start: int, end: int, depth: int) -> tuple[bytes, int]:
        """The element at `start`, anew, and where it ends."""
        self._left -= 1
        if depth > self._depth_max or self._left < 0:
            raise TooLarge(f"{self._what}: more than {self._depth_max} levels or {ELEMENTS_MAX} elements")
        tag, size, content = self._header(start, end)
        if size == _INDEFINITE:
            if not tag & _CONSTRUCTED:
                raise Malformed(f"{self._what}: a primitive element of indefinite length at octet {start}")
        elif content + size > end:
            raise Malformed(f"{self._what}: ends too early, at octet {start}")
        if not tag & _CONSTRUCTED:
            return der.tlv(tag, self._data[content : content + size]), content + size
        return self._constructed(tag, content, end if size == _INDEFINITE else content + size, size, depth)

    def _constructed(self, tag: int, at: int, end: int, size: int, depth: int) -> tuple[bytes, int]:
        parts: list[bytes] = []
        while at < end and not (size == _INDEFINITE and self._data[at : at + 2] == b"\0\0"):
            part, at = self.definite(at, end, depth + 1)
            parts.append(part)
        if size == _INDEFINITE:
            if self._data[at : at + 2] != b"\0\0" or at + 2 > end:
                raise Malformed(f"{self._what}: an indefinite length without an end")
            at += 2
        if tag == _PIECES:
            return der.octet_string(b"".join(self._piece(part) for part in parts)), at
        return der.tlv(tag, b"".join(parts)), at

    def _piece(self, part: bytes) -> bytes:
        return der.Reader(part, self._what).content(der.OCTET_STRING)

    def _header(self, start: int, end: int) -> tuple[int, int, int]:
        """Tag, size of the content, where the content starts."""
        data = self._data
        if start + 2 > end:
            raise Malformed(f"{self._what}: ends too early, at octet {start}")
        tag, size, content = data[start], data[start + 1], start + 2
        if tag & 0x1F == 0x1F:
            raise Malformed(f"{self._what}: unexpected tag 0x{tag:02x} at octet {start}")
        if size == 0x80:
            return tag, _INDEFINITE, content
        if size > 0x80:
            octets = size & 0x7F
            if octets > 8 or content + octets > end:
                raise Malformed(f"{self._what}: bad length at octet {start}")
            size, content = int.from_bytes(data[content : content + octets], "big"), content + octets
        return tag, size, content


def definite(data: bytes, what: str = "value", depth_max: int = DEPTH_MAX) -> bytes:
    """The value in definite lengths. Raises Malformed for what is no BER or followed by more than white
    space and zeros, TooLarge past `depth_max` and ELEMENTS_MAX."""
    found, end = _Elements(data, what, depth_max).definite(0, len(data), 0)
    if data[end:].strip(b"\0 \t\r\n"):
        raise Malformed(f"{what}: extra octets after octet {end}")
    return found
