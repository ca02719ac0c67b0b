"""The network scanner keeps the contract of its port."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar

import uvloop

from certwright.ports import Place, Scope
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.plugins import servers
from tests.plugins.discovery.looking import source
from tests.real.processes import free_port
from tests.real.tls_servers import Presented, present

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
BAD = (servers.garbage, servers.silent, servers.hang_up, servers.trickle(b"\x16\x03\x03\x40\x00a"))


@cache
def presented() -> Presented:
    return present(Path(mkdtemp(prefix="certwright-discovery-")) / "chain")


def server_context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(presented().whole, presented().key)
    return made


class TestNetworkSource(DiscoverySourceContract):
    loops: ClassVar[tuple[Callable[[], asyncio.AbstractEventLoop], ...]] = (
        asyncio.new_event_loop,
        uvloop.new_event_loop,
    )

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        async with AsyncExitStack() as stack:
            if case is Case.GOOD:
                yield await self._good(stack)
            elif case is Case.BAD:
                yield await self._bad(stack)
            elif case is Case.SLOW:
                # the kernel takes connections, and nobody answers: no task or file of the test's own changes
                listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                settings = {"ports": str(listening.getsockname()[1]), "per_second": 20, "total_seconds": 30.0}
                yield Situation(source(**settings), Scope(("127.0.0.1-120",)))
            else:
                targets = () if case is Case.NO_SCOPE else ("127.0.0.0/29", "localhost")
                yield Situation(source(ports=str(free_port())), Scope(targets))

    async def _good(self, stack: AsyncExitStack) -> Situation:
        """Three hosts with the same port; a connection is noted before TLS begins."""
        touched: set[Place] = set()
        port = free_port()
        for host in HOSTS:
            await stack.enter_async_context(_noted(touched, host, port))
        places = {Place("tls", host, port): presented().chain for host in HOSTS}
        return Situation(
            source(ports=str(port), per_second=200, jitter=0.5),
            Scope(("127.0.0.0/29",)),
            places,
            exclusion="127.0.0.2",
            excluded=frozenset({Place("tls", "127.0.0.2", port)}),
            unreadable=("\x00", " ", "127.0.0.1/99", "a b"),
            touched=lambda: set(touched),
        )

    async def _bad(self, stack: AsyncExitStack) -> Situation:
        ports = [await stack.enter_async_context(servers.server(behave)) for behave in BAD]
        ports.append(free_port())
        targets = tuple(f"127.0.0.1:{port}" for port in ports)
        places = {Place("tls", "127.0.0.1", port): () for port in ports}
        return Situation(source(total_seconds=1.0), Scope(targets), places)


@asynccontextmanager
async def _noted(touched: set[Place], host: str, port: int) -> AsyncIterator[None]:
    """A TLS server that notes each connection, also one that ends before the handshake does."""
    context = server_context()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        touched.add(Place("tls", host, port))
        server = context.wrap_bio(incoming := ssl.MemoryBIO(), outgoing := ssl.MemoryBIO(), server_side=True)
        while octets := await reader.read(65_536):
            incoming.write(octets)
            with suppress(ssl.SSLWantReadError):
                server.do_handshake()
            writer.write(outgoing.read())

    async with servers.server(accept, host=host, port=port):
        yield
