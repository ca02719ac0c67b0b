"""A log held to RFC 6962, with a Merkle tree of its own: recursive, as section 2.1 writes it.

It is none of the programs that logs run. Its entries are what tests put in, good or not.
"""

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.plugins import servers

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
FAILED = "an answer that cannot be given"
TIME = 1_790_000_000_000


def vector(data: bytes, octets: int = 3) -> bytes:
    return len(data).to_bytes(octets, "big") + data


def entry(der: bytes, *chain: bytes) -> tuple[bytes, bytes]:
    leaf = b"\0\0" + bytes(8) + b"\0\0" + vector(der) + vector(b"", 2)
    return leaf, vector(b"".join(map(vector, chain)))


def pre_entry(der: bytes, tbs: bytes, *chain: bytes) -> tuple[bytes, bytes]:
    leaf = b"\0\0" + bytes(8) + b"\0\1" + bytes(32) + vector(tbs) + vector(b"", 2)
    return leaf, vector(der) + vector(b"".join(map(vector, chain)))


def precertificate(final: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    """It, and the TBS without its poison."""
    poisoned = final.add_extension(x509.PrecertPoison(), critical=True).sign(key, hashes.SHA256())
    return poisoned.public_bytes(Encoding.DER), final.sign(key, hashes.SHA256()).tbs_certificate_bytes


def mth(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) < 2:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def audit_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) < 2:
        return []
    k = split(len(leaves))
    if m < k:
        return [*audit_path(m, leaves[:k]), mth(leaves[k:])]
    return [*audit_path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class FakeLog:
    """`page` is how many entries it gives at most, `more` how many more than it is asked for; `size` and
    `root` are told instead of the true ones. Where more than `at_once` entries are asked for, or any from
    `fails_from` on, it fails."""

    entries: list[tuple[bytes, bytes]]
    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    page: int = 2
    more: int = 0
    at_once: int = 1000
    fails_from: int = 1_000_000
    size: int | None = None
    root: bytes = b""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/log"

    @property
    def spki(self) -> str:
        return b64(self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @property
    def leaves(self) -> list[bytes]:
        return list(map(self.leaf, range(len(self.entries))))

    def leaf(self, index: int) -> bytes:
        return self.entries[index][0]

    def respond(self, target: str) -> bytes:
        """The whole response."""
        told = self.answer(target)
        status = 404 if told is None else 500 if told == FAILED else 200
        return response(json.dumps(told).encode(), status)

    def answer(self, target: str) -> Any:
        self.asked.append(target)
        parts = urlsplit(target)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        leaves = self.leaves
        match parts.path.removeprefix("/log/ct/v1/"):
            case "get-sth":
                return self._head()
            case "get-sth-consistency":
                proof = subproof(int(given["first"]), leaves[: int(given["second"])])
                return {"consistency": list(map(b64, proof))}
            case "get-entries":
                start, end = int(given["start"]), int(given["end"])
                if end - start >= self.at_once or start >= self.fails_from:
                    return FAILED
                end = min(end + 1, start + self.page) + self.more
                rows = zip(leaves[start:end], self.entries[start:end], strict=True)
                return {"entries": [{"leaf_input": b64(a), "extra_data": b64(b)} for a, (_, b) in rows]}
            case "get-proof-by-hash":
                digest = base64.b64decode(given["hash"])
                index = [hashlib.sha256(b"\0" + one).digest() for one in leaves].index(digest)
                path = audit_path(index, leaves[: int(given["tree_size"])])
                return {"leaf_index": index, "audit_path": list(map(b64, path))}
        return None

    def _head(self) -> Any:
        size, root = self.told()
        told = {"tree_size": size, "timestamp": TIME, "sha256_root_hash": b64(root)}
        return told | {"tree_head_signature": b64(self.signature(size, root))}

    def told(self) -> tuple[int, bytes]:
        """Size and root of the tree head."""
        size = len(self.entries) if self.size is None else self.size
        return size, self.root or mth(self.leaves[:size])

    def signature(self, size: int, root: bytes) -> bytes:
        """A TreeHeadSignature."""
        text = b"\0\1" + TIME.to_bytes(8, "big") + size.to_bytes(8, "big") + root
        if isinstance(self.key, rsa.RSAPrivateKey):
            return b"\4\1" + vector(self.key.sign(text, padding.PKCS1v15(), hashes.SHA256()), 2)
        return b"\4\3" + vector(self.key.sign(text, ec.ECDSA(hashes.SHA256())), 2)


def response(body: bytes, status: int = 200, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def served(log: FakeLog, chain: Path, key: Path) -> AsyncIterator[None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[0]
        writer.write(log.respond(first.split(" ")[1]))
        await writer.drain()
        await reader.read()  # what is drained may be on its way still; who has it all hangs up

    async with servers.server(answer, tls=context) as port:
        log.port = port
        yield
