"""Signatures in CMS and files that carry them, put together by hand: what no program writes, too."""

import struct
from collections.abc import Sequence
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from cryptography import x509

from certwright.core import der
from tests.core.toy_chain import Outside

NESTED, TIME_STAMP = "1.3.6.1.4.1.311.2.4.1", "1.3.6.1.4.1.311.3.3.1"
JAVA_TIME_STAMP, COUNTER_SIGNATURE = "1.2.840.113549.1.9.16.2.14", "1.2.840.113549.1.9.6"
SIGNED_DATA = "1.2.840.113549.1.7.2"
SECTOR = 512
END_RECORD = struct.Struct("<4s4H2IH")
FREE, END, TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
SHA256 = der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1"))


def signer_info(
    who: Outside,
    attributes: Sequence[tuple[str, bytes]] = (),
    by_key: bool = False,
    serial: int | None = None,
) -> bytes:
    """SignerInfo without a signature; `attributes` are not signed, a type and a value each."""
    issuer, number = who.parsed.issuer.public_bytes(), serial or who.parsed.serial_number
    named = der.sequence(issuer, der.integer(number))
    if by_key:
        named = der.tlv(0x80, _key_identifier(who))
    listed = [
        der.sequence(der.object_identifier(kind), der.tlv(der.SET, value)) for kind, value in attributes
    ]
    unsigned = der.tlv(0xA1, b"".join(listed)) if listed else b""
    return der.sequence(der.integer(1), named, SHA256, SHA256, der.octet_string(bytes(8)), unsigned)


def _key_identifier(who: Outside) -> bytes:
    found = who.parsed.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return found.value.digest


def signed_data(certificates: Sequence[bytes], *signers: bytes) -> bytes:
    inside = der.sequence(
        der.integer(1),
        der.tlv(der.SET, SHA256),
        der.sequence(der.object_identifier("1.2.840.113549.1.7.1")),
        der.tlv(0xA0, b"".join(certificates)) if certificates else b"",
        der.tlv(der.SET, b"".join(signers)),
    )
    return der.sequence(der.object_identifier(SIGNED_DATA), der.tlv(0xA0, inside))


def portable_executable(*signatures: bytes, behind: bytes = b"") -> bytes:
    """PE32+ with nothing in it but its signatures."""
    table = b""
    for one in signatures:
        size = 8 + len(one)
        table += struct.pack("<IHH", size, 0x200, 2) + one + bytes(-size % 8)
    place = (0, 0) if not signatures else (64 + 24 + 112 + 128, len(table))
    directories = bytes(32) + struct.pack("<II", *place) + bytes(88)
    optional = struct.pack("<H106xI", 0x20B, 16) + directories
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, len(optional), 2)
    return b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 64) + coff + optional + table + behind


def compound_file(stream: bytes, name: str = "\x05DigitalSignature") -> bytes:
    """With one stream, small ones among those of 64 octets."""
    small = len(stream) < 4096
    home = stream + bytes(-len(stream) % SECTOR)
    many = len(home) // SECTOR
    table = [TABLE, END, END, *range(4, 3 + many), END]
    mini = [*range(1, -(-len(stream) // 64)), END]
    table += [FREE] * (SECTOR // 4 - len(table))
    mini += [FREE] * (SECTOR // 4 - len(mini))
    root = _entry("Root Entry", 5, 3 if small else END, len(stream) if small else 0)
    directory = root + _entry(name, 2, 0 if small else 3, len(stream))
    words = [_words(table), directory.ljust(SECTOR, b"\0"), _words(mini), home]
    return _header() + b"".join(words)


def _header() -> bytes:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    head = head.ljust(44, b"\0") + struct.pack("<IIIIIIII", 1, 1, 0, 4096, 2, 1, END, 0)
    return head + _words([0] + [FREE] * 108)


def _words(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    written = (name + "\0").encode("utf-16-le")
    head = written.ljust(64, b"\0") + struct.pack("<HBB", len(written), kind, 1)
    return head.ljust(116, b"\0") + struct.pack("<IQ", start, size)


def archive(*entries: tuple[str, bytes], packed: bool = True) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED if packed else ZIP_STORED) as written:
        for name, content in entries:
            written.writestr(name, content)
    return file.getvalue()


def zip64(octets: bytes) -> bytes:
    """The archive, its directory told in the end record of ZIP64 alone."""
    _, _, _, count, _, length, offset, _ = END_RECORD.unpack(octets[-END_RECORD.size :])
    end = len(octets) - END_RECORD.size
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, offset)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    last = END_RECORD.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return octets[:end] + record + locator + last
