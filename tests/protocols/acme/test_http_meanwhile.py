"""What ends while a finalization waits for the applicant's own DNS: nothing is issued on it any more.

CAA is looked up again through a resolver that keeps such questions until it is told to pass them on.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from certwright.operations.context import Context
from certwright.operations.manage_acme_accounts import revoke_account
from certwright.store.rows import CertificateRow
from tests.protocols.acme.raw_client import RawClient, Reply, flattened, jwk, new_key
from tests.protocols.acme.served import Acme, make_csr
from tests.protocols.acme.test_http_caa import age
from tests.real import certwright
from tests.real.certwright import ADMINISTRATOR, Home
from tests.real.dns_server import DnsServer

CAA_IN = b"\x01\x01\x00\x01"
SETTINGS = {"check_caa": True, "caa_identities": ["ca.test"]}


@dataclass
class Keeper:
    """Passes questions on to a DNS server; those for CAA only while `open` is set. `kept` is set by one that
    waits."""

    server: tuple[str, int]
    socket: socket.socket
    open: threading.Event = field(default_factory=threading.Event)
    kept: threading.Event = field(default_factory=threading.Event)

    def pass_on(self, question: bytes, asker: tuple[str, int]) -> None:
        if CAA_IN in question[12:] and not self.open.is_set():
            self.kept.set()
            self.open.wait(30)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.settimeout(5)
            upstream.sendto(question, self.server)
            self.socket.sendto(upstream.recv(65535), asker)

    def run(self) -> None:
        while True:
            question, asker = self.socket.recvfrom(65535)
            if not question:
                return
            threading.Thread(target=self.pass_on, args=(question, asker), daemon=True).start()


@pytest.fixture(scope="module")
def keeper(dns: DnsServer) -> Iterator[Keeper]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        found = Keeper(("127.0.0.1", dns.port), listening)
        found.open.set()
        thread = threading.Thread(target=found.run)
        thread.start()
        yield found
        listening.sendto(b"", listening.getsockname())
        thread.join()


@pytest.fixture(scope="module")
def acme_home(founded: Home, keeper: Keeper, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    run = Path(os.environ["CERTWRIGHT_TEST_RUN"])
    with certwright.copy(founded, tmp_path_factory.mktemp("acme") / "home", run) as home:
        host, port = keeper.socket.getsockname()
        home.configure({"validation": {"resolvers": [f"{host}:{port}"]}})
        yield home


@dataclass
class Waiting:
    """An order whose finalization waits for CAA, which was looked at long ago."""

    acme: Acme
    endpoint: str
    client: RawClient
    order: dict[str, Any]

    def again(self) -> RawClient:
        """The same account, on a connection of its own."""
        other = self.acme.client(self.endpoint, self.client.key)
        other.kid = self.client.kid
        return other


def finalized(
    acme: Acme, keeper: Keeper, endpoint: str, act: Callable[[Waiting], object]
) -> tuple[Reply, Waiting]:
    """Its answer, when `act` is done while it waits for CAA."""
    acme.endpoint(endpoint, SETTINGS)
    client, name = acme.registered(endpoint), acme.name()
    waiting = Waiting(acme, endpoint, client, acme.ready(client, name))
    authorization = int(waiting.order["authorizations"][0].rpartition("/")[2])
    acme.home.run(lambda context: age(context, authorization))
    keeper.kept.clear()
    keeper.open.clear()
    with ThreadPoolExecutor(1) as pool:
        try:
            answer = pool.submit(client.finalize, waiting.order, make_csr((name,)))
            assert keeper.kept.wait(20)
            act(waiting)
        finally:
            keeper.open.set()
        return answer.result(), waiting


def issued_to(acme: Acme, client: RawClient) -> int:
    async def count(context: Context) -> int:
        requester = f"acme:{client.kid.rpartition('/')[2]}"
        return len(await context.database.select(CertificateRow, '"requester" = ?', requester))

    return acme.home.run(count)


def test_nothing_ends(acme: Acme, keeper: Keeper) -> None:
    reply, waiting = finalized(acme, keeper, "quiet", lambda waiting: None)
    assert reply.json["status"] == "valid"
    assert issued_to(acme, waiting.client) == 1


def test_the_account_is_revoked(acme: Acme, keeper: Keeper) -> None:
    def act(waiting: Waiting) -> None:
        key = waiting.client.kid.rpartition("/")[2]
        acme.home.run(lambda context: revoke_account(context, ADMINISTRATOR, waiting.endpoint, key))

    reply, waiting = finalized(acme, keeper, "revoked", act)
    assert reply.refusal == (401, "unauthorized")
    assert issued_to(acme, waiting.client) == 0


def test_the_account_is_deactivated(acme: Acme, keeper: Keeper) -> None:
    def act(waiting: Waiting) -> None:
        waiting.again().post(waiting.client.kid, {"status": "deactivated"})

    reply, waiting = finalized(acme, keeper, "deactivated", act)
    assert reply.refusal == (401, "unauthorized")
    assert issued_to(acme, waiting.client) == 0


def test_the_account_gets_another_key(acme: Acme, keeper: Keeper) -> None:
    def act(waiting: Waiting) -> None:
        other, key = waiting.again(), new_key()
        url = other.directory["keyChange"]
        inner = {"alg": "ES256", "jwk": jwk(key), "url": url}
        payload = {"account": other.kid, "oldKey": jwk(other.key)}
        assert other.post(url, flattened(key, inner, payload)).status == 200

    reply, waiting = finalized(acme, keeper, "rolled", act)
    assert reply.refusal == (400, "malformed")
    assert "signature" in reply.json["detail"]
    assert issued_to(acme, waiting.client) == 0


def test_an_authorization_is_given_up(acme: Acme, keeper: Keeper) -> None:
    def act(waiting: Waiting) -> None:
        waiting.again().post(waiting.order["authorizations"][0], {"status": "deactivated"})

    reply, waiting = finalized(acme, keeper, "given-up", act)
    assert reply.refusal == (403, "orderNotReady")
    assert issued_to(acme, waiting.client) == 0


def test_the_settings_change(acme: Acme, keeper: Keeper) -> None:
    """What was judged under other settings is judged again, as a whole."""

    def act(waiting: Waiting) -> None:
        acme.endpoint(waiting.endpoint, {**SETTINGS, "challenges": ["http-01"]})

    reply, waiting = finalized(acme, keeper, "changed", act)
    assert reply.refusal == (403, "unauthorized")
    assert "was proved by dns-01" in reply.json["detail"]
    assert issued_to(acme, waiting.client) == 0


def test_contacts_do_not_matter(acme: Acme, keeper: Keeper) -> None:
    def act(waiting: Waiting) -> None:
        waiting.again().post(waiting.client.kid, {"contact": ["mailto:a@example.org"]})

    reply, waiting = finalized(acme, keeper, "contacts", act)
    assert reply.json["status"] == "valid"
    assert issued_to(acme, waiting.client) == 1
