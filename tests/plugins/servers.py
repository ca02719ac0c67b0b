"""Servers that behave as a test says, on loopback and on the event loop of the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import cast

import dns.message
import dns.rcode
import dns.rrset

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Answers = Callable[[dns.message.Message], Iterable[bytes]]

MEBIOCTET = bytes(range(256)) * 4096


@asynccontextmanager
async def server(
    behave: Behaviour, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A TCP server; gives its port. Whatever its connections still do at the end is cancelled."""
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
                await behave(reader, writer)
        finally:
            writer.transport.abort()
            connections.discard(task)

    listening = await asyncio.start_server(connected, host, port, ssl=tls, backlog=1000)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


# -- behaviours ----------------------------------------------------------------------------------


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def garbage(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(MEBIOCTET[:5000])
    await writer.drain()


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """End the connection as soon as it is there."""


def trickle(text: bytes) -> Behaviour:
    """One octet of `text` at a time, in the end for ever the last."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in text:
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0.1)
        while True:
            writer.write(text[-1:])
            await writer.drain()
            await asyncio.sleep(0.1)

    return behave


def flood(start: bytes, mebioctets: int = 100, block: bytes = MEBIOCTET) -> Behaviour:
    """`start`, then this many times `block`, as fast as it is taken."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(mebioctets):
            writer.write(block)
            await writer.drain()

    return behave


def raw(answer: bytes) -> Behaviour:
    """Read a request's head, send these octets, end the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return behave


def response(
    body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None, *, length: bool = True
) -> bytes:
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def http(pages: Mapping[str, bytes], heads: list[str] | None = None) -> Behaviour:
    """Answers by path; a path that is not there is 404. Each request's head is added to `heads`."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        if heads is not None:
            heads.append(head)
        writer.write(pages.get(head.split(" ")[1], response(b"nothing here", 404)))
        await writer.drain()

    return behave


# -- DNS -----------------------------------------------------------------------------------------


@asynccontextmanager
async def dns_server(answers: Answers) -> AsyncIterator[str]:
    """A DNS server by UDP and TCP; gives address and port. `answers` makes the messages to send."""

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
            for answer in answers(dns.message.from_wire(data)):
                cast(asyncio.DatagramTransport, self.transport).sendto(answer, peer)

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        for answer in answers(dns.message.from_wire(await reader.readexactly(size))):
            writer.write(len(answer).to_bytes(2, "big") + answer)
        await reader.read()

    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(stream))
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", port))
        stack.callback(transport.close)
        yield f"127.0.0.1:{port}"


def reply(question: dns.message.Message, *records: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    """An answer with these records, each in zone file form with an absolute name and a type."""
    made = dns.message.make_response(question, recursion_available=True)
    made.set_rcode(rcode)
    for record in records:
        name, kind, value = record.split(" ", 2)
        made.answer.append(dns.rrset.from_text(name, 0, "IN", kind, value))
    return made.to_wire(max_size=65535)


def question_of(message: dns.message.Message) -> tuple[str, str]:
    """Name, without the last dot, and type of a question."""
    (question,) = message.question
    return question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
