"""Java's own key stores: JKS (sun.security.provider.JavaKeyStore) and JCEKS
(com.sun.crypto.provider.JceKeyStore).

Certificates stand in clear. Keys are counted and stay closed: their encryption is Java's own. A secret key of
a JCEKS is a serialized Java object, which is never read as one.
"""

import hashlib
import hmac
from collections.abc import Sequence

from ..errors import Malformed, TooLarge
from .chains import unique
from .encryption import Password
from .outline import outline
from .values import CERTIFICATE_OCTETS_MAX, CHAIN_MAX, ENTRIES_MAX, Entry, Store, StoredKey, StoreFormat

_MAGIC = {b"\xfe\xed\xfe\xed": StoreFormat.JKS, b"\xce\xce\xce\xce": StoreFormat.JCEKS}
_DIGEST_OCTETS = 20
_PHRASE = b"Mighty Aphrodite"
_KEY, _CERTIFICATE, _SECRET = 1, 2, 3


def format_of(octets: bytes) -> StoreFormat | None:
    return _MAGIC.get(octets[:4])


def read_java(octets: bytes, format_: StoreFormat, passwords: Sequence[Password]) -> Store:
    """Its entries by their aliases. Raises Malformed, TooLarge."""
    reader = _Fields(octets, len(octets) - _DIGEST_OCTETS, format_)
    reader.take(4)
    version, count = reader.number(4), reader.number(4)
    if version not in {1, 2}:
        raise Malformed(f"{format_} version {version} is not read here")
    if count > ENTRIES_MAX:
        raise TooLarge(f"it holds {count} entries; at most {ENTRIES_MAX} are read")
    entries: list[Entry] = []
    try:
        for _ in range(count):
            entries += _entry(reader, version)
    except Malformed as error:
        entries.append(Entry(f"entry {len(entries) + 1}", problem=error.detail))
    return Store(format_, unique(entries), _is_intact(octets, passwords))


def _entry(reader: "_Fields", version: int) -> list[Entry]:
    tag, alias = reader.number(4), reader.text()
    reader.take(8)  # when it was made
    if tag == _KEY:
        reader.take(reader.number(4))
        count = reader.number(4)
        if count > CHAIN_MAX:
            raise Malformed(f"a chain of {count} certificates; at most {CHAIN_MAX} are read")
        chain = [reader.certificate(version) for _ in range(count)]
        return [_told(alias, chain, StoredKey("", True))]
    if tag == _CERTIFICATE:
        return [_told(alias, [reader.certificate(version)], None)]
    what = "a secret key" if tag == _SECRET else f"an entry of kind {tag}"
    raise Malformed(f"{what}, whose end is not marked; what follows it is not read")


def _told(alias: str, chain: Sequence[bytes], key: StoredKey | None) -> Entry:
    try:
        for one in chain:
            outline(one)
    except (Malformed, TooLarge) as error:
        return Entry(alias, (), key, error.detail)
    return Entry(alias, tuple(chain), key)


def _is_intact(octets: bytes, passwords: Sequence[Password]) -> bool:
    """Whether a password gives the digest at the end: SHA-1 over it, a phrase and everything before."""
    for password in passwords:
        digest = hashlib.sha1(password.wide.removesuffix(b"\0\0"), usedforsecurity=False)
        digest.update(_PHRASE)
        digest.update(octets[:-_DIGEST_OCTETS])
        if hmac.compare_digest(digest.digest(), octets[-_DIGEST_OCTETS:]):
            return True
    return False


class _Fields:
    """Numbers, lengths and texts as Java's DataOutput writes them."""

    def __init__(self, octets: bytes, end: int, format_: StoreFormat) -> None:
        self._octets = octets
        self._end = end
        self._at = 0
        self.format = format_

    def take(self, size: int) -> bytes:
        if self._at + size > self._end:
            raise Malformed(f"the {self.format} ends too early, at octet {self._at}")
        self._at += size
        return self._octets[self._at - size : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self) -> str:
        """Modified UTF-8: a zero in two octets, characters past the first plane as two surrogates."""
        raw = self.take(self.number(2)).replace(b"\xc0\x80", b"\0")
        try:
            halves = raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return raw.decode("utf-8", "replace")
        return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def certificate(self, version: int) -> bytes:
        if version == 2 and (kind := self.text()) not in {"X.509", "X509"}:
            raise Malformed(
                f"a certificate of kind {kind[:20]!r} is not read here; what follows it is not known"
            )
        size = self.number(4)
        if size > CERTIFICATE_OCTETS_MAX:
            raise Malformed(f"a certificate of {size} octets; at most {CERTIFICATE_OCTETS_MAX} are read")
        return self.take(size)
