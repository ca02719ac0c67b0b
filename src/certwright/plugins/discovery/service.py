"""A service that people have named as a target, and what it answers in JSON: asked over TLS, verified."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from ...core.egress import EgressPolicy, Unreached, Url, parse_url
from ...core.errors import CertwrightError, Malformed, TooLarge
from ...core.stores.reading import read_store
from ..calls import Call, Way, call
from ..resolver import Resolver, ResolverSettings


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
    """How services are asked: within which policy and time, trusting whom, with which headers."""

    policy: EgressPolicy
    resolver: ResolverSettings
    context: ssl.SSLContext = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    seconds: float

    async def json(self, url: Url, target: str) -> Any:
        """What is at `target` below the URL. Raises Unanswered, for every status but 200 too; Unavailable."""
        way = Way(self.policy, Resolver(self.resolver), self.context, self.seconds)
        try:
            answer = await call(way, Call("GET", replace(url, target=url.target + target), self.headers))
        except (Unreached, TooLarge) as error:
            raise Unanswered(error.detail) from error
        if answer.status != HTTPStatus.OK:
            raise Unanswered(f"the server answers with status {answer.status}", answer.status)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Unanswered("the server's answer is no JSON") from error


def certificates_in(pem: str) -> tuple[bytes, ...]:
    """DER of the certificates that can be read in a text."""
    store = read_store(pem.encode(errors="replace"))
    return tuple(der for entry in (store.entries if store else ()) for der in entry.chain)


def text_of(row: Any, name: str) -> str:
    """A text in an object of an answer, empty for whatever else is there."""
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, str) else ""
