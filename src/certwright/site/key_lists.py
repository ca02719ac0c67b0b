"""Lists of keys that are not certified, read from the files that the settings name."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..core.errors import Malformed, NotFound
from ..core.key_lists import (
    DEBIAN_OCTETS,
    LINE_OCTETS_MAX,
    SPKI_OCTETS,
    Digests,
    KeyLists,
    parse_digests,
)
from .configuration import Configuration


def read_key_lists(configuration: Configuration) -> KeyLists:
    """Raises NotFound, Malformed, TooLarge with the setting, the file, and the line that is wrong."""
    keys = configuration.keys
    return KeyLists(
        _read(configuration.home, "keys.compromised", keys.compromised, SPKI_OCTETS),
        _read(configuration.home, "keys.debian_weak", keys.debian_weak, DEBIAN_OCTETS),
    )


def _read(home: Path, setting: str, name: Path | None, octets: int) -> Digests | None:
    if name is None:
        return None
    path = home / name
    what = f"{path}, the list of the setting {setting}"
    try:
        with path.open("rb") as file:
            return parse_digests(_lines(file, what), octets, what)
    except OSError as error:
        raise NotFound(f"{what}, cannot be read: {error.strerror}") from error


def _lines(file: BinaryIO, what: str) -> Iterator[bytes]:
    """Line by line, none of them longer than a bound: what is no list at all takes no memory either."""
    while line := file.readline(LINE_OCTETS_MAX + 1):
        if len(line) > LINE_OCTETS_MAX:
            raise Malformed(f"{what}, has a line of more than {LINE_OCTETS_MAX} octets")
        yield line
