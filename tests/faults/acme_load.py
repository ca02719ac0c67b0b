"""Load over ACME, as clients make it: they order, prove, finalize, fetch and revoke, and go on with what they
have begun when the server comes back.
"""

import asyncio
import hashlib
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from cryptography import x509

from certwright.operations.context import Context
from certwright.site.wiring import validations
from tests.faults.load import SECONDS, Answer, Told
from tests.protocols.acme.raw_client import RawClient, Reply, der, new_key
from tests.protocols.acme.responders import Web, web_server
from tests.protocols.acme.served import ZONE
from tests.real import dns_server
from tests.real.certwright import Home
from tests.real.pki import make_csr

ENDPOINT = "load"
UNLIMITED = {"new_accounts_per_hour": 0, "new_orders_per_hour": 0}
LOOKS_MAX, LOOK_SECONDS = 40, 0.05
"""How often a client looks at an order. A check that was lost with its process is done again a minute later,
so the client orders something else meanwhile."""


@contextmanager
def answering(home: Home) -> Iterator[Web]:
    """A web server where every name of the zone leads to, and an endpoint without limits; before the home is
    served."""
    port = home.ports["https"]
    address = f"127.78.{port >> 8}.{port & 255}"
    with dns_server.running({"test": "", ZONE: ""}) as dns, web_server(address) as web:
        dns.add(ZONE, "*", "A", address)
        home.configure({"validation": {"resolvers": [dns.address]}})
        home.endpoint(ENDPOINT, UNLIMITED)
        yield web


async def check_again(home: Home, context: Context) -> None:
    """What the worker does with checks that were lost, once they are a minute old."""
    reported: list[Exception] = []
    lost = validations(home.configuration, context, reported.append)
    await lost.sweep(context.clock(), anyone=True)
    while await lost.sweep(context.clock(), anyone=True):  # noqa: ASYNC110 - other processes check too
        await asyncio.sleep(0.05)
    await lost.close()
    assert reported == []


class GivenUp(Exception):
    """The client has no more time."""


class AcmeClient:
    """One account, with what it was `told`. `orders` are the URLs of all it has placed, `unfinished` of those
    that it has to go on with."""

    def __init__(self, home: Home, web: Web, seed: int) -> None:
        self.told = Told()
        self.orders: list[str] = []
        self.unfinished: list[str] = []
        self._directory = f"https://localhost:{home.ports['https']}/acme/{ENDPOINT}/directory"
        self._trust = ssl.create_default_context(cafile=str(home.root))
        self._web = web
        self._key = new_key()
        self._chance = random.Random(seed)
        self._ends: Callable[[], bool] = lambda: False
        self._client: RawClient | None = None

    def work(self, stop: threading.Event) -> None:
        """Order after order, until stopped; what was begun then is unfinished."""
        self._ends = stop.is_set
        with suppress(GivenUp):
            while not stop.is_set():
                name = f"host{self._chance.getrandbits(64):x}.{ZONE}"
                reply = self._ask(lambda client, name=name: client.order(name), 201)
                self.orders.append(reply.headers["location"])
                self.unfinished.append(self.orders[-1])
                self._go_on(self.unfinished[-1])

    def finish(self) -> None:
        """Bring every order to its end."""
        deadline = time.monotonic() + SECONDS
        self._ends = lambda: time.monotonic() > deadline
        for url in list(self.unfinished):
            self._go_on(url)
        assert self.unfinished == []

    def _go_on(self, url: str) -> None:
        """With an order; it stays unfinished while its challenge is not checked."""
        for _ in range(LOOKS_MAX):
            order = self._read(url)
            if order["status"] == "pending":
                self._prove(order["authorizations"][0])
            elif order["status"] == "ready":
                self._finalize(order)
            else:
                self._fetch(order)
                self.unfinished.remove(url)
                return

    def _prove(self, url: str) -> None:
        authorization = self._read(url)
        [challenge] = [one for one in authorization["challenges"] if one["type"] == "http-01"]
        if challenge["status"] == "pending":
            token = challenge["token"]
            self._web.pages[token] = self._connected().key_authorization(token)
            self._ask(lambda client: client.post(challenge["url"], {}), 200)
        time.sleep(LOOK_SECONDS)

    def _finalize(self, order: dict[str, Any]) -> None:
        """When the answer is lost, what became of the order is read next."""
        csr = make_csr(order["identifiers"][0]["value"])
        with suppress(httpx.TransportError):
            self._count(self._connected().finalize(order, csr), 200)

    def _fetch(self, order: dict[str, Any]) -> None:
        assert order["status"] == "valid", order
        chain = self._ask(lambda client: client.post(order["certificate"]), 200)
        certificate = der(x509.load_pem_x509_certificates(chain.content)[0])
        fingerprint = hashlib.sha256(certificate).hexdigest()
        self.told.issued[fingerprint] = certificate
        if self._chance.random() < 0.3:
            self._ask(lambda client: client.revoke(certificate, reason=4), 200, "alreadyRevoked")
            self.told.revoked.add(fingerprint)

    # -- asked until it is answered --

    def _read(self, url: str) -> Any:
        return self._ask(lambda client: client.post(url), 200).json

    def _ask(self, ask: Callable[[RawClient], Reply], good: int, again: str = "") -> Reply:
        """Ask until it is done. `again` is the error that tells so of a request whose answer was lost."""
        lost = False
        while True:
            try:
                reply = ask(self._connected())
            except httpx.TransportError:
                self._lose()
                lost = True
                continue
            if lost and again and reply.status == 400 and reply.error == again:
                return reply
            if self._count(reply, good):
                return reply

    def _lose(self) -> None:
        self.told.lost += 1
        self._pause(0.02)

    def _pause(self, seconds: float) -> None:
        """Before the same is asked again."""
        time.sleep(seconds)
        if self._ends():
            raise GivenUp

    def _count(self, reply: Reply, good: int) -> bool:
        """Is it done? 503 with Retry-After is an honest answer; any other is a fault."""
        self.told.statuses[reply.status] += 1
        if reply.status == 503 and "retry-after" in reply.headers:
            self._pause(0.05)
        elif reply.status != good:
            self.told.wrong.append(Answer(reply.status, dict(reply.headers), reply.json))
            raise GivenUp
        return reply.status == good

    def _connected(self) -> RawClient:
        """With an account, made once."""
        while self._client is None:
            try:
                client = RawClient(self._directory, self._trust, self._key)
                reply = client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True})
            except httpx.TransportError:
                self._lose()
                continue
            if self._count(reply, reply.status if reply.status in (200, 201) else 201):
                client.kid = reply.headers["location"]
                self._client = client
        return self._client
