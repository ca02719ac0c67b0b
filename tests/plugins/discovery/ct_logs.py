"""Logs as tests of `ct-log` have them, and a look at one."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import uvloop
from cryptography import x509
from cryptography.x509.oid import NameOID

from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery.ct_log.source import CtLogSettings, CtLogSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import Place, Progress, Scope, Sighting
from certwright.protocols.ct.messages import read_entry
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.plugins import servers
from tests.plugins.discovery.fake_ct_log import FakeLog, entry, pre_entry, precertificate, served
from tests.real.processes import free_port
from tests.real.tls_servers import Presented
from tests.real.toy_chains import BEGIN, ToyAuthority, new_key

Log = TypeVar("Log", bound=FakeLog)
CA = ToyAuthority("Public CA")


def logged(*names: str) -> tuple[bytes, bytes]:
    return entry(CA.sign("x", None, *names), CA.certificate)


def prelogged(name: str) -> tuple[bytes, bytes]:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CA.name)]))
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=90))
        .serial_number(x509.random_serial_number())
        .public_key(new_key().public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return pre_entry(*precertificate(builder, CA.key), CA.certificate)


def settings_of(log: FakeLog, known: Presented, **others: Any) -> CtLogSettings:
    policy, resolver = EgressPolicy(allow_loopback=True), ResolverSettings(localhost=True)
    usual: dict[str, Any] = {"start": "0", "seconds": 5.0} | others
    trust = known.leaf.read_text()
    return CtLogSettings(log.spki, ("example.com",), trust=trust, policy=policy, resolver=resolver, **usual)


def made(kind: type[Log]) -> Log:
    """What cannot be read among it stands in the place of a certificate."""
    ours = [logged("www.example.com"), logged("*.Example.com"), prelogged("pre.example.com")]
    return kind([logged("a.test"), ours[0], entry(b"x"), ours[1], logged("notexample.com"), ours[2]])


def expected(log: FakeLog) -> dict[Place, tuple[bytes, ...]]:
    found: dict[Place, tuple[bytes, ...]] = {}
    for index in (1, 3, 5):
        der = read_entry(*log.entries[index]).certificate
        found[Place("ct", "localhost", log.port, f"/log#{index}")] = (der, CA.certificate)
    return found


def look(
    log: FakeLog, known: Presented, since: str = "", after: str = "", **others: Any
) -> tuple[list[Sighting], Progress]:
    async def run() -> list[Sighting | Progress]:
        async with served(log, known.whole, known.key):
            source = CtLogSource(settings_of(log, known, **others))
            return [event async for event in source.look(Scope((log.url,), after=after, since=since))]

    events = asyncio.run(run())
    assert isinstance(events[-1], Progress)
    return [one for one in events if isinstance(one, Sighting)], events[-1]


class CtLogContract(DiscoverySourceContract):
    """Inherit, define `log`."""

    log: type[FakeLog]
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @pytest.fixture(autouse=True)
    def _known(self, known: Presented) -> None:
        self.known = known

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        log = made(self.log) if case is Case.GOOD else self.log([])
        source = CtLogSource(settings_of(log, self.known))
        if case is Case.BAD:
            async with servers.server(servers.silent) as port:
                hurried = CtLogSource(settings_of(log, self.known, seconds=1.0))
                there = {Place("ct", "127.0.0.1", port): ()}
                yield Situation(hurried, Scope((f"https://127.0.0.1:{port}",)), there)
        elif case is Case.SLOW:
            with socket.create_server(("127.0.0.1", 0)) as silent:
                gone = Scope((f"https://127.0.0.1:{free_port()}",))
                assert [event async for event in source.look(gone)]
                yield Situation(source, Scope((f"https://127.0.0.1:{silent.getsockname()[1]}",)))
        else:
            async with served(log, self.known.whole, self.known.key):
                places = expected(log) if case is Case.GOOD else {}
                left_out = frozenset(one for one in places if one.name == "/log#1")
                scope = Scope(() if case is Case.NO_SCOPE else (log.url,))
                yield Situation(source, scope, places, "www.example.com", left_out)
