import asyncio
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.caa import CaaRecord, CaaSet
from certwright.core.egress import Unreached
from certwright.core.errors import Malformed, Unavailable
from certwright.plugins import resolver as resolver_module
from certwright.plugins.resolver import ALIASES_MAX, Resolver, ResolverSettings, find_caa, parse_server
from tests.plugins import servers
from tests.real import dns_server
from tests.real.dns_server import DnsServer
from tests.real.processes import free_port

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]

ZONE = """
both A 10.0.0.1
both A 10.0.0.2
both AAAA fd00::1
four A 10.0.0.4
six AAAA fd00::6
text TXT "a" "b"
alias CNAME both
away CNAME target.delegated.test.
below A 10.0.0.9
@ CAA 0 issue "pki.example"
closer CAA 128 issuewild "ca.example; validationmethods=dns-01"
closer CAA 0 iodef "mailto:security@example.test"
a.b.closer A 10.0.0.5
caa-alias CNAME closer
"""


@pytest.fixture(scope="module")
def knot() -> Iterator[DnsServer]:
    zones = {"example.test": ZONE, "delegated.test": "target AAAA fd00::7", "bare.test": "name A 10.0.0.1"}
    with dns_server.running(zones, broken=("broken.test",)) as server:
        yield server


def run(body: Callable[[], Awaitable[Any]], loop: Any = asyncio.new_event_loop) -> Any:
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(asyncio.wait_for(body(), 60))


def at(server: DnsServer) -> Resolver:
    return Resolver(ResolverSettings((server.address,)))


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("both", ("10.0.0.1", "10.0.0.2", "fd00::1")),
        ("alias", ("10.0.0.1", "10.0.0.2", "fd00::1")),
        ("four", ("10.0.0.4",)),
        ("six", ("fd00::6",)),
        ("away", ("fd00::7",)),
    ],
)
def test_the_addresses_of_a_name(knot: DnsServer, loop: Any, name: str, addresses: tuple[str, ...]) -> None:
    found = run(lambda: at(knot).addresses(f"{name}.example.test"), loop)
    assert sorted(map(str, found)) == sorted(addresses)
    assert [address.version for address in found] == sorted(address.version for address in found)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("text.example.test", "neither an A nor an AAAA record"),
        ("none.example.test", "neither an A nor an AAAA record"),
        ("name.broken.test", "SERVFAIL"),
        ("name.foreign.test", "REFUSED"),
    ],
)
def test_a_name_without_addresses_is_a_dns_problem(knot: DnsServer, name: str, detail: str) -> None:
    with pytest.raises(Unreached, match=detail) as caught:
        run(lambda: at(knot).addresses(name))
    assert caught.value.problem == "dns"


def test_one_kind_of_address_is_enough_where_the_other_fails() -> None:
    def half(question: dns.message.Message) -> list[bytes]:
        name, kind = servers.question_of(question)
        if kind == "A":
            return [servers.reply(question, rcode=dns.rcode.SERVFAIL)]
        return [servers.reply(question, f"{name}. AAAA fd00::1")]

    async def body() -> Any:
        async with servers.dns_server(half) as address:
            return await Resolver(ResolverSettings((address,))).addresses("name.test")

    assert run(body) == (ip_address("fd00::1"),)


def test_on_an_embedded_install_localhost_is_loopback_and_nobody_is_asked() -> None:
    settings = ResolverSettings((f"127.0.0.1:{free_port()}",), localhost=True)

    async def body() -> None:
        for name in ("localhost", "demo.localhost", "a.b.localhost"):
            found = await Resolver(settings).addresses(name)
            assert list(map(str, found)) == ["127.0.0.1", "::1"]
            assert await Resolver(settings).texts(f"_acme-challenge.{name}") == ()
            assert await find_caa(Resolver(settings), name) == CaaSet()

    run(body)


def test_elsewhere_localhost_is_a_name_as_any_other(knot: DnsServer) -> None:
    with pytest.raises(Unreached, match="REFUSED"):
        run(lambda: at(knot).addresses("demo.localhost"))
    with pytest.raises(Unreached, match="REFUSED"):
        run(lambda: Resolver(ResolverSettings((knot.address,), localhost=True)).addresses("notlocalhost"))


def test_cnames_are_followed_a_bounded_number_of_times() -> None:
    """Each answer has one CNAME only, and the next name is always another."""
    asked = []

    def endless(question: dns.message.Message) -> list[bytes]:
        name, _ = servers.question_of(question)
        asked.append(name)
        return [servers.reply(question, f"{name}. CNAME {len(asked)}.test.")]

    async def body() -> None:
        async with servers.dns_server(endless) as address:
            with pytest.raises(Unreached, match="CNAMEs in a row"):
                await Resolver(ResolverSettings((address,))).texts("name.test")

    run(body)
    assert len(asked) == ALIASES_MAX


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
def test_an_answer_for_somebody_else_is_not_taken(loop: Any) -> None:
    """Another identifier, another question, no answer flag: each is passed over, and then time is up."""

    def foreign(question: dns.message.Message) -> list[bytes]:
        name, _ = servers.question_of(question)
        good = servers.reply(question, f'{name}. TXT "forged"')
        other_id = bytes((good[0] ^ 1,)) + good[1:]
        no_answer = good[:2] + bytes((good[2] & 0x7F,)) + good[3:]
        other_name = servers.reply(dns.message.make_query("other.test", "TXT", id=question.id))
        return [other_id, no_answer, other_name, b"", good[:20]]

    async def body() -> None:
        async with servers.dns_server(foreign) as address:
            settings = ResolverSettings((address,), seconds=0.6, try_seconds=0.3)
            with pytest.raises(Unreached, match="no answer within"):
                await Resolver(settings).texts("name.test")

    run(body, loop)


def test_an_answer_may_come_after_rubbish() -> None:
    def late(question: dns.message.Message) -> list[bytes]:
        name, _ = servers.question_of(question)
        return [b"rubbish", servers.reply(question, f'{name}. TXT "found"')]

    async def body() -> Any:
        async with servers.dns_server(late) as address:
            return await Resolver(ResolverSettings((address,))).texts("name.test")

    assert run(body) == (b"found",)


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:5353", "192.0.2.1", 5353),
        ("2001:db8::1", "2001:db8::1", 53),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353),
    ],
)
def test_a_resolver_is_an_address_with_or_without_a_port(text: str, address: str, port: int) -> None:
    server = parse_server(text)
    assert (server.address, server.port) == (address, port)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "dns.example",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:x",
        "[192.0.2.1",
        "::1:53:",
        "https://x",
    ],
)
def test_a_resolver_that_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(Malformed, match="DNS resolver"):
        ResolverSettings((wrong,))


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_resolver(text: str) -> None:
    try:
        server = parse_server(text)
    except Malformed:
        return
    assert 0 < server.port < 65536


def test_times_must_be_positive() -> None:
    with pytest.raises(Malformed, match="greater than 0"):
        ResolverSettings(seconds=0)


def test_the_system_configuration_is_read_again_when_it_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration = tmp_path / "resolv.conf"
    monkeypatch.setattr(resolver_module, "SYSTEM_CONFIGURATION", str(configuration))
    system = Resolver(ResolverSettings(seconds=0.2))

    def fails_with(kind: type[Exception]) -> None:
        with pytest.raises(kind):
            run(lambda: system.addresses("name.test"))

    fails_with(Unavailable)
    configuration.write_text("nameserver 127.255.255.254\n")
    fails_with(Unreached)
    configuration.write_text("options timeout:1\n# none\n")
    fails_with(Unavailable)
    configuration.write_bytes(b"\xff\xfe\x00nameserver\n")
    fails_with(Unavailable)
    configuration.write_text("nameserver 127.255.255.254\n")
    fails_with(Unreached)


# -- CAA -----------------------------------------------------------------------------------------

CLOSER = {
    CaaRecord(128, "issuewild", "ca.example; validationmethods=dns-01"),
    CaaRecord(0, "iodef", "mailto:security@example.test"),
}


@pytest.mark.parametrize(
    ("name", "owner", "records"),
    [
        ("example.test", "example.test", {CaaRecord(0, "issue", "pki.example")}),
        ("*.four.example.test", "example.test", {CaaRecord(0, "issue", "pki.example")}),
        ("none.at.all.example.test", "example.test", {CaaRecord(0, "issue", "pki.example")}),
        ("a.b.closer.example.test", "closer.example.test", CLOSER),
        ("closer.example.test", "closer.example.test", CLOSER),
        ("caa-alias.example.test", "caa-alias.example.test", CLOSER),
    ],
)
def test_the_closest_records_of_the_climb_are_found(
    knot: DnsServer, name: str, owner: str, records: set[CaaRecord]
) -> None:
    found = run(lambda: find_caa(at(knot), name))
    assert found.owner == owner
    assert set(found.records) == records


def test_no_records_up_to_the_top_is_an_empty_set() -> None:
    asked = []

    def nothing(question: dns.message.Message) -> list[bytes]:
        asked.append(servers.question_of(question))
        return [servers.reply(question, rcode=dns.rcode.NXDOMAIN)]

    async def body() -> CaaSet:
        async with servers.dns_server(nothing) as address:
            return await find_caa(Resolver(ResolverSettings((address,))), "*.www.example.test")

    assert run(body) == CaaSet()
    assert asked == [("www.example.test", "CAA"), ("example.test", "CAA"), ("test", "CAA")]


@pytest.mark.parametrize("name", ["name.broken.test", "name.bare.test", "name.foreign.test"])
def test_a_failed_look_up_anywhere_on_the_climb_fails(knot: DnsServer, name: str) -> None:
    with pytest.raises(Unreached, match=r"SERVFAIL|REFUSED") as caught:
        run(lambda: find_caa(at(knot), name))
    assert caught.value.problem == "caa"


def test_the_climb_is_bounded_in_time() -> None:
    def slow(question: dns.message.Message) -> list[bytes]:
        return []

    async def body() -> None:
        async with servers.dns_server(slow) as address:
            with pytest.raises(Unreached, match=r"took more than 0\.5 s") as caught:
                await find_caa(Resolver(ResolverSettings((address,))), "a.b.c.d.test", 0.5)
            assert caught.value.problem == "caa"

    run(body)


def test_without_a_resolver_the_climb_is_ours_to_repeat(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(resolver_module, "SYSTEM_CONFIGURATION", str(tmp_path / "none"))
    with pytest.raises(Unavailable):
        run(lambda: find_caa(Resolver(ResolverSettings()), "name.test"))
