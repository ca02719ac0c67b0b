"""The signatures of a Windows program (PE and COFF specification, "The Attribute Certificate Table")."""

import struct

from ..errors import Malformed, TooLarge
from .parts import Part, Reading, exactly

TABLE_OCTETS_MAX = 4 * 1024 * 1024
SIGNATURES_MAX = 64
_DOS_OCTETS, _COFF_OCTETS = 64, 24
_DIRECTORIES = {0x10B: 96, 0x20B: 112}
"""Where data directories begin in the optional header, by its magic: PE32 and PE32+."""
_CERTIFICATES = 4
_PKCS_SIGNED_DATA = 2
_ENTRY = struct.Struct("<IHH")


def certificates_in_table(size: int) -> Reading[list[bytes]]:
    """CMS of each signature, in a program of `size` octets; none for what is no PE or not signed. Raises
    Malformed for a table that is not there where the program says it is, TooLarge past TABLE_OCTETS_MAX."""
    offset, length = yield from _table_place()
    if not offset or not length:
        return []
    if offset + length > size:
        raise Malformed(f"its signature would end at octet {offset + length}; it has {size}")
    if length > TABLE_OCTETS_MAX:
        raise TooLarge(f"its signatures have {length} octets; at most {TABLE_OCTETS_MAX} are read")
    return _entries((yield from exactly(offset, length)))


def _table_place() -> Reading[tuple[int, int]]:
    """Offset in the file and length of data directory 4, zeros where there is none."""
    dos = yield Part(0, _DOS_OCTETS)
    if len(dos) < _DOS_OCTETS:
        return 0, 0
    (start,) = struct.unpack_from("<I", dos, 0x3C)
    head = yield Part(start, _COFF_OCTETS + max(_DIRECTORIES.values()) + 8 * (_CERTIFICATES + 1))
    if len(head) < _COFF_OCTETS + 2 or not head.startswith(b"PE\0\0"):
        return 0, 0
    size, magic = struct.unpack_from("<H2xH", head, 20)
    optional = head[_COFF_OCTETS : _COFF_OCTETS + size]
    directories = _DIRECTORIES.get(magic, 0)
    at = directories + 8 * _CERTIFICATES
    if not directories or len(optional) < at + 8:
        return 0, 0
    (count,) = struct.unpack_from("<I", optional, directories - 4)
    return struct.unpack_from("<II", optional, at) if count > _CERTIFICATES else (0, 0)


def _entries(table: bytes) -> list[bytes]:
    """Of every WIN_CERTIFICATE, each at a multiple of 8 octets, what is a signature."""
    found: list[bytes] = []
    at = 0
    while at + _ENTRY.size <= len(table):
        length, _, kind = _ENTRY.unpack_from(table, at)
        if length == 0 and not any(table[at:]):  # a table that is filled up
            break
        if length <= _ENTRY.size or at + length > len(table):
            raise Malformed(f"a signature of {length} octets at octet {at} of a table of {len(table)}")
        if len(found) >= SIGNATURES_MAX:
            raise TooLarge(f"it has more than {SIGNATURES_MAX} signatures")
        if kind == _PKCS_SIGNED_DATA:
            found.append(_first_element(table[at + _ENTRY.size : at + length]))
        at += -(-length // 8) * 8
    return found


def _first_element(octets: bytes) -> bytes:
    """Without what installers and signers put behind a signature, where its own length is told."""
    if octets[1:2] and 0x81 <= octets[1] <= 0x84:
        width = octets[1] & 0x7F
        return octets[: 2 + width + int.from_bytes(octets[2 : 2 + width], "big")]
    return octets
