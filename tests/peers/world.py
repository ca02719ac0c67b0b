"""A small PKI of one key algorithm whose status data is served on loopback, for relying parties to judge.

It lives in a thread with an event loop of its own, so that tests can wait for programs that ask it.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import uvicorn
from cryptography import x509

from certwright.core.keys import KeyAlgorithm
from certwright.core.pem import pem
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.operations.save_base_url import save_base_url
from certwright.operations.serve_status import PublishedLists
from certwright.protocols.asgi import Receive, Scope, Send
from certwright.protocols.crl.http import PublicationApplication
from certwright.store.rows import CertificateRow, CrlRow
from tests.conftest import RUN
from tests.core import toy_pipeline as toy
from tests.real import databases
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened
from tests.status.responding import responding

Result = TypeVar("Result")
SECONDS = 120
TIMES = ListTimes()
NAMES = ("good", "revoked", "held", "own")


@dataclass
class World:
    """`folder` holds root.pem, issuing.pem, and one PEM for each of `rows`: good, revoked and held, which
    have P-256 keys, and own, which is good and has a key of the world's algorithm."""

    algorithm: KeyAlgorithm
    folder: Path
    url: str
    context: Context
    loop: asyncio.AbstractEventLoop
    rows: dict[str, CertificateRow] = field(default_factory=dict)

    def run(self, act: Callable[[Context], Awaitable[Result]]) -> Result:
        """Run operations in the thread that serves."""

        async def within() -> Result:
            return await act(self.context)

        return asyncio.run_coroutine_threadsafe(within(), self.loop).result(SECONDS)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def generation_path(self, authority: str = "issuing") -> str:
        return self.context.snapshot.issuing(authority).path

    @property
    def ocsp_url(self) -> str:
        return f"{self.url}/ocsp/{self.generation_path()}"

    def publish(
        self,
        authority: str = "issuing",
        shard: int = 0,
        scheduled: bool = False,
        times: ListTimes = TIMES,
    ) -> CrlRow:
        """Sign the lists anew. The complete one and the delta lie in the folder then, DER and PEM."""

        async def act(context: Context) -> tuple[CrlRow, bytes]:
            generation = context.snapshot.issuing(authority)
            row = await publish_crl(context, generation, shard, scheduled, times)
            deltas = await context.database.select(
                CrlRow,
                '"generation_id" = ? AND "number" = ? AND "base_number" > 0',
                generation.id,
                row.number,
            )
            return row, deltas[0].der if deltas else b""

        row, delta = self.run(act)
        for name, der in ((authority, row.der), (f"{authority}-delta", delta)):
            if der:
                (self.folder / f"{name}.crl").write_bytes(der)
                (self.folder / f"{name}.crl.pem").write_bytes(pem(der, "X509 CRL"))
        return row

    def revoke(self, name: str, reason: Reason) -> None:
        reference = self.rows[name].fingerprint.hex()
        self.run(
            lambda context: revoke_certificate(context, ADMINISTRATOR, reference, reason, context.clock())
        )

    def release(self, name: str) -> None:
        reference = self.rows[name].fingerprint.hex()
        self.run(lambda context: release_certificate(context, ADMINISTRATOR, reference, context.clock()))

    def issue(self, name: str, csr: bytes = b"") -> CertificateRow:
        """A server certificate, by default `name`.example.test of a P-256 key; its PEM lies in the folder."""
        request = parse_csr(csr or make_csr(f"{name}.example.test"))

        async def act(context: Context) -> CertificateRow:
            issued = await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
            self.path(name).write_bytes(pem(issued.der))
            return issued.row

        self.rows[name] = self.run(act)
        return self.rows[name]


@contextmanager
def world(algorithm: KeyAlgorithm, folder: Path, crl_shards: int = 1) -> Iterator[World]:
    """Root, issuing authority, and the certificates of NAMES; lists are published, and OCSP knows."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="world")
    thread.start()
    with databases.with_tables("sqlite", Path(os.environ[RUN]), folder) as database:
        served: asyncio.Queue[World | BaseException] = asyncio.Queue()
        stop = asyncio.Event()
        ending = asyncio.run_coroutine_threadsafe(
            _serve(algorithm, folder, database.url, crl_shards, served, stop), loop
        )
        try:
            made = asyncio.run_coroutine_threadsafe(served.get(), loop).result(SECONDS)
            if isinstance(made, BaseException):
                raise made
            _settle(made)
            yield made
        finally:
            loop.call_soon_threadsafe(stop.set)
            ending.result(SECONDS)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(SECONDS)
            loop.close()


def _settle(made: World) -> None:
    for name in NAMES:
        names: list[x509.GeneralName] = [x509.DNSName(f"{name}.example.test")]
        made.issue(name, toy.csr(names, algorithm=made.algorithm) if name == "own" else b"")
    made.publish("root", scheduled=True)
    made.publish(scheduled=True)
    made.publish(scheduled=True)  # a second one, which says where the delta is
    made.revoke("revoked", Reason.KEY_COMPROMISE)
    made.revoke("held", Reason.CERTIFICATE_HOLD)
    made.publish()


async def _serve(
    algorithm: KeyAlgorithm,
    folder: Path,
    database: str,
    crl_shards: int,
    served: "asyncio.Queue[World | BaseException]",
    stop: asyncio.Event,
) -> None:
    try:
        async with opened(database, Secrets(), MovableClock()) as context:
            with socket.socket() as listening:
                listening.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{listening.getsockname()[1]}"
                await save_base_url(context, ADMINISTRATOR, url)
                await found(context, algorithm, crl_shards=crl_shards)
                for name in ("root", "issuing"):
                    certificate = context.snapshot.issuing(name).der
                    (folder / f"{name}.der").write_bytes(certificate)
                    (folder / f"{name}.pem").write_bytes(pem(certificate))
                made = World(algorithm, folder, url, context, asyncio.get_running_loop())
                await _listen(context, folder, listening, made, served, stop)
    except BaseException as error:
        await served.put(error)
        raise


async def _listen(
    context: Context,
    folder: Path,
    listening: socket.socket,
    made: World,
    served: "asyncio.Queue[World | BaseException]",
    stop: asyncio.Event,
) -> None:
    here = await responding(context, folder / "ocsp")
    published = PublicationApplication(context.snapshots, PublishedLists(context.database), context.clock)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await here.feed.poll()
        handler = here.application if scope["path"].startswith("/ocsp/") else published
        await handler(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await served.put(made)
    await stop.wait()
    server.should_exit = True
    await serving
