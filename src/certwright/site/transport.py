"""uvicorn's HTTP protocol with the bounds it lacks, and the client's certificate handed on.

Bounded: octets and fields of a request's head, octets of its trailers, seconds until head and body are
complete, seconds a client may leave an answer unread, octets thrown away after an early answer, connections.
A request without exactly one Host field is refused (RFC 9112 section 3.2).
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ..protocols.asgi import CLIENT_CERTIFICATE

DISCARDED_OCTETS_MAX = 1024 * 1024
FRAMING = 8  # chunks of one octet need six: what a body has around it beyond this is extensions and trailers
CHAIN_MAX = 10
HARD_LIMIT_FACTOR = 2
_CONTINUE = b"HTTP/1.1 100 "


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may cost; `connections` is per listener and process. Times in seconds."""

    head_octets: int = 32 * 1024
    headers: int = 100
    connections: int = 2000
    handshake_seconds: float = 10
    head_seconds: float = 10
    body_seconds: float = 30
    idle_seconds: int = 15
    stall_seconds: float = 60


class Phase(Enum):
    """What the connection is waiting for."""

    NEW = "its first request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    WHOLE = "nothing; the last request is complete"


class Refusal(Exception):
    """Leaves the parser's callbacks; the connection answers with this status and closes."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class Transport(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self, config: Config, state: ServerState, bounds: Bounds, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(config, state, {}, loop)
        self._bounds = bounds
        self._phase = Phase.NEW
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._extensions: dict[str, Any] = {}
        self._read = 0
        self._head = 0
        self._hosts = 0
        self._around_body = 0
        self._discarded = 0

    # -- connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        chain = client_chain(tls) if tls is not None else ()
        if len(self.connections) > self._bounds.connections * HARD_LIMIT_FACTOR or len(chain) > CHAIN_MAX:
            transport.abort()
            return
        if chain:
            self._extensions = {CLIENT_CERTIFICATE: chain}
        self._patience = self.loop.call_later(self._bounds.head_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self._bounds.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    # -- reading

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        rest: bytes | None = data
        while rest is not None:
            rest = self._feed(rest)

    def _feed(self, data: bytes) -> bytes | None:
        """Parse; what is to be parsed again, if anything is."""
        self._read = len(data)
        if self._phase is Phase.HEAD:
            self._head += len(data)
        elif self._phase is Phase.BODY:
            self._around_body += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            refusal = error.__context__
            self._refuse(refusal.status if isinstance(refusal, Refusal) else HTTPStatus.BAD_REQUEST)
            return None
        if self._phase is not Phase.WHOLE or self.cycle.response_complete:
            self._await_rest()
        return None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._phase = Phase.HEAD
        self._head = self._hosts = self._around_body = self._discarded = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase is Phase.BODY:
            return  # a trailer, which is no field of the head (RFC 9110 section 6.5.1)
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the parser stops here; see _without_upgrade
        if self._read + self._head > self._bounds.head_octets:
            self._measure_head()
        if len(self.headers) > self._bounds.headers:
            raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() == "1.1"):
            raise Refusal(HTTPStatus.BAD_REQUEST)
        super().on_headers_complete()
        self._phase = Phase.BODY
        if self._patience is not None:
            self._calm()

    def on_body(self, body: bytes) -> None:
        self._around_body = max(0, self._around_body - FRAMING * len(body))
        if not self.cycle.response_complete:
            super().on_body(body)
            return
        self._discarded += len(body)
        if self._discarded > DISCARDED_OCTETS_MAX:
            self.transport.close()

    def on_message_complete(self) -> None:
        if self._phase is Phase.HEAD:
            return
        self._phase = Phase.WHOLE
        if self._patience is not None:
            self._calm()
        super().on_message_complete()

    def _without_upgrade(self, rest: bytes) -> bytes | None:
        """RFC 9110 section 7.8: whoever does not want the offered protocol ignores the offer. The parser
        would lose the body, so the head is read again without it. (CONNECT is no offer.)"""
        method: bytes = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(HTTPStatus.BAD_REQUEST)
            return None
        lines = [b"%b %b HTTP/%b" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"\r\n".join([*lines, b"", b""]) + rest

    def _measure_head(self) -> None:
        """Several requests may share what was read, so only the sum of the parts is this head."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._bounds.head_octets:
            raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        joining = _Joining(cycle.transport, cycle.on_response)
        cycle.transport, cycle.on_response = joining, joining.complete  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)

    # -- patience

    def _await_rest(self) -> None:
        read = {Phase.HEAD: self._head, Phase.BODY: self._around_body}.get(self._phase, 0)
        if read > self._bounds.head_octets:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._patience is None:
            in_body = self._phase is Phase.BODY
            seconds = self._bounds.body_seconds if in_body else self._bounds.head_seconds
            self._patience = self.loop.call_later(seconds, self._too_slow)

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _too_slow(self) -> None:
        self._patience = None
        if self._phase in {Phase.NEW, Phase.WHOLE}:
            self.transport.close()
        elif self._phase is Phase.BODY and self.flow.read_paused:
            self._await_rest()  # it is our handler that is slow
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer for the request that is being read, if nothing else is on the wire, and close."""
        self._calm()
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            free = self._phase is not Phase.BODY  # an early answer to this very request is out already
        elif self._phase is Phase.BODY:
            free = not cycle.response_started and not self.pipeline
            cycle.disconnected = True
            cycle.message_event.set()
        else:
            cycle.keep_alive = False  # the request before this one is still being answered
            return
        if free:
            self.transport.write(_refusal(status))
        self.transport.close()


class _Joining:
    """The way out for one answer: its head waits for the first of its body, and both leave in one write.

    ASGI wants nothing sent before the body begins; and each write is a system call, and a TLS record.
    """

    __slots__ = ("_head", "_on_response", "_transport")

    def __init__(self, transport: asyncio.Transport, on_response: Callable[..., None]) -> None:
        self._transport = transport
        self._on_response = on_response
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """In this order: perhaps `100 Continue`, the head, pieces of the body."""
        if self._head:
            data = b"".join((self._head, data))
            self._head = b""
        elif self._head is None and not data.startswith(_CONTINUE):
            self._head = data
            return
        self._transport.write(data)

    def _flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def complete(self) -> None:
        """What HEAD asked for has no body."""
        self._flush()
        self._on_response()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()


def _refusal(status: HTTPStatus) -> bytes:
    body = f"{status.phrase}\n".encode()
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode() + body


def client_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The certificates that the client sent, DER, its own first; empty when it sent none."""
    leaf = tls.getpeercert(binary_form=True)
    if leaf is None:
        return ()
    public = getattr(tls, "get_unverified_chain", None)  # Python 3.13
    if public is not None:
        return tuple(public())
    chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain)
