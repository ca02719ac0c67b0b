"""Sweeps of the network scanner: what they may touch, how far they come, and servers that mean no good."""

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import dns.message
import pytest
import uvloop

from certwright.core.egress import EgressPolicy
from certwright.core.errors import Forbidden, Malformed, Unavailable
from certwright.plugins.discovery.network import NetworkSettings
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import Progress, Scope, Sighting
from certwright.protocols.tls.registry import Kind
from certwright.protocols.tls.wire import MESSAGE_OCTETS_MAX
from tests.plugins import servers
from tests.plugins.discovery.looking import LOOPBACK, look, sighting, sightings, source
from tests.protocols.tls.servers import certificate, clear, message, server_hello
from tests.real.processes import free_port
from tests.real.tls_servers import present, s_server

FLIGHT = clear(server_hello(), certificate(b"leaf"), message(Kind.SERVER_HELLO_DONE, b""))


@contextmanager
def heard(port: int, *hosts: str) -> Iterator[list[str]]:
    """Listens on these addresses; gives those at which somebody connected, once the block is over."""
    touched: list[str] = []
    with ExitStack() as stack:
        listening = {}
        for host in hosts:
            listening[host] = stack.enter_context(socket.create_server((host, port), backlog=50))
            listening[host].setblocking(False)
        yield touched
        for host, one in listening.items():
            try:
                one.accept()[0].close()
                touched.append(host)
            except BlockingIOError:
                continue


@asynccontextmanager
async def flight_server(host: str = "127.0.0.1", port: int = 0, flight: bytes = FLIGHT) -> AsyncIterator[int]:
    """Answers any hello with the same flight."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(flight)
        await writer.drain()
        await reader.read()

    async with servers.server(behave, host=host, port=port) as listening:
        yield listening


# -- what may be touched ---------------------------------------------------------------------------


def test_what_the_policy_denies_is_not_touched() -> None:
    port = free_port()
    policy = EgressPolicy(allow_loopback=True, deny=(ip_network("127.0.0.2/31"),))
    with heard(port, "127.0.0.1", "127.0.0.2", "127.0.0.3") as touched:
        asyncio.run(sightings("127.0.0.0/29", ports=str(port), policy=policy, total_seconds=0.2))
    assert touched == ["127.0.0.1"]


def test_where_nothing_may_be_reached_it_is_forbidden() -> None:
    port = free_port()
    with heard(port, "127.0.0.1") as touched, pytest.raises(Forbidden, match="nothing of the scope"):
        asyncio.run(sightings("127.0.0.0/29", ports=str(port), policy=EgressPolicy()))
    assert touched == []


def test_a_place_that_was_named_and_may_not_be_reached_is_told() -> None:
    async def body() -> None:
        async with flight_server() as port:
            policy = EgressPolicy(allow_loopback=True, deny=(ip_network("127.0.0.2/32"),))
            seen = await sightings(f"127.0.0.2:{port}", f"127.0.0.1:{port}", policy=policy)
            problems = {one.place.host: one.problem for one in seen}
            assert "may not be reached" in problems["127.0.0.2"]
            assert problems["127.0.0.1"] == ""

    asyncio.run(body())


def test_a_name_that_leads_elsewhere_is_judged_by_its_address() -> None:
    """A name that the DNS leads to loopback, where the policy has none of it."""

    async def body() -> None:
        with heard(port := free_port(), "127.0.0.1") as touched:
            async with servers.dns_server(_zone) as resolver:
                settings = {"policy": EgressPolicy(), "resolver": ResolverSettings((resolver,))}
                with pytest.raises(Forbidden):
                    await sightings(f"here.example.test:{port}", **settings)
        assert touched == []

    asyncio.run(body())


def _zone(question: dns.message.Message) -> list[bytes]:
    name, kind = servers.question_of(question)
    known = {("here.example.test", "A"): "127.0.0.1", ("two.example.test", "A"): "127.0.0.2"}
    if record := known.get((name, kind)):
        return [servers.reply(question, f"{name}. {kind} {record}")]
    return [servers.reply(question)]


def test_an_excluded_host_is_excluded_by_its_address() -> None:
    async def body() -> None:
        with heard(port := free_port(), "127.0.0.1", "127.0.0.2") as touched:
            async with servers.dns_server(_zone) as resolver:
                settings = {
                    "resolver": ResolverSettings((resolver,)),
                    "ports": str(port),
                    "total_seconds": 0.2,
                }
                await sightings("127.0.0.0/30", exclude=["two.example.test"], **settings)
        assert touched == ["127.0.0.1"]

    asyncio.run(body())


def test_an_excluded_host_without_an_address_ends_it() -> None:
    async def body() -> None:
        async with servers.dns_server(_zone) as resolver:
            with pytest.raises(Unavailable, match="exclude its addresses instead"):
                await sightings(
                    "127.0.0.1", exclude=["gone.example.test"], resolver=ResolverSettings((resolver,))
                )

    asyncio.run(body())


def test_each_address_of_a_name_is_looked_at_with_that_name(tmp_path: Path) -> None:
    async def body(port: int) -> None:
        async with servers.dns_server(_zone) as resolver:
            settings = {"resolver": ResolverSettings((resolver,))}
            seen = await sighting(f"here.example.test:{port}", **settings)
            assert (seen.place.host, seen.place.name) == ("127.0.0.1", "here.example.test")
            assert seen.facts["asked"] == "here.example.test"
            missing = await sighting("gone.example.test", ports="1-9", **settings)
            assert (missing.place.host, missing.place.port) == ("gone.example.test", 0)
            assert "neither an A nor an AAAA" in missing.problem

    with s_server(present(tmp_path / "chain")) as port:
        asyncio.run(body(port))


# -- how far it has come ---------------------------------------------------------------------------


def test_a_run_goes_on_where_it_was_cut_short() -> None:
    """Cut after a while, begun again with the last cursor: between them nothing is missed."""

    async def body() -> None:
        async with flight_server("0.0.0.0") as port:
            settings = {"ports": str(port), "per_second": 100.0, "concurrency": 5}
            scope, seen, cursor = Scope(("127.0.0.0/25",)), set(), ""
            async with aclosing(cast(Any, source(**settings).look(scope))) as events:
                async for event in events:
                    if isinstance(event, Progress):
                        cursor = event.cursor
                        if event.done >= 40:
                            break
                    else:
                        seen.add(event.place.host)
            assert 40 <= len(seen) < 120
            rest = await look(Scope(scope.targets, after=cursor), ports=str(port))
            later = {event.place.host for event in rest if isinstance(event, Sighting)}
            assert len(later) < 128 - 30
            assert len(seen | later) == 128

    uvloop.run(body())


def test_a_cursor_of_another_scope_is_malformed() -> None:
    with pytest.raises(Malformed, match="begin a new one"):
        source().check(Scope(("127.0.0.1",), after="7.0123456789abcdef"))


def test_no_more_connections_than_allowed_are_open() -> None:
    async def body() -> None:
        now = most = 0

        async def behave(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            nonlocal now, most
            now, most = now + 1, max(most, now + 1)
            await asyncio.sleep(0.02)
            now -= 1

        async with servers.server(behave, host="0.0.0.0") as port:
            await sightings("127.0.0.0/26", ports=str(port), concurrency=7)
        assert 0 < most <= 7 + 2  # the server learns a little later that one has ended

    asyncio.run(body())


def test_rates_are_kept() -> None:
    def seconds(**settings: Any) -> float:
        begun = time.monotonic()
        asyncio.run(sightings("127.0.0.0/26", ports=str(free_port()), **settings))
        return time.monotonic() - begun

    assert seconds(per_second=100.0) > 0.5
    assert seconds(network_per_second=100.0, jitter=0.5) > 0.4


@contextmanager
def files_left(count: int) -> Iterator[None]:
    """This process may open so many files more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        lowest = probe.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_further_names_keep_the_pace_as_well(tmp_path: Path) -> None:
    names = tuple(f"host-{number}.example.test" for number in range(20))
    with s_server(present(tmp_path / "chain")) as port:
        begun = time.monotonic()
        seen = asyncio.run(
            sightings("127.0.0.1", ports=str(port), names=names, network_per_second=20.0, jitter=0)
        )
        assert time.monotonic() - begun > 0.9
    assert [one.place.name for one in seen] == ["", *names]


def test_where_files_are_scarce_it_goes_on_with_fewer(tmp_path: Path) -> None:
    async def body(port: int) -> None:
        with files_left(10):
            seen = await sightings("127.0.0.0/26", ports=str(port), concurrency=100)
        assert len(seen) == 64

    with s_server(present(tmp_path / "chain"), host="0.0.0.0") as port:
        asyncio.run(body(port))


def test_where_there_are_no_files_it_ends() -> None:
    async def body() -> None:
        with files_left(0), pytest.raises(Unavailable, match="no connection can be opened from here"):
            await sightings("127.0.0.0/25", ports="9")

    asyncio.run(body())


# -- servers that mean no good ---------------------------------------------------------------------


def test_one_octet_a_time_is_not_waited_for() -> None:
    async def body() -> None:
        async with servers.server(servers.trickle(FLIGHT)) as port:
            begun = time.monotonic()
            seen = await sighting(f"127.0.0.1:{port}", total_seconds=0.6)
            assert seen.problem.startswith("no whole answer within")
            assert time.monotonic() - begun < 3

    asyncio.run(body())


def test_a_flood_is_not_read_to_its_end() -> None:
    async def body() -> None:
        beginning = clear(server_hello())
        endless = (
            bytes((22, 3, 3, 0x40, 0)) + bytes((Kind.CERTIFICATE,)) + MESSAGE_OCTETS_MAX.to_bytes(3, "big")
        )
        block = bytes(16_384 - 4) + (bytes((22, 3, 3, 0x40, 0)) + bytes(16_384)) * 63
        async with servers.server(servers.flood(beginning + endless, 100, block)) as port:
            seen = await sighting(f"127.0.0.1:{port}")
            assert seen.problem.startswith("the server")

    asyncio.run(body())


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_10.0\r\n", b"HTTP/1.0 400 Bad\r\n\r\n", b"\x00", b"\x16\x03\x01"]
)
def test_other_protocols_are_told_only_where_they_were_named(answer: bytes) -> None:
    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async def body() -> None:
        async with servers.server(behave) as port:
            assert await sightings("127.0.0.1", ports=str(port)) == []
            assert (await sighting(f"127.0.0.1:{port}")).problem

    asyncio.run(body())


def test_a_server_that_always_ends_the_handshake_is_told() -> None:
    """It speaks TLS: that is something, named or not. It is asked four times, and no more."""
    asked = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read(4096)
        writer.write(bytes((21, 3, 3, 0, 2, 2, 40)))
        await writer.drain()

    async def body() -> None:
        async with servers.server(behave) as port:
            seen = await sighting("127.0.0.1", ports=str(port))
            assert seen.problem == "the server ended the handshake: handshake_failure"

    asyncio.run(body())
    assert asked == 4


def test_a_server_that_trips_over_the_whole_question_is_asked_a_smaller_one() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(4096)
        if len(hello) < 1000:
            writer.write(FLIGHT)
        await writer.drain()
        await reader.read()

    async def body() -> None:
        async with servers.server(behave) as port:
            seen = await sighting(f"127.0.0.1:{port}", total_seconds=1.0)
            assert seen.chain == (b"leaf",)
            assert "post_quantum" not in seen.facts

    asyncio.run(body())


def test_a_chain_before_the_flight_is_cut_is_told() -> None:
    async def body() -> None:
        async with flight_server(flight=clear(server_hello(), certificate(b"leaf"))) as port:
            seen = await sighting(f"127.0.0.1:{port}", total_seconds=0.4)
            assert seen.chain == (b"leaf",)
            assert "client_certificate" not in seen.facts

    asyncio.run(body())


def test_a_reader_that_is_slow_loses_nothing() -> None:
    async def body() -> None:
        async with flight_server("0.0.0.0") as port:
            seen = 0
            async for event in source(ports=str(port)).look(Scope(("127.0.0.0/23",))):
                if isinstance(event, Sighting):
                    seen += 1
                    if seen % 100 == 0:
                        await asyncio.sleep(0.1)
            assert seen == 512

    uvloop.run(body())


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"ports": "x"},
        {"concurrency": 0},
        {"per_second": 0},
        {"network_per_second": -1.0},
        {"jitter": 2.0},
        {"total_seconds": 0},
        {"names": ("*",)},
        {"names": ("a.example",) * 101},
        {"alpn": ("",)},
        {"alpn": ("é",)},
        {"starttls": {25: "telnet"}},
        {"starttls": {0: "smtp"}},
    ],
)
def test_settings_that_make_no_sense_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        NetworkSettings(**{"policy": LOOPBACK, **wrong})
