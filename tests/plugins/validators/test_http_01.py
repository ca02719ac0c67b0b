import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import ClassVar

import pytest
import uvloop

from certwright.core.egress import EMBEDDED, EgressPolicy, Limits, PortRule, Purpose
from certwright.core.names import parse_identifier
from certwright.plugins.resolver import ResolverSettings
from certwright.plugins.validators.common import EMBEDDED_SETTINGS, ValidatorSettings
from certwright.plugins.validators.http_01 import BODY_OCTETS_MAX, Http01
from certwright.ports import Challenge, Evidence
from certwright.testing.validator import NOW, Case, Situation, ValidatorContract
from tests.plugins import servers
from tests.real.processes import free_port

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
PATH = f"/.well-known/acme-challenge/{TOKEN}"
SHORT = Limits(connect_seconds=1.0, total_seconds=1.5)
SENT = "what a stranger's server says must never be repeated by us, at the most 64 characters of it"
CHALLENGE = Challenge("http-01", parse_identifier("dns", "demo.localhost"), TOKEN, KEY_AUTHORIZATION)


def settings(port: int, *more: int, stand_in: int = 0, limits: Limits | None = None) -> ValidatorSettings:
    """An embedded install whose web port is `port`."""
    rules = [PortRule(Purpose.HTTP_01, port, stand_in), *(PortRule(Purpose.HTTP_01, other) for other in more)]
    policy = replace(EMBEDDED, ports=tuple(rules))
    resolver = ResolverSettings(localhost=True)
    return ValidatorSettings(policy, resolver, limits or Limits(), "zone-a", http_port=port)


async def check(settings: ValidatorSettings, name: str = "demo.localhost") -> Evidence:
    kind = "ip" if name[0].isdigit() or ":" in name else "dns"
    challenge = replace(CHALLENGE, identifier=parse_identifier(kind, name))
    return await asyncio.wait_for(Http01(settings).check(challenge, NOW), 30)


async def seen(answer: bytes, name: str = "demo.localhost") -> Evidence:
    """The evidence where the server sends this answer and hangs up."""
    async with servers.server(servers.raw(answer)) as port:
        return await check(settings(port), name)


BEHAVIOURS = {
    Case.GOOD: (servers.raw(servers.response(KEY_AUTHORIZATION.encode())), ""),
    Case.WRONG: (servers.raw(servers.response(SENT.encode())), "incorrectResponse"),
    Case.SILENT: (servers.silent, "connection"),
    Case.SLOW: (servers.trickle(servers.response(KEY_AUTHORIZATION.encode())), "connection"),
    Case.HUGE: (servers.flood(b"HTTP/1.1 200 OK\r\n\r\n"), "connection"),
    Case.GARBAGE: (servers.garbage, "connection"),
}


class TestHttp01Contract(ValidatorContract):
    perspective = "zone-a"
    loops: ClassVar = (asyncio.new_event_loop, uvloop.new_event_loop)

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        limits = SHORT if case in (Case.SILENT, Case.SLOW) else Limits()
        if case is Case.ABSENT:
            yield Situation(Http01(settings(free_port())), CHALLENGE, frozenset({"connection"}))
            return
        behave, problem = BEHAVIOURS[case]
        async with servers.server(behave) as port:
            validator = Http01(settings(port, limits=limits))
            yield Situation(validator, CHALLENGE, frozenset({problem} - {""}), SENT)


# -- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "listen", "host"),
    [
        ("demo.localhost", "127.0.0.1", "demo.localhost"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("::1", "::1", "[::1]"),
    ],
)
def test_the_request_is_for_the_token_and_names_the_identifier(name: str, listen: str, host: str) -> None:
    heads: list[str] = []

    async def body() -> tuple[Evidence, int]:
        pages = {PATH: servers.response(KEY_AUTHORIZATION.encode())}
        async with servers.server(servers.http(pages, heads), host=listen) as port:
            return await check(settings(port), name), port

    evidence, port = asyncio.run(body())
    assert evidence.problem == ""
    assert evidence.addresses == (listen,)
    assert evidence.trail == (f"http://{host}:{port}{PATH}",)
    request, *headers = heads[0].split("\r\n")
    assert request == f"GET {PATH} HTTP/1.1"
    assert f"Host: {host}:{port}" in headers
    assert "Connection: close" in headers


def test_on_loopback_the_stand_in_port_is_tried_after_a_refusal() -> None:
    heads: list[str] = []

    async def body() -> Evidence:
        pages = {PATH: servers.response(KEY_AUTHORIZATION.encode())}
        async with servers.server(servers.http(pages, heads)) as port:
            return await check(settings(free_port(), stand_in=port))

    evidence = asyncio.run(body())
    assert evidence.problem == ""
    assert len(heads) == 1


def test_the_embedded_install_tries_80_and_5002_on_loopback_only() -> None:
    rules = {
        rule.port: rule.on_loopback for rule in EMBEDDED_SETTINGS.policy.ports if rule.purpose == "http-01"
    }
    assert rules == {80: 5002, 443: 0}
    assert EMBEDDED_SETTINGS.http_port == 80
    assert EMBEDDED_SETTINGS.resolver.localhost


def test_nobody_listening_is_told_with_every_place() -> None:
    first, second = free_port(), free_port()
    evidence = asyncio.run(check(settings(first, stand_in=second)))
    assert evidence.problem == "connection"
    assert evidence.addresses == ("127.0.0.1", "::1")
    places = f"127.0.0.1 port {first} and {second}, ::1 port {first} and {second}"
    assert evidence.detail == f"connection refused at {places}; is your client listening?"


# -- what is answered ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        servers.response(KEY_AUTHORIZATION.encode()),
        servers.response(KEY_AUTHORIZATION.encode() + b" \t\r\n\n"),
        servers.response(KEY_AUTHORIZATION.encode(), length=False),
        b"HTTP/1.0 200 OK\r\n\r\n" + KEY_AUTHORIZATION.encode(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"1;x=y\r\n%c\r\n" % octet for octet in KEY_AUTHORIZATION.encode())
        + b"0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + servers.response(KEY_AUTHORIZATION.encode()),
        servers.response(KEY_AUTHORIZATION.encode()) + b"HTTP/1.1 500 and more that is not read",
    ],
)
def test_a_key_authorization_is_found_however_it_is_framed(answer: bytes) -> None:
    assert asyncio.run(seen(answer)).detail == ""


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (servers.response(b"", 404), "status 404"),
        (servers.response(KEY_AUTHORIZATION.encode(), 500), "status 500"),
        (servers.response(KEY_AUTHORIZATION.encode(), 206), "status 206"),
        (servers.response(b""), "0 octets that are not the key authorization"),
        (servers.response(b" " + KEY_AUTHORIZATION.encode()), "are not the key authorization"),
        (servers.response(f"{TOKEN}.another".encode()), "of another account key"),
        (servers.response(TOKEN.encode()), "are not the key authorization"),
        (servers.response(KEY_AUTHORIZATION.encode() + b"x"), "of another account key"),
    ],
)
def test_any_other_answer_is_incorrect(answer: bytes, detail: str) -> None:
    evidence = asyncio.run(seen(answer))
    assert evidence.problem == "incorrectResponse"
    assert detail in evidence.detail


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (servers.response(bytes(BODY_OCTETS_MAX + 1)), "body is larger"),
        (servers.response(b"", headers={"X": "y" * 17000}), "header is larger"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "ended before"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "ended before"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", "no HTTP/1.1 response"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", "no HTTP/1.1"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP/1.1 response"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no HTTP/1.1 response"),
        (b"", "ended before"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_connection_problem(answer: bytes, detail: str) -> None:
    evidence = asyncio.run(seen(answer))
    assert evidence.problem == "connection"
    assert detail in evidence.detail


@pytest.mark.parametrize(
    ("start", "block"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 2**20),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 2**16),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", servers.MEBIOCTET),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 2**16),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", b"y" * 2**20),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"y" * 2**20),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2**15),
        (b"", b"\r\n" * 2**19),
        (b"", b"\x00" * 2**20),
    ],
)
def test_a_flood_ends_at_its_bound(start: bytes, block: bytes) -> None:
    async def body() -> Evidence:
        async with servers.server(servers.flood(start, block=block)) as port:
            return await check(settings(port))

    evidence = asyncio.run(body())
    assert evidence.problem == "connection"
    assert "no result within" not in evidence.detail


# -- redirects -----------------------------------------------------------------------------------


def moved(location: str, status: int = 302) -> bytes:
    return servers.response(b"", status, {"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_left_in_the_trail(status: int) -> None:
    async def body() -> tuple[Evidence, int]:
        pages = {
            PATH: moved("/elsewhere?x=y", status),
            "/elsewhere?x=y": servers.response(KEY_AUTHORIZATION.encode()),
        }
        async with servers.server(servers.http(pages)) as port:
            return await check(settings(port)), port

    evidence, port = asyncio.run(body())
    base = f"http://demo.localhost:{port}"
    assert evidence.problem == ""
    assert evidence.trail == (f"{base}{PATH}", f"{base}/elsewhere?x=y")


def test_ten_redirects_are_followed_and_no_more() -> None:
    async def body(redirects: int) -> Evidence:
        pages = {PATH: moved("/1")} | {f"/{hop}": moved(f"/{hop + 1}") for hop in range(1, redirects)}
        pages[f"/{redirects}"] = servers.response(KEY_AUTHORIZATION.encode())
        async with servers.server(servers.http(pages)) as port:
            return await check(settings(port))

    assert asyncio.run(body(10)).problem == ""
    evidence = asyncio.run(body(11))
    assert evidence.problem == "connection"
    assert evidence.detail == "more than 10 redirects"
    assert len(evidence.trail) == 11


@pytest.mark.parametrize(
    ("location", "detail"),
    [
        ("http://169.254.169.254/latest/meta-data/", "metadata"),
        ("http://[::ffff:169.254.169.254]/", "metadata"),
        ("http://[64:ff9b::a9fe:a9fe]/", "metadata"),
        ("http://[fe80::1]/", "link-local"),
        ("http://0.0.0.0/", "unspecified"),
        ("http://127.0.0.1:22/", "port 22"),
        ("https://127.0.0.1:5432/", "port 5432"),
        ("file:///etc/passwd", "only http and https"),
        ("ldap://127.0.0.1/", "only http and https"),
        ("http://user@127.0.0.1/", "user information"),
        ("http://2130706433/", "DNS name or an IP address"),
        ("", "Location"),
    ],
)
def test_a_redirect_to_where_we_do_not_go_is_refused(location: str, detail: str) -> None:
    async def body() -> Evidence:
        async with servers.server(servers.http({PATH: moved(location)})) as port:
            return await check(settings(port, 80, 443))

    evidence = asyncio.run(body())
    assert evidence.problem == "connection"
    assert detail in evidence.detail
    assert evidence.addresses == ("127.0.0.1",)


def test_an_install_that_is_not_embedded_does_not_reach_loopback() -> None:
    async def body() -> Evidence:
        async with servers.server(servers.http({PATH: servers.response(KEY_AUTHORIZATION.encode())})) as port:
            policy = EgressPolicy(ports=(PortRule(Purpose.HTTP_01, port),))
            return await check(replace(settings(port), policy=policy), "127.0.0.1")

    evidence = asyncio.run(body())
    assert evidence.problem == "connection"
    assert "embedded install only" in evidence.detail
    assert evidence.addresses == ()


# -- what cannot be checked ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"identifier": parse_identifier("dns", "*.demo.localhost")},
        {"token": ""},
        {"token": "../../etc/passwd"},
        {"token": "a\r\nX: y"},
        {"token": "a" * 129},
    ],
)
def test_what_is_no_challenge_is_malformed(changes: dict[str, object]) -> None:
    challenge = replace(CHALLENGE, **changes)  # type: ignore[arg-type]
    evidence = asyncio.run(Http01(settings(free_port())).check(challenge, NOW))
    assert evidence.problem == "malformed"
    assert evidence.trail == ()


def test_an_address_that_is_never_reached_is_not_dialled() -> None:
    evidence = asyncio.run(check(settings(80), "169.254.169.254"))
    assert evidence.problem == "connection"
    assert "never reached" in evidence.detail
    assert evidence.addresses == ()
    assert ip_address("169.254.169.254").is_link_local
