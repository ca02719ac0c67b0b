"""Programs, installers and archives that are signed: Windows' PE and MSI, Java's JAR.

They are large, and their signatures small: of each file only the parts are read that lead there.
"""

from collections.abc import Callable

from ..errors import CertwrightError, Malformed
from .compound_file import stream_in
from .parts import Reading, bounded
from .portable_executable import certificates_in_table
from .signatures import Signatures
from .values import Store, StoreFormat
from .zip_file import blocks_in, unpacked

MAGIC_OCTETS = 8
MSI_STREAM = "\x05DigitalSignature"


def signed_file(head: bytes, size: int) -> Reading[Store | None] | None:
    """How to read a file of `size` octets that begins with `head` (MAGIC_OCTETS of it); None where it is none
    of these. The reading gives None for a file without signature, and raises nothing."""
    for magic, format_, read in _FORMATS:
        if head.startswith(magic):
            return _reading(format_, size, read)
    return None


def _reading(format_: StoreFormat, size: int, read: "_Read") -> Reading[Store | None]:
    found = Signatures()
    try:
        yield from bounded(read(size, found))
    except CertwrightError as error:
        found.problem(error.detail)
    entries = found.entries()
    return Store(format_, entries) if entries else None


def _portable_executable(size: int, found: Signatures) -> Reading[None]:
    for one in (yield from certificates_in_table(size)):
        found.read(one)


def _msi(size: int, found: Signatures) -> Reading[None]:
    """A compound file may be a hundred other things; one that is broken is not known to be signed."""
    try:
        stream = yield from stream_in(size, MSI_STREAM)
    except Malformed:
        return
    if stream is not None:
        found.read(stream)


def _jar(size: int, found: Signatures) -> Reading[None]:
    """As for `_msi`; but what calls itself a signature must be one."""
    try:
        blocks = yield from blocks_in(size)
    except Malformed:
        return
    for block in blocks:
        try:
            found.read((yield from unpacked(block)), block.name)
        except Malformed as error:
            found.problem(error.detail)


_Read = Callable[[int, Signatures], Reading[None]]
_FORMATS: tuple[tuple[bytes, StoreFormat, _Read], ...] = (
    (b"MZ", StoreFormat.PE, _portable_executable),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", StoreFormat.MSI, _msi),
    (b"PK\x03\x04", StoreFormat.JAR, _jar),
)
