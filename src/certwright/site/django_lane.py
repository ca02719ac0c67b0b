"""Django behind the dispatcher: WSGI in a few threads, imported when first asked for.

A serving process that only ever answers protocols never pays for Django's memory and start.
"""

import asyncio
import importlib
import os
from collections.abc import Callable
from typing import Any

from ..core.errors import Malformed, TooLarge
from ..protocols.asgi import AsgiApplication, ClientGone, Message, Receive, Scope, Send, header
from .probes import Probes

READINESS = "certwright.readiness"
REPORT_SECONDS = 5.0
QUEUE_LENGTH = 8


class DjangoLane:
    """The ASGI face of the console and of the slow REST routes."""

    def __init__(self, threads: int, body_octets: int, probes: Probes) -> None:
        self._threads = threads
        self._body_octets = body_octets
        self._probes = probes
        self._application: AsgiApplication | None = None
        self._importing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._require_bounded_body(scope)
        if self._application is None:
            await self._import()
        assert self._application is not None
        await self._application(self._prepared(scope), _raising(receive), send)

    async def _import(self) -> None:
        async with self._importing:
            if self._application is None:
                loop = asyncio.get_running_loop()
                self._application = await loop.run_in_executor(None, _django, self._threads)

    def _require_bounded_body(self, scope: Scope) -> None:
        """WSGI has no notion of a body of unknown length."""
        if header(scope, b"transfer-encoding") is not None:
            raise Malformed("send the request body with a Content-Length")
        length = int(header(scope, b"content-length") or 0)
        if length > self._body_octets:
            raise TooLarge(f"the request body is larger than {self._body_octets} octets")

    def _prepared(self, scope: Scope) -> Scope:
        """Without headers that WSGI cannot tell from others (`X_Forwarded_For`), and with the readiness
        report for the start page."""
        headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
        extensions = {**scope["extensions"], READINESS: self._readiness()}
        return {**scope, "headers": headers, "extensions": extensions}

    def _readiness(self) -> Callable[[], dict[str, str]]:
        """The report, for a thread to call."""
        loop = asyncio.get_running_loop()

        def report() -> dict[str, str]:
            return asyncio.run_coroutine_threadsafe(self._probes.report(), loop).result(REPORT_SECONDS)

        return report


def _django(threads: int) -> Any:
    from a2wsgi import WSGIMiddleware

    os.environ["DJANGO_SETTINGS_MODULE"] = "certwright.site.settings"  # whatever else somebody exports
    wsgi = importlib.import_module("certwright.site.wsgi")
    return WSGIMiddleware(wsgi.application, workers=threads, send_queue_size=QUEUE_LENGTH)


def _raising(receive: Receive) -> Receive:
    """Half a form must not look like a whole one: a client that is gone is an OSError to Django."""

    async def receive_or_raise() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    return receive_or_raise
