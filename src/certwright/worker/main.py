"""The worker: durable work from the outbox, and the clock. Any number of workers may run, on any hosts."""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from ..core.errors import CertwrightError
from ..operations.lease import LEASE_SECONDS, WORKER
from .clock import Clock
from .durable import Durable, DurableSettings
from .duties import Duties, Surroundings
from .leases import Leases
from .metrics import Meter
from .outbox import KINDS, Act, Outbox, workflows
from .recovery import Recovery

log = structlog.get_logger(__name__)

VERSION = 1
"""Of the workflows' code; raised by hand when the code before must not take over what this has begun."""
BEAT_SECONDS = 1.0
DRAIN_SECONDS = 2.0
HOST_CHARACTERS_MAX = 40


async def run(
    surroundings: Surroundings,
    workflows_url: str,
    stop: asyncio.Event,
    beat: Callable[[], None],
    *,
    kinds: Mapping[str, Act] = KINDS,
    version: int = VERSION,
    lease_seconds: float = LEASE_SECONDS,
) -> None:
    """Work until `stop` is set. `beat` is called when all is under way, and once a second from then on.

    `workflows_url`: see `DurableSettings`. Raises Unavailable when a database cannot be reached at the start.
    """
    executor = f"{surroundings.host[:HOST_CHARACTERS_MAX]}-{os.getpid()}-{secrets.token_hex(4)}"
    settings = DurableSettings(workflows_url, executor, version)
    worker = await Worker.start(surroundings, settings, kinds, lease_seconds)
    log.info("working", executor=executor, version=version)
    try:
        while not stop.is_set():
            beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), BEAT_SECONDS)
    finally:
        await worker.stop()


class Worker:
    """Everything that runs in one worker process. Make it with `Worker.start`."""

    def __init__(
        self, surroundings: Surroundings, leases: Leases, durable: Durable, clock: Clock, meter: Meter
    ) -> None:
        self._context = surroundings.context
        self._leases = leases
        self._durable = durable
        self._clock = clock
        self._meter = meter
        self._following: list[asyncio.Task[None]] = []

    @classmethod
    async def start(
        cls,
        surroundings: Surroundings,
        settings: DurableSettings,
        kinds: Mapping[str, Act],
        lease_seconds: float,
    ) -> "Worker":
        """Its sign of life comes first: work of an executor that gives none is taken from it."""
        context, meter = surroundings.context, Meter()
        leases = Leases(context, lease_seconds)
        leases.want([WORKER + settings.executor], str(settings.version))
        await leases.renew()
        durable = Durable(settings, workflows(context, kinds))
        duties = Duties(surroundings, durable, Outbox(context, durable, kinds), meter)
        tasks = duties.tasks(Recovery(context, durable, settings))
        leases.want([task.lease for task in tasks if task.lease], settings.executor)
        await leases.renew()
        clock = Clock(leases, meter)
        clock.start(tasks)
        worker = cls(surroundings, leases, durable, clock, meter)
        worker._follow(lease_seconds / 4)
        return worker

    def _follow(self, every: float) -> None:
        loop = asyncio.get_running_loop()
        self._following = [
            loop.create_task(self._keep_leases(every)),
            loop.create_task(self._context.snapshots.follow(_report)),
        ]

    async def _keep_leases(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await self._leases.renew()
                self._meter.seen(self._context.clock())
            except CertwrightError as error:
                _report(error)

    async def stop(self) -> None:
        """Begin nothing more, let what is nearly done end, and leave the rest to others."""
        await self._clock.stop()
        await self._durable.drain(DRAIN_SECONDS)
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        try:
            await self._durable.close()
        except TimeoutError:
            log.warning("the database of workflows was not closed in time")
        try:
            await self._leases.release()
        except CertwrightError as error:
            _report(error)


def _report(error: CertwrightError) -> None:
    """What went wrong in the background; it is tried again."""
    log.warning("in the background", error=error.detail)
