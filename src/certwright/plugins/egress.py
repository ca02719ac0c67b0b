"""The one way out: what Certwright dials or fetches from a stranger goes through `connect` or `fetch`. The
network scanner alone (`discovery/sweep.py`) dials by itself, and asks `check_address` for each address.

A name is resolved once; every address is checked against the policy; the connection goes to that very
address, so that a second answer of the DNS changes nothing. Each redirect is checked again from the start.
There is no proxy, no cookie, no credential, no connection kept, and what a server sent never stands in an
error.
"""

import asyncio
import errno
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar, cast

from ..core.egress import (
    DEFAULT_LIMITS,
    Address,
    EgressPolicy,
    Limits,
    Purpose,
    Unreached,
    Url,
    check_address,
    parse_url,
    ports_to_try,
    redirect,
    shown,
)
from ..core.errors import CertwrightError, Forbidden, Malformed, Unavailable
from .http_response import ResponseReader
from .resolver import Resolver

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRAIL_OCTETS = 255

# Lacks of this machine and not of the server dialled.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_REFUSED = "connection refused"
_WORDS = {
    errno.ECONNREFUSED: _REFUSED,
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
}

ProtocolType = TypeVar("ProtocolType", bound=asyncio.BaseProtocol)


@dataclass(frozen=True, slots=True)
class Egress:
    """Everything a way out needs: what may be reached, who resolves names, and the bounds."""

    policy: EgressPolicy
    resolver: Resolver
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Tls:
    """A TLS client handshake: its context, and the name sent in server_name (RFC 6066), None for none."""

    context: ssl.SSLContext
    server_name: str | None


@dataclass(frozen=True, slots=True)
class Destination:
    """What to dial, and what for."""

    purpose: Purpose
    host: Address | str
    port: int
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The last answer of a fetch. `headers` have lower-case names; `body` is empty unless the status is 2xx.
    `place` is the address and port it came from; `addresses` were tried, `trail` holds the URLs asked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    place: str
    addresses: tuple[str, ...]
    trail: tuple[str, ...]


@dataclass(slots=True)
class Journey:
    """What has happened on the way, so that a failure at any point can be told."""

    doing: str = ""
    problem: str = "connection"
    place: str = ""
    addresses: list[str] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)

    def now(self, doing: str, problem: str = "connection") -> None:
        """What is being done, and which problem it is if that takes too long."""
        self.doing, self.problem = doing, problem

    def failed(self, detail: str, problem: str = "connection", answered: bool = False) -> Unreached:
        return Unreached(problem, detail, self.tried(), tuple(self.trail), answered)

    def out_of_time(self, limits: Limits) -> Unreached:
        return self.failed(f"no result within {limits.total_seconds:g} s: still {self.doing}", self.problem)

    def tried(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.addresses))


# -- dialling ------------------------------------------------------------------------------------


async def connect(
    egress: Egress, destination: Destination, protocol: Callable[[], ProtocolType], journey: Journey
) -> tuple[asyncio.Transport, ProtocolType]:
    """Dial a destination within the limits, the TLS handshake included; the caller closes the transport.

    Raises Unreached (problem dns, connection or tls) when it cannot or may not be reached, Unavailable when
    the lack is ours: no resolver, no file descriptor left.
    """
    try:
        async with asyncio.timeout(egress.limits.total_seconds):
            return await _connect(egress, destination, protocol, journey)
    except TimeoutError:
        raise journey.out_of_time(egress.limits) from None


async def _connect(
    egress: Egress, destination: Destination, protocol: Callable[[], ProtocolType], journey: Journey
) -> tuple[asyncio.Transport, ProtocolType]:
    failures: list[tuple[str, str, int]] = []
    for address, port in await _endpoints(egress, destination, journey):
        place = str(address)
        journey.addresses.append(place)
        journey.place = f"{place} port {port}"
        journey.now(f"connecting to {journey.place}")
        try:
            async with asyncio.timeout(egress.limits.connect_seconds):
                return await _dial(place, port, destination.tls, protocol, journey)
        except OSError as error:
            failures.append((_why(error), place, port))
    raise journey.failed(_told(failures))


async def _endpoints(egress: Egress, destination: Destination, journey: Journey) -> list[tuple[Address, int]]:
    """Addresses and ports to dial, in order, each of them allowed. Raises Unreached if none is."""
    host, policy = destination.host, egress.policy
    found: tuple[Address, ...]
    if isinstance(host, str):
        journey.now(f"looking up {shown(host)}", "dns")
        try:
            found = await egress.resolver.addresses(host)
        except Unreached as error:
            raise journey.failed(error.detail, error.problem) from error
    else:
        found = (host,)
    endpoints: list[tuple[Address, int]] = []
    refusals = []
    for address in found[: egress.limits.addresses]:
        try:
            check_address(policy, address)
            ports = ports_to_try(policy, destination.purpose, address, destination.port)
            endpoints += [(address, port) for port in ports]
        except Forbidden as error:
            refusals.append(error.detail)
    if not endpoints:
        raise journey.failed(f"{shown(str(host))}: {refusals[0]}")
    return endpoints


async def _dial(
    place: str, port: int, tls: Tls | None, protocol: Callable[[], ProtocolType], journey: Journey
) -> tuple[asyncio.Transport, ProtocolType]:
    loop = asyncio.get_running_loop()
    if tls is None:
        return await loop.create_connection(protocol, place, port)
    try:
        return await loop.create_connection(
            protocol, place, port, ssl=tls.context, server_hostname=tls.server_name or ""
        )
    except ssl.SSLError as error:
        reason = shown((error.reason or "").lower().replace("_", " ")).replace("?", " ")
        raise journey.failed(f"TLS handshake with {journey.place} failed: {reason}", "tls") from error
    except (ConnectionResetError, ConnectionAbortedError, BrokenPipeError) as error:
        detail = f"TLS handshake with {journey.place} failed: the server closed the connection"
        raise journey.failed(detail, "tls") from error


def _why(error: OSError) -> str:
    """Raises Unavailable where the failure says something about this machine only."""
    if error.errno in _OURS:
        raise Unavailable(f"no connection can be opened from here: {os.strerror(error.errno)}") from error
    if isinstance(error, TimeoutError) or error.errno is None:
        return "no answer"
    return _WORDS.get(error.errno) or os.strerror(error.errno).lower()


def _told(failures: list[tuple[str, str, int]]) -> str:
    """One line: "connection refused at 127.0.0.1 port 80 and 5002; is your client listening?" """
    places: dict[tuple[str, str], list[str]] = {}
    for why, place, port in failures:
        places.setdefault((why, place), []).append(str(port))
    reasons: dict[str, list[str]] = {}
    for (why, place), ports in places.items():
        reasons.setdefault(why, []).append(f"{place} port {' and '.join(ports)}")
    told = "; ".join(f"{why} at {', '.join(where)}" for why, where in reasons.items())
    return f"{told}; is your client listening?" if _REFUSED in reasons else told


# -- fetching ------------------------------------------------------------------------------------


async def fetch(egress: Egress, purpose: Purpose, url: str) -> Fetched:
    """GET a URL by HTTP/1.1 and follow redirects, within the limits. Any status comes back; for https the
    server's certificate is not verified, for what it proves is nothing a caller may rely on.

    Raises Unreached (problem dns, connection or tls), Malformed or Forbidden for a URL not to be fetched at
    all, Unavailable when the lack is ours.
    """
    return await fetch_url(egress, purpose, parse_url(url))


async def fetch_url(egress: Egress, purpose: Purpose, url: Url) -> Fetched:
    """As `fetch`, for a URL that has been checked."""
    journey = Journey()
    try:
        async with asyncio.timeout(egress.limits.total_seconds):
            return await _follow(egress, purpose, url, journey)
    except TimeoutError:
        raise journey.out_of_time(egress.limits) from None


async def _follow(egress: Egress, purpose: Purpose, url: Url, journey: Journey) -> Fetched:
    for _ in range(egress.limits.redirects + 1):
        journey.trail.append(str(url)[:_TRAIL_OCTETS])
        answer = await _get(egress, purpose, url, journey)
        if answer.status not in _REDIRECTS:
            body, trail = bytes(answer.body), tuple(journey.trail)
            return Fetched(answer.status, answer.headers, body, journey.place, journey.tried(), trail)
        try:
            url = redirect(url, answer.headers.get("location", ""))
        except (Malformed, Forbidden) as error:
            detail = f"redirect from {shown(str(url.host))}: {error.detail}"
            raise journey.failed(detail, answered=True) from error
    raise journey.failed(f"more than {egress.limits.redirects} redirects", answered=True)


async def _get(egress: Egress, purpose: Purpose, url: Url, journey: Journey) -> ResponseReader:
    tls = None
    if url.scheme == "https":
        tls = Tls(_unverified(), url.host if isinstance(url.host, str) else None)
    reader = ResponseReader(egress.limits.header_octets, egress.limits.body_octets)
    transport, exchange = await _connect(
        egress,
        Destination(purpose, url.host, url.port, tls),
        lambda: Exchange(_request(url), reader),
        journey,
    )
    journey.now(f"waiting for the whole answer from {journey.place}")
    try:
        await exchange.whole
    except CertwrightError as error:
        detail = f"the answer from {journey.place} cannot be used: {error.detail}"
        raise journey.failed(detail, answered=True) from error
    finally:
        transport.abort()
    return reader


class Exchange(asyncio.Protocol):
    """Sends one request and feeds the reader until `whole` is done."""

    def __init__(self, request: bytes, reader: ResponseReader) -> None:
        self._request = request
        self._reader = reader
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.whole.done():
            return
        try:
            if self._reader.feed(data):
                self.whole.set_result(None)
        except CertwrightError as error:
            self.whole.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.whole.done():
            return
        try:
            self._reader.end()
            self.whole.set_result(None)
        except CertwrightError as error:
            self.whole.set_exception(error)


def _request(url: Url) -> bytes:
    return (
        f"GET {url.target} HTTP/1.1\r\nHost: {url.authority}\r\nUser-Agent: certwright\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


@lru_cache(maxsize=1)
def _unverified() -> ssl.SSLContext:
    return unverified_context()


def unverified_context() -> ssl.SSLContext:
    """A TLS client context that takes any certificate, from TLS 1.2 on: for looking at, not for trusting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
