"""The ACME application in the test's own process, without sockets, and a client of it with one account."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from certwright.core.caa import CaaSet
from certwright.core.errors import Unavailable
from certwright.operations.check_caa import FindCaa
from certwright.operations.context import Context
from certwright.operations.validate import Perspectives, Validations
from certwright.ports import Challenge, Evidence, Validator
from certwright.protocols.acme.http import AcmeApplication
from certwright.site.installation import NONCE_CONTEXT
from tests.protocols.acme.raw_client import Key, Reply, algorithm, flattened, jwk, new_key, text64

HOST = "localhost"
HERE = "here"
DIRECTORY = f"https://{HOST}/acme/default/directory"


async def no_caa(name: str) -> CaaSet:
    return CaaSet()


@dataclass(slots=True)
class Believing:
    """A validator to whom everybody has proved everything."""

    kind: str = "http-01"

    async def check(self, challenge: Challenge, now: Any) -> Evidence:
        return Evidence(now, HERE)


@dataclass(slots=True)
class Account:
    """What a client keeps when the server is another one. `kid` is set once there is an account."""

    key: Key = field(default_factory=new_key)
    kid: str = ""


class InProcess:
    """One serving process, with `reported` as what its checks could not do, and a client of it."""

    def __init__(
        self,
        context: Context,
        account: Account | None = None,
        validator: Validator | None = None,
        find_caa: FindCaa = no_caa,
    ) -> None:
        self.context = context
        self.account = account or Account()
        self.reported: list[Exception] = []
        self.validations = Validations(
            context,
            {"http-01": validator or Believing()},
            Perspectives(HERE, HERE),
            find_caa,
            (f"https://{HOST}",),
            self.reported.append,
        )
        nonce_key = context.keyring.decrypt(context.snapshot.installation.nonce_key, NONCE_CONTEXT)
        self._application = AcmeApplication(context, self.validations, nonce_key, frozenset({HOST}))
        self._nonce = ""
        self._directory: dict[str, Any] = {}

    # -- the wire --------------------------------------------------------------------------------

    async def send(self, method: str, url: str, body: bytes = b"") -> Reply:
        """Raises what the server did not foresee."""
        messages: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Mapping[str, Any]) -> None:
            messages.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": urlsplit(url).path,
            "query_string": b"",
            "headers": [(b"host", HOST.encode()), (b"content-type", b"application/jose+json")],
            "client": ("127.0.0.1", 1),
        }
        try:
            await self._application(scope, receive, send)
        except Unavailable:  # for the log; the client has its answer
            assert messages
        start, end = messages
        reply = Reply(start["status"], httpx.Headers(start["headers"]), end["body"])
        self._nonce = reply.headers.get("replay-nonce", "")
        return reply

    async def url(self, resource: str) -> str:
        if not self._directory:
            self._directory = (await self.send("GET", DIRECTORY)).json
        found: str = self._directory[resource]
        return found

    async def post(self, url: str, payload: object = None, key: Key | None = None) -> Reply:
        """A signed request; without payload POST-as-GET. With a `key`, that signs and comes along."""
        if not self._nonce:
            await self.send("HEAD", await self.url("newNonce"))
        signing = key or self.account.key
        signer = {"jwk": jwk(signing)} if key or not self.account.kid else {"kid": self.account.kid}
        header = {"alg": algorithm(signing), "url": url, "nonce": self._nonce, **signer}
        return await self.send("POST", url, json.dumps(flattened(signing, header, payload)).encode())

    # -- usual steps -----------------------------------------------------------------------------

    async def register(self) -> None:
        reply = await self.post(await self.url("newAccount"), {"termsOfServiceAgreed": True})
        assert reply.status == 201, reply.content
        self.account.kid = reply.headers["location"]

    async def order(self, name: str) -> Reply:
        return await self.post(await self.url("newOrder"), {"identifiers": [{"type": "dns", "value": name}]})

    async def respond(self, authorization: str) -> Reply:
        """To the http-01 challenge."""
        found = (await self.post(authorization)).json
        return await self.post(next(one["url"] for one in found["challenges"]), {})

    async def finalize(self, order: Mapping[str, Any], csr: bytes) -> Reply:
        return await self.post(order["finalize"], {"csr": text64(csr)})

    async def checked(self) -> None:
        """When the checks that were begun have ended."""
        while tasks := list(self.validations._turns._tasks.values()):
            await asyncio.gather(*tasks, return_exceptions=True)
