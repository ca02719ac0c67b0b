"""The network scanner before servers of Debian: those that begin TLS inside of another protocol, and those
that speak nothing else."""

import asyncio
from pathlib import Path

import pytest

from tests.plugins.discovery.looking import sighting
from tests.real import web_servers
from tests.real.starttls_servers import SERVERS
from tests.real.tls_servers import present

SHORT = {"ldap"}  # its server is there for other tests; the others are installed for the full run
XMPP_HOST = "xmpp.example.test"


CASES = [
    pytest.param(protocol, name, marks=() if protocol in SHORT else pytest.mark.full)
    for protocol, servers in SERVERS.items()
    for name in servers
]


@pytest.mark.parametrize(("protocol", "name"), CASES)
def test_tls_begins_and_the_chain_is_seen(protocol: str, name: str, tmp_path: Path) -> None:
    presented = present(tmp_path / "chain", (XMPP_HOST,))
    for folder in (tmp_path, presented.folder):
        folder.chmod(0o755)
    with SERVERS[protocol][name](presented) as port:
        there = f"{XMPP_HOST}@127.0.0.1:{port}"
        seen = asyncio.run(sighting(there, starttls={port: protocol}, prove=True))
    assert seen.problem == ""
    if name != "OpenLDAP":  # which has a certificate of its own
        assert seen.chain[: len(presented.chain)] == presented.chain
    assert seen.chain
    assert seen.facts["starttls"] == protocol
    assert seen.facts["proved"] is True


@pytest.mark.full
@pytest.mark.parametrize("name", web_servers.SERVERS)
def test_the_chain_of_a_server_that_speaks_tls_alone(name: str, tmp_path: Path) -> None:
    presented = present(tmp_path / "chain", ("www.example.test",))
    with web_servers.SERVERS[name](presented) as port:
        seen = asyncio.run(sighting(f"www.example.test@127.0.0.1:{port}", prove=True))
    assert seen.problem == ""
    assert seen.chain == presented.chain
    assert seen.facts["proved"] is True
    assert "starttls" not in seen.facts
