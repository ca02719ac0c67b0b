"""Calls with a credential: bounded, verified, and led nowhere else."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certwright.core.egress import EgressPolicy, Unreached, parse_url
from certwright.core.errors import CertwrightError, Forbidden, Malformed, TooLarge
from certwright.plugins.calls import (
    Answer,
    Call,
    NotNow,
    Way,
    call,
    json_object,
    parse_endpoint,
    persistent,
    verifying_context,
    wait_asked_for,
)
from certwright.plugins.resolver import Resolver, ResolverSettings
from tests.plugins import servers
from tests.plugins.discovery.cluster import identity, tls_context
from tests.real.tls_servers import present

SECRET = {"Authorization": "Bearer hidden"}


def way(**values: Any) -> Way:
    ours = {"seconds": 3.0, "tries": 3, "delay_seconds": 0.01} | values
    authorities = ours.pop("authorities", identity().others.read_text())
    resolver = Resolver(ResolverSettings(localhost=True))
    return Way(EgressPolicy(allow_loopback=True), resolver, verifying_context(authorities), **ours)


def answered(behave: servers.Behaviour, host: str = "localhost", **values: Any) -> Answer:
    async def run() -> Answer:
        async with servers.server(behave, tls=tls_context()) as port:
            return await call(
                way(**values), Call("POST", parse_url(f"https://{host}:{port}/a?b"), SECRET, b"body")
            )

    return asyncio.run(run())


def test_what_is_sent_and_any_status_with_its_body() -> None:
    heads: list[str] = []
    answer = answered(servers.http({"/a?b": servers.response(b"no", 418)}, heads))
    assert (answer.status, answer.body) == (418, b"no")
    (head,) = heads
    assert head.startswith("POST /a?b HTTP/1.1\r\nHost: localhost:")
    assert "Authorization: Bearer hidden\r\n" in head
    assert "Content-Length: 4\r\n" in head


def test_no_redirect_is_followed() -> None:
    heads: list[str] = []
    answer = answered(servers.http({"/a?b": servers.response(b"", 307, {"Location": "/c"})}, heads))
    assert answer.status == 307
    assert len(heads) == 1


def test_whoever_is_not_the_one_gets_nothing(tmp_path: Path) -> None:
    heads: list[str] = []
    stranger = present(tmp_path / "other").others.read_text()
    for values in ({"authorities": stranger}, {"host": "127.0.0.1"}, {"host": "other.localhost"}):
        with pytest.raises(Unreached, match="certificate verify failed"):
            answered(servers.http({}, heads), **values)
    assert heads == []


HOSTILE: list[tuple[servers.Behaviour, type[CertwrightError]]] = [
    (servers.flood(b"HTTP/1.1 200 OK\r\n\r\n"), TooLarge),
    (servers.flood(b"HTTP/1.1 400 Bad\r\nContent-Length: 1000000000\r\n\r\n"), TooLarge),
    (servers.flood(b"HTTP/1.1 200 OK\r\nX: ", block=b"x" * 2**20), TooLarge),
    (servers.garbage, Unreached),
    (servers.hang_up, Unreached),
    (servers.silent, Unreached),
    (servers.trickle(b"HTTP/1.1 200 OK\r\n\r\n"), Unreached),
]


@pytest.mark.parametrize(("behave", "refused"), HOSTILE)
def test_an_answer_that_cannot_be_used(behave: servers.Behaviour, refused: type[CertwrightError]) -> None:
    with pytest.raises(refused) as told:
        answered(behave, octets=100_000, seconds=1.0)
    assert "hidden" not in told.value.detail


def test_who_is_not_ready_is_asked_again_and_not_for_ever() -> None:
    tried: list[int] = []

    async def once() -> str:
        tried.append(1)
        if len(tried) < 3:
            raise NotNow("it is busy", 0.02)
        return "here"

    assert asyncio.run(persistent(way(), once)) == "here"
    tried.clear()
    with pytest.raises(Unreached, match="it is busy, 2 times"):
        asyncio.run(persistent(way(tries=2), once))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("-1", 0.0), ("", 0.0), ("1e9", 0.0), ("999999999", 0.0), ("\u0664", 0.0)],
)
def test_seconds_that_are_asked_for(header: str, seconds: float) -> None:
    assert wait_asked_for(Answer(429, {"retry-after": header}, b"")) == seconds


@pytest.mark.parametrize("octets", [b"", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"a": 1'])
def test_what_is_no_object_in_json(octets: bytes) -> None:
    with pytest.raises(Unreached):
        json_object(octets)


REFUSED: list[tuple[Callable[[], object], type[CertwrightError]]] = [
    (lambda: parse_endpoint("http://example.test"), Forbidden),
    (lambda: parse_endpoint("http://127.0.0.1.example.test"), Forbidden),
    (lambda: parse_endpoint("http://localhost:5000"), Forbidden),
    (lambda: parse_endpoint("http://moto.localhost"), Forbidden),
    (lambda: parse_endpoint("ftp://127.0.0.1"), Forbidden),
    (lambda: parse_endpoint("https://a:b@example.test"), Forbidden),
    (lambda: parse_endpoint(""), Malformed),
    (lambda: verifying_context("none"), Malformed),
]


@pytest.mark.parametrize(("act", "refused"), REFUSED)
def test_endpoints_and_authorities_that_are_none(
    act: Callable[[], object], refused: type[CertwrightError]
) -> None:
    with pytest.raises(refused):
        act()
    assert parse_endpoint("http://127.0.0.1:5000").port == 5000
    assert parse_endpoint("http://[::1]").port == 80
