"""One serving process: `python -m certwright.site.serve`, started by the supervisor with its sockets.

Everything runs in one uvloop event loop: the application factory builds what is served, the listeners
accept, and at SIGTERM or SIGINT requests under way end, then the application's own shutdown runs. However it
goes, the process is gone ten seconds after it was told to.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is loaded: of that nothing is garbage, and a start takes a sixth less

import argparse
import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from socket import socket

import structlog
import uvloop

from ..core.errors import CertwrightError, Malformed, Unavailable
from ..protocols.asgi import AsgiApplication
from .configuration import Configuration
from .dispatch import Application, Factory, Handler, Surroundings, doors
from .django_lane import DjangoLane
from .listeners import Listener, Listeners
from .logs import configure_logging
from .metrics import RequestMeter, use_metrics_folder
from .peers import HostNames, Proxies
from .probes import MetricsPage, Probes
from .supervisor import EX_CONFIG, HEART_VARIABLE, HEARTBEAT_SECONDS
from .transport import Bounds

EX_TEMPFAIL = 75
DRAIN_SECONDS = 5.0
HOOK_SECONDS = 2.0
LAST_SECONDS = 9
COLLECT_AFTER = 20_000
"""Containers allocated between two looks for cycles; requests leave hardly any."""

log = structlog.get_logger("certwright.site.serve")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the supervisor hands over. `sockets` are file descriptors of listening sockets."""

    lanes: frozenset[str]
    application: str
    sockets: dict[Listener, int]


def parse_arguments(arguments: Sequence[str]) -> Arguments:
    parser = argparse.ArgumentParser(prog="certwright.site.serve")
    parser.add_argument("--lanes", default="fast,console")
    parser.add_argument("--application", default="certwright.site.application:build")
    for listener in Listener:
        parser.add_argument(f"--{listener}", type=int, help="file descriptor of the listening socket")
    given = parser.parse_args(arguments)
    sockets = {listener: getattr(given, listener) for listener in Listener}
    return Arguments(
        frozenset(given.lanes.split(",")),
        given.application,
        {listener: descriptor for listener, descriptor in sockets.items() if descriptor is not None},
    )


def load_factory(path: str) -> Factory:
    """The function that `module:name` names. Raises Malformed."""
    module, _, name = path.partition(":")
    try:
        factory: Factory = getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise Malformed(f"{path} is no application factory: {error}") from error
    return factory


def bounds_of(configuration: Configuration) -> Bounds:
    limits = configuration.limits
    return Bounds(
        limits.head_octets,
        limits.headers,
        limits.connections,
        limits.handshake_seconds,
        limits.head_seconds,
        limits.body_seconds,
        limits.idle_seconds,
        limits.stall_seconds,
    )


class Service:
    """The serving process from start to end."""

    def __init__(self, configuration: Configuration, arguments: Arguments) -> None:
        self._configuration = configuration
        self._arguments = arguments
        self._stop = asyncio.Event()
        self._metrics_folder = use_metrics_folder(configuration.run_folder)
        self._meter = RequestMeter()

    async def run(self) -> None:
        """Serve until told to stop. Raises what the factory raises."""
        self._catch_signals()
        application = await load_factory(self._arguments.application)(self._configuration)
        probes = Probes(application.readiness, application.warnings)
        listeners = await self._open(application, probes)
        for hook in application.on_startup:
            await hook(listeners)
        gc.collect()
        gc.freeze()  # what is loaded now stays; the collector need not look at it again
        gc.set_threshold(COLLECT_AFTER)
        gc.enable()
        beating = asyncio.create_task(self._beat())
        log.info("serving", lanes=sorted(self._arguments.lanes), listeners=sorted(self._arguments.sockets))
        await self._stop.wait()
        probes.draining = True
        await listeners.close(DRAIN_SECONDS)
        for farewell in application.on_shutdown:
            await _bounded(farewell)
        beating.cancel()
        self._meter.flush()

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)

    def _told_to_stop(self) -> None:
        """The alarm ends the process even when the loop stands still."""
        if not self._stop.is_set():
            signal.alarm(LAST_SECONDS)
            self._stop.set()

    async def _open(self, application: Application, probes: Probes) -> Listeners:
        configuration, lanes = self._configuration, self._arguments.lanes
        limits = configuration.limits
        console: AsgiApplication | None = None
        if "console" in lanes:
            console = DjangoLane(configuration.console_threads, limits.console_body_octets, probes)
        proxies = Proxies(configuration.proxies) if configuration.proxies else None
        surroundings = Surroundings(HostNames(configuration.host_names), proxies, self._meter)
        handlers = application.handlers if "fast" in lanes else ()
        every_door = doors(
            (*handlers, *self._probe_handlers(probes, surroundings)),
            console,
            configuration.service_url,
            surroundings,
        )
        sockets = {kind: socket(fileno=number) for kind, number in self._arguments.sockets.items()}
        return await Listeners.open(
            sockets, every_door.__getitem__, application.tls, bounds_of(configuration)
        )

    def _probe_handlers(self, probes: Probes, surroundings: Surroundings) -> tuple[Handler, ...]:
        token = self._configuration.metrics_token
        metrics = MetricsPage(
            self._metrics_folder,
            self._meter,
            surroundings.hosts,
            token.get_secret_value() if token else None,
        )
        return (
            Handler("/healthz", probes.healthz, plain=True),
            Handler("/readyz", probes.readyz, plain=True),
            Handler("/metrics", metrics, plain=True),
        )

    async def _beat(self) -> None:
        """Tell the supervisor that the loop turns, and write out what was counted."""
        heart = int(os.environ.get(HEART_VARIABLE, "-1"))
        while True:
            if heart >= 0:
                with suppress(BrokenPipeError, BlockingIOError):
                    os.write(heart, b".")
            self._meter.flush()
            await asyncio.sleep(HEARTBEAT_SECONDS)


async def _bounded(farewell: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(HOOK_SECONDS):
            await farewell()
    except Exception:
        log.exception("a part of the application did not shut down cleanly")


def main(arguments: Sequence[str]) -> int:
    """The exit status: EX_CONFIG when it would be no use to try again."""
    try:
        parsed = parse_arguments(arguments)
        configuration = Configuration.load()
        configure_logging(configuration.log_level, configuration.log_format)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(configuration, parsed))
    except Unavailable as error:
        return _failed(error, EX_TEMPFAIL)
    except CertwrightError as error:
        return _failed(error, EX_CONFIG)
    return 0


async def _run(configuration: Configuration, arguments: Arguments) -> None:
    await Service(configuration, arguments).run()


def _failed(error: CertwrightError, status: int) -> int:
    sys.stderr.write(f"certwright: {error.detail}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
