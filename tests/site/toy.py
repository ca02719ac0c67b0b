"""An application for the server to serve in these tests."""

import asyncio
import hashlib
import os
from pathlib import Path

from certwright.core.errors import Reason, Refused, Unavailable
from certwright.protocols.asgi import (
    Receive,
    Scope,
    Send,
    client_address,
    client_certificate,
    read_body,
    respond,
    respond_json,
)
from certwright.site.configuration import Configuration
from certwright.site.dispatch import Application, Handler
from certwright.site.listeners import Listeners, TlsMaterial

BIG = 3 * 1024 * 1024


async def status_data(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, b"x" * 300, [(b"content-type", b"application/ocsp-response")])


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await read_body(receive)
    document = {
        "octets": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "client": client_address(scope),
        "certificates": [hashlib.sha256(each).hexdigest() for each in client_certificate(scope)],
        "process": os.getpid(),
    }
    await respond_json(send, 200, document)


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(1)
    await respond(send, 200, b"done")


async def stuck(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(3600)


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the password is hunter2: postgresql://certwright:hunter2@db/pki")


async def refused(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refused((Reason("toy.no", "not today", "RFC 0"),))


async def big(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, b"y" * BIG)


def material(home: Path, name: str) -> TlsMaterial:
    return TlsMaterial(
        (home / f"{name}.pem").read_bytes(),
        (home / f"{name}.key").read_bytes(),
        ((home / "anchor.der").read_bytes(),),
    )


async def build(configuration: Configuration) -> Application:
    home = configuration.home
    tasks: list[asyncio.Task[None]] = []

    async def readiness() -> None:
        if (home / "unready").exists():
            raise Unavailable("the toy is not ready")

    def also_ready() -> None:
        return None

    def warning() -> None:
        if (home / "wobbly").exists():
            raise Unavailable("the toy wobbles")

    async def exchange_certificate(listeners: Listeners) -> None:
        while not (home / "renewed.pem").exists():  # noqa: ASYNC110 - the test writes a file
            await asyncio.sleep(0.05)
        await listeners.reload(material(home, "renewed"))

    async def on_startup(listeners: Listeners) -> None:
        tasks.append(asyncio.create_task(exchange_certificate(listeners)))

    async def on_shutdown() -> None:
        (home / f"ended-{os.getpid()}").touch()

    return Application(
        handlers=(
            Handler("/ocsp/", status_data, plain=True),
            Handler("/echo", echo, methods=frozenset({"POST"})),
            Handler("/slow", slow),
            Handler("/stuck", stuck),
            Handler("/broken", broken),
            Handler("/refused", refused),
            Handler("/big", big, plain=True),
        ),
        tls=material(home, "listener"),
        readiness={"toy": readiness, "also": also_ready},
        warnings={"balance": warning},
        on_startup=(on_startup,),
        on_shutdown=(on_shutdown,),
    )
