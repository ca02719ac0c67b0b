"""A log held to the static-ct-api (https://c2sp.org/static-ct-api), with the tree of the fake of RFC 6962.

It is none of the programs that logs run. It serves no partial tile but those of its checkpoint's size.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.plugins.discovery.fake_ct_log import TIME, FakeLog, b64, mth, response, vector

_TILE = re.compile(r"/tile/(data|[0-5])/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def leaf_index(index: int) -> bytes:
    """CtExtensions that say so."""
    return b"\0" + vector(index.to_bytes(5, "big"), 2)


def fingerprints(extra: bytes, is_precertificate: bool) -> tuple[bytes, list[bytes]]:
    """What of a chain's extra data stands in a data tile; and the chain's certificates."""
    end = 3 + int.from_bytes(extra[:3], "big") if is_precertificate else 0
    chain, rest = [], extra[end + 3 :]
    while rest:
        size = int.from_bytes(rest[:3], "big")
        chain.append(rest[3 : 3 + size])
        rest = rest[3 + size :]
    digests = b"".join(hashlib.sha256(one).digest() for one in chain)
    return extra[:end] + vector(digests, 2), chain


@dataclass
class FakeStaticLog(FakeLog):
    """`indexes` are told instead of the true ones, `instead` are whole responses by path. `gone`: there is no
    partial tile where there is a whole one. `dynamic`: it answers as RFC 6962 has it, too."""

    origin: str = "ct.example.test/log"
    signer: str = ""
    kind: bytes = b"\x05"
    extension: str = ""
    more_signatures: str = ""
    indexes: Mapping[int, bytes] = field(default_factory=dict)
    instead: dict[str, bytes] = field(default_factory=dict)
    gone: bool = False
    dynamic: bool = False

    def leaf(self, index: int) -> bytes:
        return super().leaf(index)[:-2] + vector(self.indexes.get(index, leaf_index(index)), 2)

    @cached_property
    def hashes(self) -> dict[tuple[int, int], bytes]:
        return {}

    def respond(self, target: str) -> bytes:
        if self.dynamic and "/ct/v1/" in target:
            return super().respond(target)
        self.asked.append(target)
        path = target.removeprefix("/log")
        if path in self.instead:
            return self.instead[path]
        if path == "/checkpoint":
            return response(self.checkpoint())
        if path.startswith("/issuer/"):
            issuers = [one for entry in self.entries for one in self._parts(entry)[1]]
            found = [one for one in issuers if hashlib.sha256(one).hexdigest() == path[8:]]
            return response(found[0]) if found else response(b"no", 404)
        tile = self.tile(path)
        if tile is None:
            return response(b"<html>no such thing</html>", 404)
        if path.startswith("/tile/data/"):
            return response(gzip.compress(tile), 200, "Content-Encoding: gzip")
        return response(tile)

    def checkpoint(self) -> bytes:
        size, root = self.told()
        signer, spki = self.signer or self.origin, self.key.public_key()
        log_id = hashlib.sha256(spki.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
        key_id = hashlib.sha256(signer.encode() + b"\n" + self.kind + log_id).digest()[:4]
        signed = key_id + TIME.to_bytes(8, "big") + self.signature(size, root)
        text = f"{self.origin}\n{size}\n{b64(root)}\n{self.extension}"
        return f"{text}\n{self.more_signatures}\u2014 {signer} {b64(signed)}\n".encode()

    def tile(self, path: str) -> bytes | None:
        """None where there is none."""
        found = _TILE.fullmatch(path)
        if found is None:
            return None
        level = 0 if found[1] == "data" else int(found[1])
        number, width = int(found[2].replace("x", "").replace("/", "") + found[3]), int(found[4] or 256)
        first, there = number * 256, len(self.entries) >> 8 * level
        if found[4] and (
            width != (self.told()[0] >> 8 * level) - first or (self.gone and there >= first + 256)
        ):
            return None
        if first + width > there:
            return None
        if found[1] == "data":
            return b"".join(map(self._tile_leaf, range(first, first + width)))
        return b"".join(self._hash(level, index) for index in range(first, first + width))

    def _hash(self, level: int, index: int) -> bytes:
        if (level, index) not in self.hashes:
            span = 256**level
            below = range(index * span, (index + 1) * span)
            self.hashes[level, index] = mth(list(map(self.leaf, below)))
        return self.hashes[level, index]

    def _tile_leaf(self, index: int) -> bytes:
        return self.leaf(index)[2:] + self._parts(self.entries[index])[0]

    def _parts(self, entry: tuple[bytes, bytes]) -> tuple[bytes, list[bytes]]:
        leaf, extra = entry
        return fingerprints(extra, leaf[10:12] == b"\0\1")
