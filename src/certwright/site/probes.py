"""`/healthz`, `/readyz` and `/metrics`: for load balancers, supervisors and Prometheus."""

import asyncio
import hmac
import inspect
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import structlog

from ..core.errors import CertwrightError, Forbidden
from ..protocols.asgi import Receive, Scope, Send, client_address, header, respond, respond_json
from .metrics import CONTENT_TYPE, RequestMeter, metrics_text
from .peers import HostNames

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[None] | None]
"""Returns when all is well; raises Unavailable, or any error of ours, with a line that strangers may read.
Called in the event loop: one that is not a coroutine must not block."""

OK = "ok"
CHECK_SECONDS = 2.0
REPORT_AGE_SECONDS = 0.25
NO_STORE = [(b"cache-control", b"no-store")]
FORWARDING_HEADERS = (b"forwarded", b"x-forwarded-for", b"via")


class Report(NamedTuple):
    """Each check's name with `ok` or what is wrong; `warnings` only of those that found something."""

    checks: dict[str, str]
    warnings: dict[str, str]

    @property
    def ready(self) -> bool:
        return all(state == OK for state in self.checks.values())


class Probes:
    """Health and readiness of this process. A readiness report is shared by all who ask within 250 ms.

    `warnings` tell of what a person should look at while this process still answers well: they take nothing
    out of a load balancer."""

    def __init__(self, checks: Mapping[str, Check], warnings: Mapping[str, Check]) -> None:
        self.draining = False
        self._checks = checks
        self._warnings = warnings
        self._report: asyncio.Task[Report] | None = None
        self._made = 0.0

    async def report(self) -> Report:
        now = asyncio.get_running_loop().time()
        if self._report is None or (self._report.done() and now - self._made > REPORT_AGE_SECONDS):
            self._report = asyncio.create_task(self._run_all())
            self._made = now
        return await asyncio.shield(self._report)

    async def _run_all(self) -> Report:
        checks, warnings = await asyncio.gather(_run_each(self._checks), _run_each(self._warnings))
        if self.draining:
            checks["process"] = "shutting down"
        return Report(checks, {name: state for name, state in warnings.items() if state != OK})

    async def healthz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The process runs and answers; says nothing about what it depends on."""
        await respond_json(send, 200, {"status": "ok"}, NO_STORE)

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Whether requests should be sent here."""
        report = await self.report()
        document = {"status": "ready" if report.ready else "unavailable", **report._asdict()}
        await respond_json(send, 200 if report.ready else 503, document, NO_STORE)


async def _run_each(checks: Mapping[str, Check]) -> dict[str, str]:
    found = await asyncio.gather(*(_run(name, check) for name, check in checks.items()))
    return dict(zip(checks, found, strict=True))


async def _run(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            outcome = check()
            if inspect.isawaitable(outcome):
                await outcome
    except CertwrightError as error:
        return error.detail
    except TimeoutError:
        return f"no result within {CHECK_SECONDS:g} s"
    except Exception:
        log.exception("a readiness check failed", check=name)
        return "failed; see the log"
    return OK


class MetricsPage:
    """`/metrics`: to loopback addresses, or to anyone with the bearer token over TLS."""

    def __init__(self, folder: Path, meter: RequestMeter, hosts: HostNames, token: str | None) -> None:
        self._folder = folder
        self._meter = meter
        self._hosts = hosts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._hosts.require(scope)
        if not (_directly_from_loopback(scope) or self._has_token(scope)):
            raise Forbidden("metrics are for loopback addresses, or over TLS for the holder of metrics_token")
        self._meter.flush()
        text = await asyncio.get_running_loop().run_in_executor(None, metrics_text, self._folder)
        await respond(send, 200, text, [(b"content-type", CONTENT_TYPE), *NO_STORE])

    def _has_token(self, scope: Scope) -> bool:
        """Compared in constant time; a token that came without TLS does not count, everyone has read it."""
        given = header(scope, b"authorization") or b""
        if self._token is None or scope["scheme"] != "https":
            return False
        return hmac.compare_digest(given, b"Bearer " + self._token.encode())


def _directly_from_loopback(scope: Scope) -> bool:
    """A reverse proxy on this host comes from loopback too, but says that it forwards."""
    if any(header(scope, name) is not None for name in FORWARDING_HEADERS):
        return False
    address = client_address(scope)
    return bool(address) and ip_address(address).is_loopback
