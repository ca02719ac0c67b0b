"""The network scanner before real servers: what it says of them, and what it leaves alone."""

import asyncio
import socket
from pathlib import Path

import pytest

from certwright.plugins.discovery import dial
from tests.plugins import servers
from tests.plugins.discovery.looking import sighting, sightings
from tests.real.processes import free_port
from tests.real.tls_servers import present, s_server


@pytest.mark.parametrize(
    ("argument", "version", "cipher"),
    [
        ("-tls1_2", "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        ("-tls1_3", "TLSv1.3", "TLS_AES_128_GCM_SHA256"),
    ],
)
@pytest.mark.parametrize("prove", [False, True])
def test_a_server_shows_its_chain(
    argument: str, version: str, cipher: str, prove: bool, tmp_path: Path
) -> None:
    presented = present(tmp_path / "chain")
    with s_server(presented, argument, "-alpn", "h2") as port:
        seen = asyncio.run(sighting(f"127.0.0.1:{port}", prove=prove))
    assert seen.chain == presented.chain
    assert (seen.place.kind, seen.place.host, seen.place.port, seen.place.name) == (
        "tls",
        "127.0.0.1",
        port,
        "",
    )
    facts = {"version": version, "cipher": cipher, "group": "x25519", "alpn": "h2", "post_quantum": False}
    assert seen.facts == {**facts, "client_certificate": False, **({"proved": True} if prove else {})}
    assert seen.problem == ""


def test_a_host_name_is_asked_for(tmp_path: Path) -> None:
    with s_server(present(tmp_path / "chain")) as port:
        seen = asyncio.run(sightings(f"localhost:{port}"))
    there = {one.place.host: one for one in seen}
    assert there["127.0.0.1"].place.name == "localhost"
    assert there["127.0.0.1"].facts["asked"] == "localhost"
    assert there["::1"].problem == "the connection is refused"


def test_where_nobody_listens_is_told_only_when_it_was_named() -> None:
    port = free_port()
    assert asyncio.run(sightings("127.0.0.1", ports=str(port))) == []
    assert asyncio.run(sighting(f"127.0.0.1:{port}")).problem == "the connection is refused"


def test_no_tls_is_told_only_when_it_was_named() -> None:
    async def body() -> None:
        async with servers.server(servers.garbage) as port:
            assert await sightings("127.0.0.1", ports=str(port)) == []
            assert (await sighting(f"127.0.0.1:{port}")).problem.startswith("no TLS server answers there")

    asyncio.run(body())


def test_a_connection_to_oneself_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel gives us the port that we dial, TCP connects it with itself."""
    port, made = free_port(), socket.socket

    def of_that_port(*arguments: int) -> socket.socket:
        one = made(*arguments)
        one.bind(("127.0.0.1", port))
        return one

    async def body() -> None:
        monkeypatch.setattr(dial.socket, "socket", of_that_port)
        assert (await sighting(f"127.0.0.1:{port}")).problem == "the connection is refused"

    asyncio.run(body())
