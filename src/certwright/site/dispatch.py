"""Which handler answers a request: one look-up between the socket and the handler.

Every listener has a door of its own, so that what it serves is settled before the first request: the
plain-HTTP door has the handlers marked `plain` and sends everything else to the HTTPS address; the others
have all. What no handler takes goes to the console (Django), where there is one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog

from ..core.errors import CertwrightError, Malformed, NotFound, Unavailable
from ..protocols.asgi import (
    AsgiApplication,
    ClientGone,
    Message,
    Receive,
    Scope,
    Send,
    respond,
    respond_problem,
)
from .configuration import Configuration
from .listeners import Listener, Listeners, TlsMaterial
from .logs import current_request, request_id
from .metrics import RequestMeter
from .peers import HostNames, Proxies
from .probes import Check

log = structlog.get_logger(__name__)

CLIENT_GONE = 499
NO_HEADERS_SENT = 0


@dataclass(frozen=True, slots=True)
class Handler:
    """An ASGI application and the paths it answers.

    A `prefix` that ends in a slash takes everything below it, any other that very path; the longest wins.
    `methods`, if given, narrow it: other methods go on to the next handler or the console. A `plain` handler
    is reached over plain HTTP too, and under any host name, as a cache in front of us may ask.
    """

    prefix: str
    application: AsgiApplication
    plain: bool = False
    methods: frozenset[str] = frozenset()

    def takes(self, path: str, method: str) -> bool:
        if self.methods and method not in self.methods:
            return False
        return path == self.prefix or (self.prefix.endswith("/") and path.startswith(self.prefix))


@dataclass(frozen=True, slots=True)
class Application:
    """What a serving process serves, as the application factory builds it in the process's event loop.

    `on_startup` runs when the listeners accept, and may keep them to exchange certificates later;
    `on_shutdown` when the last request has been answered, in order, each within two seconds. Without `tls`
    only the plain-HTTP listener can be served.
    """

    handlers: tuple[Handler, ...]
    tls: TlsMaterial | None = None
    readiness: Mapping[str, Check] = field(default_factory=dict)
    warnings: Mapping[str, Check] = field(default_factory=dict)
    on_startup: tuple[Callable[[Listeners], Awaitable[None]], ...] = ()
    on_shutdown: tuple[Callable[[], Awaitable[None]], ...] = ()


Factory = Callable[[Configuration], Awaitable[Application]]
"""What `--application module:name` names."""


class Routes:
    """Handlers by the first segment of their path."""

    def __init__(self, handlers: list[Handler]) -> None:
        self._by_segment: dict[str, list[Handler]] = {}
        for handler in sorted(handlers, key=lambda handler: len(handler.prefix), reverse=True):
            self._by_segment.setdefault(first_segment(handler.prefix), []).append(handler)

    def find(self, path: str, method: str) -> Handler | None:
        for handler in self._by_segment.get(first_segment(path), ()):
            if handler.takes(path, method):
                return handler
        return None


def first_segment(path: str) -> str:
    """`acme` of `/acme/default/directory`."""
    end = path.find("/", 1)
    return path[1:] if end < 0 else path[1:end]


class Answer:
    """The `send` of one request; notes the status that went out."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = NO_HEADERS_SENT

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        return self._send(message)


class Door:
    """The ASGI application of one listener."""

    def __init__(self, routes: Routes, otherwise: Handler, surroundings: "Surroundings") -> None:
        self._routes = routes
        self._otherwise = otherwise
        self._hosts = surroundings.hosts
        self._proxies = surroundings.proxies
        self._meter = surroundings.meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        current_request.set(scope)
        handler = self._routes.find(scope["path"], scope["method"]) or self._otherwise
        answer = Answer(send)
        try:
            if self._proxies is not None:
                self._proxies.resolve(scope)
            if not handler.plain:
                self._hosts.require(scope)
            await handler.application(scope, receive, answer)
        except ClientGone:
            answer.status = answer.status or CLIENT_GONE
        except asyncio.CancelledError:  # only when the process ends, and this task with it
            await _answer_error(scope, answer, Unavailable("this process is shutting down", retry_after=1))
        except Exception as error:  # noqa: BLE001 - it is logged, and the client gets an answer
            await _answer_error(scope, answer, error)
        finally:
            self._meter.counts[handler.prefix, answer.status] += 1
            self._meter.seconds[handler.prefix] += time.perf_counter() - started


async def _answer_error(scope: Scope, answer: Answer, error: Exception) -> None:
    """An error of ours says what was wrong; of any other the client learns nothing but where to ask."""
    if not isinstance(error, CertwrightError):
        log.error("a request failed unexpectedly", exc_info=error)
        error = CertwrightError("this failed inside; the log has the reason under the request id")
    elif error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("a request failed", reason=error.detail)
    if answer.status == NO_HEADERS_SENT:
        await respond_problem(answer, error, request_id(scope) if error.status == 500 else "")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all doors of a process share."""

    hosts: HostNames
    proxies: Proxies | None
    meter: RequestMeter


def doors(
    handlers: tuple[Handler, ...],
    console: AsgiApplication | None,
    service_url: str,
    surroundings: Surroundings,
) -> dict[Listener, Door]:
    """A door for every listener. Without a console, what no handler takes is not found."""
    plain = Routes([handler for handler in handlers if handler.plain])
    everything = Routes(list(handlers))
    redirect = Handler("/", Redirect(service_url), plain=True)
    otherwise = Handler("/", console or not_found)
    return {
        Listener.HTTP: Door(plain, redirect, surroundings),
        Listener.HTTPS: Door(everything, otherwise, surroundings),
        Listener.MTLS: Door(everything, otherwise, surroundings),
    }


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound("nothing is served at this path")


class Redirect:
    """To the same path of the HTTPS service: 308, so that a POST stays one."""

    def __init__(self, service_url: str) -> None:
        self._base = service_url.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["raw_path"].startswith(b"/"):  # OPTIONS *
            raise Malformed("this needs a path")
        query: bytes = scope["query_string"]
        location = self._base + scope["raw_path"] + (b"?" + query if query else b"")
        await respond(send, HTTPStatus.PERMANENT_REDIRECT, b"", [(b"location", location)])
