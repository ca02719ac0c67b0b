"""Load over REST, as clients make it: threads that issue and revoke, and keep what they were told; with them
other clients, which do the same in their way.
"""

import http.client
import json
import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core.access import Grant, Role
from certwright.core.pem import pem
from certwright.operations.context import Context
from certwright.operations.manage_tokens import create_token
from tests.real.certwright import ADMINISTRATOR, Home
from tests.real.pki import make_csr

SECONDS = 30
"""How long a client waits for an answer: longer than the server may take for any."""

PATH = "/api/v1/certificates"


def make_token(home: Home, name: str = "load") -> str:
    """A bearer token that may do everything."""

    async def make(context: Context) -> str:
        grants = (Grant(Role.ADMINISTRATOR),)
        return (await create_token(context, ADMINISTRATOR, name, grants, None)).secret

    return home.run(make)


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    document: dict[str, Any]


class Client:
    """One connection, made anew when it breaks."""

    def __init__(self, home: Home, token: str, seconds: float = SECONDS) -> None:
        self._port = home.ports["https"]
        self._trust = ssl.create_default_context(cafile=str(home.root))
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._seconds = seconds
        self._connection: http.client.HTTPSConnection | None = None

    def post(self, path: str, document: dict[str, Any]) -> Answer:
        """Raises OSError or HTTPException when there was no answer."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                "localhost", self._port, timeout=self._seconds, context=self._trust
            )
        try:
            self._connection.request("POST", path, json.dumps(document), self._headers)
            answer = self._connection.getresponse()
            body = json.loads(answer.read())
        except BaseException:
            self.close()
            raise
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def issue(self, *names: str, authority: str = "issuing") -> Answer:
        csr = pem(make_csr(*names), "CERTIFICATE REQUEST").decode()
        return self.post(PATH, {"csr": csr, "profile": "tls-server", "authority": authority})

    def revoke(self, fingerprint: str, reason: str = "superseded") -> Answer:
        return self.post(f"{PATH}/{fingerprint}/revoke", {"reason": reason})

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(slots=True)
class Told:
    """What clients were told: DER by fingerprint, fingerprints of what is revoked, and how often what
    came.
    """

    issued: dict[str, bytes] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    wrong: list[Answer] = field(default_factory=list)


class Other(Protocol):
    """A client that is not of REST."""

    told: Told

    def work(self, stop: threading.Event) -> None: ...


class Load:
    """`threads` clients and the `others`, until stopped."""

    def __init__(
        self,
        home: Home,
        token: str,
        threads: int,
        seed: int,
        authority: str = "issuing",
        others: Sequence[Other] = (),
    ) -> None:
        self.token = token
        self._authority = authority
        self.told = [Told() for _ in range(threads)]
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._work, args=(Client(home, token), told, random.Random(seed + number))
            )
            for number, told in enumerate(self.told)
        ]
        self.told += [one.told for one in others]
        self._threads += [threading.Thread(target=one.work, args=(self._stop,)) for one in others]

    @contextmanager
    def running(self) -> Iterator["Load"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """Every client has its answer, or has lost its connection, within bounds."""
        self._stop.set()
        for thread in self._threads:
            thread.join(SECONDS * 2)
        assert not any(thread.is_alive() for thread in self._threads), "a client still waits"

    def done(self) -> int:
        """How many requests were carried out so far."""
        return sum(told.statuses[200] + told.statuses[201] for told in self.told)

    def wait_for(self, more: int, seconds: float = 60) -> None:
        """Until so many more have been carried out."""
        target, until = self.done() + more, time.monotonic() + seconds
        while self.done() < target:
            assert time.monotonic() < until, f"only {self.done()} of {target} within {seconds:g} s"
            time.sleep(0.01)

    def _work(self, client: Client, told: Told, chance: random.Random) -> None:
        open_ones: list[str] = []
        while not self._stop.is_set():
            try:
                if open_ones and chance.random() < 0.3:
                    self._revoke(client, told, open_ones.pop(chance.randrange(len(open_ones))))
                else:
                    open_ones += self._issue(client, told, f"host{chance.getrandbits(64):x}.example.test")
            except (OSError, http.client.HTTPException):
                told.lost += 1
                time.sleep(0.02)
        client.close()

    def _issue(self, client: Client, told: Told, name: str) -> list[str]:
        answer = client.issue(name, authority=self._authority)
        self._count(told, answer, 201)
        if answer.status != 201:
            return []
        der = x509.load_pem_x509_certificate(answer.document["certificate"].encode()).public_bytes(
            Encoding.DER
        )
        told.issued[answer.document["fingerprint"]] = der
        return [answer.document["fingerprint"]]

    def _revoke(self, client: Client, told: Told, fingerprint: str) -> None:
        answer = client.revoke(fingerprint)
        self._count(told, answer, 200)
        if answer.status == 200:
            told.revoked.add(fingerprint)

    def _count(self, told: Told, answer: Answer, good: int) -> None:
        """503 with Retry-After is an honest answer; anything else but success is a fault."""
        told.statuses[answer.status] += 1
        if answer.status == 503 and "retry-after" in answer.headers:
            time.sleep(0.05)
        elif answer.status != good:
            told.wrong.append(answer)

    def summary(self) -> Told:
        """All that was told to all."""
        whole = Told()
        for told in self.told:
            whole.issued |= told.issued
            whole.revoked |= told.revoked
            whole.statuses += told.statuses
            whole.lost += told.lost
            whole.wrong += told.wrong
        return whole
