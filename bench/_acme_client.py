"""A small ACME client for load: ES256 accounts, http-01 answered for real, connections kept alive.

Takes any server's directory URL, so that others can be measured beside us. Loopback only.
"""

import asyncio
import base64
import hashlib
import json
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ECDSA = ec.ECDSA(hashes.SHA256())
POLLS_MAX = 200
POLL_SECONDS = 0.05


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        document: dict[str, object] = json.loads(self.body)
        return document


class Connection:
    """One keep-alive HTTP/1.1 connection to the server."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._host, self._port, self._context = host, port, context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, method: str, path: str, body: bytes = b"") -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._host,
                self._port,
                ssl=self._context,
                server_hostname="localhost" if self._context else None,
            )
        reader, writer = self._streams
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Length: {len(body)}\r\n"
        )
        if body:
            head += "Content-Type: application/jose+json\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in raw[1:] if line)
        }
        size = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
        return Answer(int(raw[0].split()[1]), headers, await reader.readexactly(size) if size else b"")

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


@dataclass(slots=True)
class Tokens:
    """Answers http-01: every token with its own key authorization. All accounts of the run share it."""

    thumbprints: dict[str, str] = field(default_factory=dict)

    async def serve(self, port: int) -> asyncio.AbstractServer:
        return await asyncio.start_server(self._answer, "127.0.0.1", port, backlog=1024)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        token = line.split()[1].rsplit(b"/", 1)[1].decode() if line.count(b" ") == 2 else ""
        while (await reader.readline()) not in (b"\r\n", b""):
            pass
        body = f"{token}.{self.thumbprints.get(token, '')}".encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
        )
        await writer.drain()
        writer.close()


class Client:
    """One account on one connection."""

    def __init__(self, directory: str, root: str, tokens: Tokens) -> None:
        parts = urlsplit(directory)
        context = ssl.create_default_context(cafile=root) if parts.scheme == "https" else None
        self._connection = Connection(parts.hostname or "", parts.port or 443, context)
        self._directory_path = parts.path
        self._tokens = tokens
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        self._jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": b64(numbers.x.to_bytes(32, "big")),
            "y": b64(numbers.y.to_bytes(32, "big")),
        }
        canonical = json.dumps(self._jwk, separators=(",", ":"), sort_keys=True).encode()
        self._thumbprint = b64(hashlib.sha256(canonical).digest())
        self._leaf = ec.generate_private_key(ec.SECP256R1())
        self._urls: dict[str, str] = {}
        self._nonce = ""
        self._kid = ""

    async def register(self) -> None:
        self._urls = (await self._connection.request("GET", self._directory_path)).json()  # type: ignore[assignment]
        answer = await self._connection.request("HEAD", urlsplit(self._urls["newNonce"]).path)
        self._nonce = answer.headers["replay-nonce"]
        made = await self._post(self._urls["newAccount"], {"termsOfServiceAgreed": True})
        self._kid = made.headers["location"]

    async def _post(self, url: str, payload: dict[str, object] | None) -> Answer:
        """A signed request; a bad nonce is tried again, as clients do."""
        for _ in range(3):
            header: dict[str, object] = {"alg": "ES256", "nonce": self._nonce, "url": url}
            header |= {"kid": self._kid} if self._kid else {"jwk": self._jwk}
            protected = b64(json.dumps(header).encode())
            body = "" if payload is None else b64(json.dumps(payload).encode())
            r, s = decode_dss_signature(self._key.sign(f"{protected}.{body}".encode(), ECDSA))
            signature = b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
            document = json.dumps({"protected": protected, "payload": body, "signature": signature})
            parts = urlsplit(url)
            answer = await self._connection.request("POST", parts.path, document.encode())
            self._nonce = answer.headers.get("replay-nonce", self._nonce)
            if answer.status < 400:
                return answer
            if b"badNonce" not in answer.body:
                raise RuntimeError(f"{url}: {answer.status} {answer.body[:300]!r}")
        raise RuntimeError(f"{url}: bad nonce three times")

    async def certificate(self, name: str) -> bytes:
        """The whole flow for one name: order, authorization, challenge, polling, finalize, download."""
        order = await self._post(self._urls["newOrder"], {"identifiers": [{"type": "dns", "value": name}]})
        document = order.json()
        for url in document["authorizations"]:  # type: ignore[attr-defined]
            await self._authorize(url)
        csr = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
            .sign(self._leaf, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )
        done = await self._post(str(document["finalize"]), {"csr": b64(csr)})
        for _ in range(POLLS_MAX):
            document = done.json()
            if document["status"] == "valid":
                return (await self._post(str(document["certificate"]), None)).body
            await asyncio.sleep(POLL_SECONDS)
            done = await self._post(order.headers["location"], None)
        raise RuntimeError(f"order for {name} stays {document['status']}")

    async def _authorize(self, url: str) -> None:
        authorization = (await self._post(url, None)).json()
        if authorization["status"] == "valid":
            return
        challenge = next(one for one in authorization["challenges"] if one["type"] == "http-01")  # type: ignore[attr-defined]
        self._tokens.thumbprints[challenge["token"]] = self._thumbprint
        await self._post(challenge["url"], {})
        for _ in range(POLLS_MAX):
            await asyncio.sleep(POLL_SECONDS)
            status = (await self._post(url, None)).json()["status"]
            if status == "valid":
                self._tokens.thumbprints.pop(challenge["token"], None)
                return
            if status != "pending":
                raise RuntimeError(f"authorization became {status}")
        raise RuntimeError("authorization stays pending")

    def close(self) -> None:
        self._connection.close()
