"""One connection to our server in memory: what the application sees of octets that come cut anywhere."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from uvicorn.server import ServerState

from certwright.protocols.asgi import Receive, Scope, Send, read_body, respond
from certwright.site.listeners import _uvicorn_config
from certwright.site.transport import Bounds, Transport

BOUNDS = Bounds(head_octets=4096, headers=20)


@dataclass(frozen=True)
class Seen:
    """One request as the application got it."""

    method: str
    target: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes


@dataclass
class Line(asyncio.Transport):
    """The other end: keeps what is written."""

    written: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def speak(pieces: Iterable[bytes]) -> tuple[list[Seen], bytes]:
    """What the application saw, and what went back."""
    seen: list[Seen] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        fields = list(scope["headers"])
        body = await read_body(receive)
        assert scope["headers"] == fields, "fields came after the head"
        seen.append(Seen(scope["method"], scope["raw_path"], fields, body))
        await respond(send, 200)

    line = Line()
    connection = Transport(
        _uvicorn_config(application, BOUNDS), ServerState(), BOUNDS, asyncio.get_running_loop()
    )
    connection.connection_made(line)
    for piece in pieces:
        if not line.closed:
            connection.data_received(piece)
        for _ in range(5):
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    for _ in range(5):
        await asyncio.sleep(0)
    return seen, bytes(line.written)
