"""A server that answers as the PKI engine of Vault and OpenBao does, held to their published API.

It is neither. What it knows stands in "PKI secrets engine (API)" and "/sys/mounts" of both documentations:
lists by `?list=true` with keys in order, 404 without errors for an empty one; certificates with
`revocation_time`, 0 for none; issuers of an engine, of which old ones know nothing. Vault itself answers
alike, by test_vault_real.py; to a parameter that it does not know it warns, and then an empty list is no 404.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509

from certwright.core.pem import pem
from tests.plugins import servers
from tests.real.toy_chains import ToyAuthority

TOKEN = "hvs.only-for-reading"
NAMESPACE = "team/a"


@dataclass
class Engine:
    """A mount: its authority, and what it has issued by serial number, with the time of a revocation or 0."""

    authority: ToyAuthority
    issued: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    several_issuers: bool = True
    no_issuer: bool = False
    """Whether it was made, and given no authority yet."""
    closed: bool = False
    """Whether the policy of the token does not name it."""

    def issue(self, name: str) -> str:
        return self.add(self.authority.sign(name))

    def add(self, der: bytes, revoked: int = 0) -> str:
        octets = x509.load_der_x509_certificate(der).serial_number
        digits = f"{octets:x}"
        digits = digits.zfill(len(digits) + len(digits) % 2)
        serial = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
        self.issued[serial] = (der, revoked)
        return serial

    def revoke(self, serial: str, at: int) -> None:
        self.issued[serial] = (self.issued[serial][0], at)


@dataclass
class FakeVault:
    """`pages` says whether it takes `limit` and `after`, as OpenBao does."""

    engines: dict[str, Engine]
    pages: bool = False
    namespace: str = ""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def answer(self, target: str, headers: dict[str, str]) -> tuple[int, Any]:
        self.asked.append(target)
        if headers.get("x-vault-token") != TOKEN or headers.get("x-vault-namespace", "") != self.namespace:
            return 403, {"errors": ["permission denied"]}
        parts = urlsplit(target)
        path = parts.path.removeprefix("/v1/")
        if path == "sys/mounts":
            kinds = dict.fromkeys(self.engines, "pki") | {"secret": "kv", "sys": "system"}
            return 200, {"data": {f"{name}/": {"type": kind} for name, kind in kinds.items()}}
        for name, engine in self.engines.items():
            if path.startswith(f"{name}/"):
                if engine.closed:
                    return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
                given = {key: values[0] for key, values in parse_qs(parts.query).items()}
                return self._engine(engine, path.removeprefix(f"{name}/"), given)
        return 404, {"errors": [f'no handler for route "{path}". route entry not found.']}

    def _engine(self, engine: Engine, path: str, given: dict[str, str]) -> tuple[int, Any]:
        if path == "certs" and given.get("list") == "true":
            keys = self._page(sorted(engine.issued), given)
            return _keys(keys) if keys or self.pages or "limit" not in given else (200, {"data": {}})
        if path == "issuers" and engine.several_issuers:
            return _keys([] if engine.no_issuer else ["0b21-issuer"])
        if path == "cert/ca" and engine.no_issuer:
            return 400, {"errors": ["no default issuer currently configured"]}
        if path in ("issuer/0b21-issuer/json", "cert/ca"):
            return 200, {"data": {"certificate": pem(engine.authority.certificate).decode()}}
        der, revoked = engine.issued.get(path.removeprefix("cert/"), (b"", 0))
        if not der:
            return 404, {"errors": []}
        return 200, {"data": {"certificate": pem(der).decode(), "revocation_time": revoked}}

    def _page(self, keys: list[str], given: dict[str, str]) -> list[str]:
        if not self.pages:
            return keys
        after = given.get("after", "")
        return [key for key in keys if key > after][: int(given["limit"])]


def _keys(keys: list[str]) -> tuple[int, Any]:
    return (200, {"data": {"keys": keys}}) if keys else (404, {"errors": []})


@asynccontextmanager
async def served(vault: FakeVault, chain: Path, key: Path) -> AsyncIterator[FakeVault]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name}
        status, body = vault.answer(first.split(" ")[1], headers)
        octets = json.dumps(body).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(octets)}\r\n\r\n".encode() + octets)
        await writer.drain()

    async with servers.server(answer, tls=context) as port:
        vault.port = port
        yield vault
