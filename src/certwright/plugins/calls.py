"""Calls to the interface of a platform that somebody has given us credentials for: AWS, a Kubernetes API.

Unlike what is fetched from strangers, a call goes by TLS to whom its certificate names, carries a credential,
and follows no redirect: the credential would go along. Addresses are judged by the egress policy, and the
connection goes to that very address; the port is the scope's own. What the other side says is in no error.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from random import Random
from typing import Any, TypeVar

from ..core.egress import EgressPolicy, Limits, PortRule, Purpose, Unreached, Url, parse_url
from ..core.errors import Forbidden, Malformed, TooLarge
from .egress import Destination, Egress, Exchange, Journey, Tls, connect
from .http_response import ResponseReader
from .resolver import Resolver

BODY_OCTETS_MAX = 32 * 1024 * 1024
DELAY_SECONDS_MAX = 20.0
TRY_AGAIN = frozenset({429, 500, 502, 503, 504})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `headers` may hold a credential, and so are not shown."""

    method: str
    url: Url
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Way:
    """How calls get there. `tls` verifies the certificate of whoever answers; an answer has so many
    `seconds`, and at most so many `octets`."""

    policy: EgressPolicy
    resolver: Resolver
    tls: ssl.SSLContext
    seconds: float
    octets: int = BODY_OCTETS_MAX
    tries: int = 6
    delay_seconds: float = 0.5


def parse_endpoint(text: str) -> Url:
    """The URL of an interface. Raises Malformed, Forbidden for plain HTTP to no loopback address."""
    url = parse_url(text)
    if url.scheme != "https" and not is_loopback(url.host):
        raise Forbidden("credentials are sent by https alone, except to a loopback address")
    return url


def is_loopback(host: object) -> bool:
    """Written as an address: where a name leads, even localhost, a DNS server may say."""
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False


def verifying_context(authorities: str = "") -> ssl.SSLContext:
    """A TLS client context, from TLS 1.2 on, that trusts these certificates (PEM), or the system's. What is
    named itself is trusted without its issuer, so a server may be pinned. Raises Malformed."""
    try:
        context = ssl.create_default_context(cadata=authorities or None)
    except (ssl.SSLError, ValueError) as error:
        raise Malformed("the certificates to trust cannot be read; give them in PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT  # old clusters' own roots do not keep to it
    return context


async def call(way: Way, asked: Call) -> Answer:
    """One call; any status comes back, its body too.

    Raises Unreached, TooLarge for a larger body, Unavailable when the lack is ours.
    """
    limits = Limits(connect_seconds=min(10.0, way.seconds), total_seconds=way.seconds, body_octets=way.octets)
    policy = replace(way.policy, ports=(PortRule(Purpose.SERVICE, asked.url.port),))
    egress = Egress(policy, way.resolver, limits)
    tls = Tls(way.tls, str(asked.url.host)) if asked.url.scheme == "https" else None
    reader = ResponseReader(limits.header_octets, way.octets, errors_too=True)
    journey = Journey()
    try:
        async with asyncio.timeout(way.seconds):
            transport, exchange = await connect(
                egress,
                Destination(Purpose.SERVICE, asked.url.host, asked.url.port, tls),
                lambda: Exchange(_octets(asked), reader),
                journey,
            )
            try:
                journey.now(f"waiting for the whole answer from {journey.place}")
                await exchange.whole
            finally:
                transport.abort()
    except TimeoutError:
        raise journey.out_of_time(limits) from None
    except TooLarge:
        raise
    except Malformed as error:
        detail = f"the answer from {journey.place} cannot be used: {error.detail}"
        raise journey.failed(detail) from error
    return Answer(reader.status, reader.headers, bytes(reader.body))


def _octets(asked: Call) -> bytes:
    headers = {
        "Host": asked.url.authority,
        "User-Agent": "certwright",
        "Connection": "close",
        **asked.headers,
    }
    if asked.body or asked.method == "POST":
        headers["Content-Length"] = str(len(asked.body))
    lines = [
        f"{asked.method} {asked.url.target} HTTP/1.1",
        *(f"{key}: {one}" for key, one in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + asked.body


async def persistent(way: Way, once: Callable[[], Awaitable[T]]) -> T:
    """What `once` gives; where it raises NotNow, again after a while that doubles, `tries` times in all.
    Raises StillNotNow."""
    random = Random()  # noqa: S311 - spreads, hides nothing
    for number in range(way.tries):
        try:
            return await once()
        except NotNow as wait:
            if number + 1 == way.tries:
                often = f", {way.tries} times" if way.tries > 1 else ""
                raise StillNotNow("connection", f"{wait.why}{often}") from None
            longest = min(DELAY_SECONDS_MAX, way.delay_seconds * 2**number)
            await asyncio.sleep(max(min(wait.seconds, DELAY_SECONDS_MAX), longest * random.uniform(0.5, 1)))
    raise AssertionError("unreachable")


class NotNow(Exception):
    """The other side is not ready, and asks to be left alone for some seconds."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.seconds = seconds


class StillNotNow(Unreached):
    """It was left alone for long enough, and is still not ready."""


def wait_asked_for(answer: Answer) -> float:
    """Seconds of Retry-After (RFC 9110 section 10.2.3), 0 where it says nothing that can be used."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


async def side_by_side(
    items: Sequence[T], width: int, act: Callable[[T], Awaitable[Any]]
) -> AsyncGenerator[tuple[T, Any], None]:
    """What `act` gives for each item, in their order, so many at the same time. What it raises ends all."""
    for start in range(0, len(items), width):
        some = items[start : start + width]
        tasks = [asyncio.ensure_future(act(item)) for item in some]
        try:
            results = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for item, result in zip(some, results, strict=True):
            yield item, result


# -- documents -----------------------------------------------------------------------------------


def json_object(octets: bytes) -> dict[str, Any]:
    """Raises Unreached for what is no JSON object."""
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise Unreached("connection", "the answer is no JSON") from error
    if not isinstance(found, dict):
        raise Unreached("connection", "the answer is no JSON object")
    return found


def at(document: object, *path: str) -> object:
    """What is there in nested objects; None where nothing is."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def text_at(document: object, *path: str) -> str:
    """Empty where there is no text."""
    found = at(document, *path)
    return found if isinstance(found, str) else ""


def list_at(document: object, *path: str) -> list[Any]:
    """Empty where there is no list."""
    found = at(document, *path)
    return found if isinstance(found, list) else []


def texts_at(document: object, *path: str) -> list[str]:
    return [one for one in list_at(document, *path) if isinstance(one, str)]
