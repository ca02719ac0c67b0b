"""Django behind the dispatcher: WSGI in a few threads, imported when first asked for.

A serving process that only ever answers protocols never pays for Django's memory and start. A thread is taken
when the whole request is there, so that slow clients hold none.
"""

import asyncio
import gc
import importlib
import os
from collections.abc import Callable
from typing import Any

from ..core.errors import Malformed, TooLarge, Unavailable
from ..protocols.asgi import AsgiApplication, Message, Receive, Scope, Send, header, read_body
from .probes import Probes, Report

READINESS = "certwright.readiness"
REPORT_SECONDS = 5.0
QUEUE_LENGTH = 8
SMALL_OCTETS = 256 * 1024
"""The most that is read from a caller who shows neither a session nor a token."""
LARGE_AT_ONCE = 8
"""How many larger bodies are read or worked on at once: each lies in memory, and a session is easily made
up."""
SESSION_COOKIE = b"__Host-certwright="


class DjangoLane:
    """The ASGI face of the console and of the slow REST routes."""

    def __init__(self, threads: int, body_octets: int, probes: Probes) -> None:
        self._threads = threads
        self._body_octets = body_octets
        self._probes = probes
        self._application: AsgiApplication | None = None
        self._importing = asyncio.Lock()
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = self._length(scope)
        if length <= SMALL_OCTETS:
            await self._answer(scope, receive, send)
            return
        if self._large >= LARGE_AT_ONCE:
            raise Unavailable("too many large requests at once; try again", retry_after=1)
        self._large += 1
        try:
            await self._answer(scope, receive, send)
        finally:
            self._large -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, self._body_octets)
        if self._application is None:
            await self._import()
        assert self._application is not None
        await self._application(self._prepared(scope), _replaying(body), send)

    async def _import(self) -> None:
        async with self._importing:
            if self._application is None:
                loop = asyncio.get_running_loop()
                self._application = await loop.run_in_executor(None, _django, self._threads)

    def _length(self, scope: Scope) -> int:
        """Of the body; WSGI has no notion of one of unknown length. Raises Malformed, TooLarge."""
        if header(scope, b"transfer-encoding") is not None:
            raise Malformed("send the request body with a Content-Length")
        length = int(header(scope, b"content-length") or 0)
        most = self._body_octets if _shows_credentials(scope) else min(SMALL_OCTETS, self._body_octets)
        if length > most:
            raise TooLarge(f"the request body is larger than {most} octets")
        return length

    def _prepared(self, scope: Scope) -> Scope:
        """Without headers that WSGI cannot tell from others (`X_Forwarded_For`), and with the readiness
        report for the start page."""
        headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
        extensions = {**scope["extensions"], READINESS: self._readiness()}
        return {**scope, "headers": headers, "extensions": extensions}

    def _readiness(self) -> Callable[[], Report]:
        """The report, for a thread to call."""
        loop = asyncio.get_running_loop()

        def report() -> Report:
            return asyncio.run_coroutine_threadsafe(self._probes.report(), loop).result(REPORT_SECONDS)

        return report


def _django(threads: int) -> Any:
    """Everything it has is loaded now, not by the first request, and the collector need not look at it."""
    from a2wsgi import WSGIMiddleware

    os.environ["DJANGO_SETTINGS_MODULE"] = "certwright.site.settings"  # whatever else somebody exports
    gc.disable()
    try:
        wsgi = importlib.import_module("certwright.site.wsgi")
        gc.freeze()
    finally:
        gc.enable()
    return WSGIMiddleware(wsgi.application, workers=threads, send_queue_size=QUEUE_LENGTH)


def _shows_credentials(scope: Scope) -> bool:
    """Whether they are good, Django finds out."""
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return SESSION_COOKIE in cookies or header(scope, b"authorization") is not None


def _replaying(body: bytes) -> Receive:
    """The whole body at once."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
