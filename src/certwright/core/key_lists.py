"""Lists of keys that must not be certified, as an installation supplies them: a digest a line."""

from bisect import bisect_left
from collections.abc import Container, Iterable, Sized
from dataclasses import dataclass

from .errors import Malformed, TooLarge

SPKI_OCTETS = 32
"""SHA-256 of SubjectPublicKeyInfo."""
DEBIAN_OCTETS = 10
"""What Debian's `openssl-blacklist` keeps: the end of the SHA-1 of `Modulus=...`."""
LINE_OCTETS_MAX = 1024
ENTRIES_MAX = 5_000_000


class Digests(Container[bytes], Sized):
    """Digests of one length, in as many octets as they have themselves."""

    def __init__(self, digests: Iterable[bytes], octets: int) -> None:
        self._packed = b"".join(sorted(digests))
        self._octets = octets

    def __len__(self) -> int:
        return len(self._packed) // self._octets

    def __contains__(self, digest: object) -> bool:
        assert isinstance(digest, bytes)
        place = bisect_left(range(len(self)), digest, key=self._at)
        return place < len(self) and self._at(place) == digest

    def _at(self, place: int) -> bytes:
        return self._packed[place * self._octets : (place + 1) * self._octets]


@dataclass(frozen=True, slots=True)
class KeyLists:
    """`compromised` has SHA-256 digests of SubjectPublicKeyInfo; `debian` is None when none was supplied."""

    compromised: Digests | None = None
    debian: Digests | None = None

    def sizes(self) -> dict[str, int | None]:
        """How many keys each has, None where none was supplied."""
        lists = {"compromised": self.compromised, "debian_weak": self.debian}
        return {name: None if found is None else len(found) for name, found in lists.items()}


def parse_digests(lines: Iterable[bytes], octets: int, what: str) -> Digests:
    """Digests of that many octets in hexadecimal, one a line; lines that begin with `#` are comments.

    Raises Malformed naming `what` and the line, TooLarge.
    """
    found: list[bytes] = []
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if not entry or entry.startswith(b"#"):
            continue
        try:
            digest = bytes.fromhex(entry.decode("ascii"))
        except ValueError:
            digest = b""
        if len(digest) != octets:
            raise Malformed(f"{what}, line {number}: {2 * octets} hexadecimal digits expected")
        if len(found) == ENTRIES_MAX:
            raise TooLarge(f"{what} has more than {ENTRIES_MAX} entries")
        found.append(digest)
    return Digests(found, octets)
