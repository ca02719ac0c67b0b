"""The source `ct-log` against a fake that is held to RFC 6962."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.egress import EgressPolicy
from certwright.core.errors import Malformed
from certwright.plugins.discovery.ct_log import CtLogSettings, CtLogSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import DISCOVERY_SOURCES, Place, Progress, Scope, Sighting
from certwright.protocols.ct.messages import read_entry
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.plugins import servers
from tests.plugins.discovery.fake_ct_log import FakeLog, entry, pre_entry, precertificate, served, vector
from tests.real.processes import free_port
from tests.real.tls_servers import Presented, present
from tests.real.toy_chains import BEGIN, ToyAuthority, new_key

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


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Presented:
    return present(tmp_path_factory.mktemp("ct") / "chain", ("localhost",))


def settings_of(log: FakeLog, known: Presented, **others: Any) -> CtLogSettings:
    policy, resolver = EgressPolicy(allow_loopback=True), ResolverSettings(localhost=True)
    usual: dict[str, Any] = {"start": "0", "seconds": 5.0} | others
    trust = known.leaf.read_text()
    return CtLogSettings(log.spki, ("example.com",), trust=trust, policy=policy, resolver=resolver, **usual)


def made() -> FakeLog:
    ours = [logged("www.example.com"), logged("*.Example.com"), prelogged("pre.example.com")]
    return FakeLog([logged("a.test"), ours[0], (b"x", b""), ours[1], logged("notexample.com"), ours[2]])


def expected(log: FakeLog) -> dict[Place, tuple[bytes, ...]]:
    found = {}
    for index in (1, 3, 5):
        der = read_entry(*log.entries[index]).certificate
        found[Place("ct", "localhost", log.port, f"/log#{index}")] = (der, CA.certificate)
    return found


def look(log: FakeLog, known: Presented, since: str = "", **others: Any) -> tuple[list[Sighting], Progress]:
    async def run() -> list[Sighting | Progress]:
        async with served(log, known.whole, known.key):
            source = CtLogSource(settings_of(log, known, **others))
            return [event async for event in source.look(Scope((log.url,), since=since))]

    events = asyncio.run(run())
    assert isinstance(events[-1], Progress)
    return [one for one in events if isinstance(one, Sighting)], events[-1]


def test_it_is_registered() -> None:
    (entry_point,) = entry_points(group=DISCOVERY_SOURCES, name="ct-log")
    assert entry_point.load() is CtLogSource


def test_only_our_names_are_kept_and_precertificates_told_apart(known: Presented) -> None:
    log = made()
    found, last = look(log, known)
    assert {one.place: one.chain for one in found} == expected(log)
    kinds = [one.facts["entry"] for one in found]
    assert kinds == ["certificate", "certificate", "precertificate"]
    assert not last.whole


def test_a_log_is_gone_on_with_and_read_in_parts(known: Presented) -> None:
    log = made()
    first, last = look(log, known, entries_max=2)
    assert [one.place.name for one in first] == ["/log#1"]
    log.entries.append(logged("new.example.com"))
    second, _ = look(log, known, last.mark)
    assert [one.place.name for one in second] == ["/log#3", "/log#5", "/log#6"]


def test_where_many_entries_cannot_be_had_fewer_are_asked_for(known: Presented) -> None:
    log = made()
    log.at_once, log.page = 1, 1
    found, last = look(log, known)
    assert {one.place: one.chain for one in found} == expected(log)
    assert last.mark
    log.at_once = 0
    (problem,), last = look(log, known)
    assert "status 500" in problem.problem
    assert not last.mark


def test_from_the_present_end(known: Presented) -> None:
    log = made()
    found, last = look(log, known, start="end")
    assert found == []
    log.entries.append(logged("new.example.com"))
    (new,), _ = look(log, known, last.mark, start="end")
    assert new.place.name == "/log#6"


def test_a_log_with_an_rsa_key(known: Presented) -> None:
    log = replace(made(), key=rsa.generate_private_key(65537, 2048))
    assert len(look(log, known)[0]) == 3


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"size": 2**63}, "tree_size"),
        ({"size": 3}, "rolled back"),
        ({"root": bytes(32)}, "two different roots"),
        ({"more": 1}, "more than it was asked for"),
    ],
)
def test_a_log_that_lies_is_a_problem(known: Presented, wrong: dict[str, Any], problem: str) -> None:
    log = made()
    mark = look(log, known, entries_max=1)[1].mark
    (found,), last = look(replace(log, **wrong), known, mark, entries_max=1)
    assert problem in found.problem
    assert last.mark == ""


def test_another_key_and_an_entry_that_is_not_in_the_tree(known: Presented) -> None:
    log = made()
    other = CtLogSettings(FakeLog([]).spki).key

    class Other(FakeLog):
        spki = other  # type: ignore[assignment]

    (found,), _ = look(Other(log.entries), known)
    assert found.problem == "the tree head is not signed by the log's key"
    (found,), _ = look(replace(log, root=bytes(32)), known)
    assert found.problem.startswith("inclusion proof of leaf 1")


def test_what_cannot_be_read_but_has_our_name_is_told(known: Presented) -> None:
    (found,), _ = look(FakeLog([entry(b"\x30\x80www.example.com"), entry(b"\x30\x80other.test")]), known)
    assert found.problem == "an entry that cannot be read has octets of one of the names"


def test_a_precertificate_that_is_not_the_leafs(known: Presented) -> None:
    """The extra data is under no hash of the tree."""
    (leaf, _), (_, extra) = prelogged("a.example.com"), prelogged("b.example.com")
    (found,), _ = look(FakeLog([(leaf, extra)]), known)
    assert found.problem.startswith("an entry that cannot be read")


def test_fifty_thousand_names(known: Presented) -> None:
    names = [f"n{number}.test" for number in range(50_000)]
    (found,), _ = look(FakeLog([logged(*names, "last.example.com")]), known)
    assert found.chain


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_any_octets_are_an_entry_or_malformed(body: bytes, extra: bytes) -> None:
    for leaf in (body, b"\0\0" + bytes(8) + b"\0\1" + body, b"\0\0" + bytes(8) + b"\0\0" + vector(body)):
        with suppress(Malformed):
            assert read_entry(leaf, extra).certificate


@pytest.mark.parametrize(
    "wrong", [{"key": "x"}, {"key": "AAAA"}, {"names": ("a b",)}, {"start": "-1"}, {"entries_max": 0}]
)
def test_settings_that_cannot_be_used_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        CtLogSettings(**wrong)


class TestCtLogContract(DiscoverySourceContract):
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @pytest.fixture(autouse=True)
    def _known(self, known: Presented) -> None:
        self.known = known

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        log = made() if case is Case.GOOD else FakeLog([])
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
