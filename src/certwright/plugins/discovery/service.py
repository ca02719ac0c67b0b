"""A service that people have named as a target, and what it answers in JSON: asked over TLS, verified."""

import json
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from ...core.egress import EgressPolicy, Unreached, Url, parse_url
from ...core.errors import CertwrightError, Malformed, TooLarge
from ...core.stores.reading import read_store
from ..calls import (
    BODY_OCTETS_MAX,
    Answer,
    Call,
    NotNow,
    StillNotNow,
    Way,
    call,
    persistent,
    wait_asked_for,
)
from ..resolver import Resolver


class Unanswered(Exception):
    """Why a service gives no answer that can be used, in one line; `status` is that of HTTP, 0 for none."""

    def __init__(self, detail: str, status: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


def service_url(target: str) -> Url:
    """`https://host[:port]`, or that and a path, without its end. Raises Malformed."""
    try:
        url = parse_url(target)
    except CertwrightError as error:
        raise Malformed(f"{target[:100]!r} is no target: {error.detail}") from error
    if url.scheme != "https" or "?" in url.target or "#" in target:
        raise Malformed(f"{target[:100]!r} is no target; write https://, a host and a port if it has its own")
    return replace(url, target=url.target.rstrip("/"))


def check_header(value: str, what: str) -> None:
    """Raises Malformed for a secret that cannot stand in a header."""
    if not value.isascii() or not value.isprintable():
        raise Malformed(f"{what} must be printable ASCII characters")


@dataclass(frozen=True, slots=True)
class Asking:
    """How services are asked: within which policy and time, trusting whom, with which headers; and how often
    in all, where one says that it is asked too much."""

    policy: EgressPolicy
    resolver: Resolver
    context: ssl.SSLContext = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    seconds: float
    tries: int = 1
    delay_seconds: float = 0.5

    async def json(self, url: Url, target: str) -> Any:
        """What is at `target` below the URL. Raises Unanswered, for every status but 200 too; Unavailable."""
        answer = await self._answer(url, target, self.headers, BODY_OCTETS_MAX)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Unanswered("the server's answer is no JSON") from error

    async def octets(self, url: Url, target: str, octets_max: int) -> bytes:
        """The same for what is no JSON; it may come compressed by gzip. Neither form has more octets."""
        answer = await self._answer(url, target, {**self.headers, **_ACCEPTED}, octets_max)
        return _content(answer, octets_max)

    async def _answer(self, url: Url, target: str, headers: Mapping[str, str], octets_max: int) -> Answer:
        way = Way(
            *(self.policy, self.resolver, self.context, self.seconds),
            octets=octets_max,
            tries=self.tries,
            delay_seconds=self.delay_seconds,
        )

        async def once() -> Answer:
            answer = await call(way, Call("GET", replace(url, target=url.target + target), headers))
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise NotNow(f"the server answers with status {answer.status}", wait_asked_for(answer))
            return answer

        try:
            answer = await persistent(way, once)
        except StillNotNow as error:
            raise Unanswered(error.detail, HTTPStatus.TOO_MANY_REQUESTS) from error
        except (Unreached, TooLarge) as error:
            raise Unanswered(error.detail) from error
        if answer.status != HTTPStatus.OK:
            raise Unanswered(f"the server answers with status {answer.status}", answer.status)
        return answer


_ACCEPTED = {"Accept-Encoding": "gzip, identity"}
_GZIP = 16 + zlib.MAX_WBITS


def _content(answer: Answer, octets_max: int) -> bytes:
    """The body, without its content coding (RFC 9110 section 8.4.1). Raises Unanswered."""
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return answer.body
    if coding not in ("gzip", "x-gzip"):
        raise Unanswered("the server's answer is compressed in another way than by gzip")
    unpacking = zlib.decompressobj(_GZIP)
    try:
        octets = unpacking.decompress(answer.body, octets_max)
    except zlib.error as error:
        raise Unanswered("the server's answer is no gzip") from error
    if unpacking.unconsumed_tail:
        raise Unanswered(f"the server's answer has more than {octets_max} octets when it is unpacked")
    if not unpacking.eof or unpacking.unused_data:
        raise Unanswered("the server's answer is no whole gzip")
    return octets


def certificates_in(pem: str) -> tuple[bytes, ...]:
    """DER of the certificates that can be read in a text."""
    store = read_store(pem.encode(errors="replace"))
    return tuple(der for entry in (store.entries if store else ()) for der in entry.chain)


def text_of(row: Any, name: str) -> str:
    """A text in an object of an answer, empty for whatever else is there."""
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, str) else ""
