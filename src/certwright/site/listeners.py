"""The listeners of one serving process: plain HTTP, HTTPS, and HTTPS that takes client certificates.

All three live in one event loop, on sockets that the parent process bound. Certificate, key and client
anchors can be exchanged while serving: connections under way go on with the old ones.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from socket import socket

from uvicorn.config import Config
from uvicorn.server import ServerState

from ..core.errors import Malformed
from ..protocols.asgi import AsgiApplication
from .transport import Bounds, Transport

BACKLOG = 2048
DATE_SECONDS = 1.0
DRAIN_POLL_SECONDS = 0.02
X509_V_FLAG_NO_CHECK_TIME = 0x200000
TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Listener(StrEnum):
    HTTP = "http"
    HTTPS = "https"
    MTLS = "mtls"


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What the TLS listeners show and trust. `certificate_chain` and `private_key` are PEM, end entity first;
    `client_anchors` are DER certificates under which a client's certificate may stand, of any level."""

    certificate_chain: bytes
    private_key: bytes = field(repr=False)
    client_anchors: tuple[bytes, ...] = ()


def tls_context(material: TlsMaterial) -> ssl.SSLContext:
    """TLS 1.2 or newer, forward secret, HTTP/1.1. Raises Malformed when certificate and key do not match."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(TLS_1_2_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    _load_key(context, material)
    return context


def mtls_context(material: TlsMaterial) -> ssl.SSLContext:
    """The same, asking for a client certificate under any anchor, at any time of its life; none is fine too.

    Only that the client holds the key and that the chain's signatures lead to an anchor is settled here. No
    session is resumed, so that each connection has seen the whole chain.
    """
    context = tls_context(material)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(X509_V_FLAG_NO_CHECK_TIME)
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    try:
        for anchor in material.client_anchors:
            context.load_verify_locations(cadata=anchor)
    except ssl.SSLError as error:
        raise Malformed(f"an anchor for client certificates cannot be loaded: {error.reason}") from error
    return context


def _load_key(context: ssl.SSLContext, material: TlsMaterial) -> None:
    """By way of a file in memory: the key never touches a disk, and `ssl` takes nothing but paths."""
    handle = os.memfd_create("listener-key", os.MFD_CLOEXEC)
    with os.fdopen(handle, "wb") as file:
        file.write(material.private_key + b"\n" + material.certificate_chain)
        file.flush()
        try:
            context.load_cert_chain(f"/proc/self/fd/{handle}")
        except ssl.SSLError as error:
            raise Malformed(f"the listener's certificate and key cannot be used: {error.reason}") from error


def _uvicorn_config(application: AsgiApplication, bounds: Bounds) -> Config:
    config = Config(
        application,
        loop="none",
        http=Transport,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        limit_concurrency=bounds.connections,
        timeout_keep_alive=bounds.idle_seconds,
    )
    config.load()
    return config


class _Open:
    """One listener: its socket, and the server that accepts on it."""

    def __init__(self, kind: Listener, bound: socket, application: AsgiApplication, bounds: Bounds) -> None:
        self.kind = kind
        self.state = ServerState()
        self._bound = bound
        self._bounds = bounds
        self._config = _uvicorn_config(application, bounds)
        self._server: asyncio.Server | None = None

    async def accept(self, material: TlsMaterial | None) -> None:
        """Accept connections; in place of the server before, without a moment in which nobody does."""
        loop = asyncio.get_running_loop()
        context = self._context(material)
        server = await loop.create_server(
            lambda: Transport(self._config, self.state, self._bounds, loop),
            sock=self._bound.dup(),
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=self._bounds.handshake_seconds if context else None,
            ssl_shutdown_timeout=self._bounds.stall_seconds if context else None,
        )
        self.stop_accepting()
        self._server = server

    def _context(self, material: TlsMaterial | None) -> ssl.SSLContext | None:
        if self.kind is Listener.HTTP:
            return None
        if material is None:
            raise Malformed(f"the {self.kind} listener has no certificate")
        return mtls_context(material) if self.kind is Listener.MTLS else tls_context(material)

    def stop_accepting(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def release(self) -> None:
        self._bound.close()


class Listeners:
    """All listeners of this process. Made by `open`."""

    def __init__(self, listeners: list[_Open]) -> None:
        self._listeners = listeners
        self._date: asyncio.TimerHandle | None = None
        self._reloading = asyncio.Lock()
        self._tell_date()

    @classmethod
    async def open(
        cls,
        sockets: Mapping[Listener, socket],
        application: Callable[[Listener], AsgiApplication],
        material: TlsMaterial | None,
        bounds: Bounds,
    ) -> "Listeners":
        """Serve `application(listener)` on each bound and listening socket. Raises Malformed."""
        listeners = [_Open(kind, bound, application(kind), bounds) for kind, bound in sockets.items()]
        for listener in listeners:
            await listener.accept(material)
        return cls(listeners)

    @property
    def connections(self) -> int:
        return sum(len(listener.state.connections) for listener in self._listeners)

    async def reload(self, material: TlsMaterial) -> None:
        """Use another certificate, key and anchors for connections from now on. Raises Malformed, and then
        the old ones stay."""
        async with self._reloading:
            mtls_context(material)
            for listener in self._listeners:
                if listener.kind is not Listener.HTTP:
                    await listener.accept(material)

    async def close(self, seconds: float) -> None:
        """Accept no more, let requests under way end for so long, then cancel them."""
        for listener in self._listeners:
            listener.stop_accepting()
            for connection in list(listener.state.connections):
                connection.shutdown()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._busy and loop.time() < deadline:  # noqa: ASYNC110 - uvicorn tells of no end
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        for listener in self._listeners:
            for task in list(listener.state.tasks):
                task.cancel()
        await asyncio.sleep(DRAIN_POLL_SECONDS)
        for listener in self._listeners:
            for connection in list(listener.state.connections):
                connection.transport.abort()
            listener.release()
        if self._date is not None:
            self._date.cancel()

    @property
    def _busy(self) -> bool:
        return any(listener.state.connections or listener.state.tasks for listener in self._listeners)

    def _tell_date(self) -> None:
        """RFC 9110 section 6.6.1: the Date of every answer, made once a second."""
        date = [(b"date", formatdate(usegmt=True).encode())]
        for listener in self._listeners:
            listener.state.default_headers = date
        self._date = asyncio.get_running_loop().call_later(DATE_SECONDS, self._tell_date)
