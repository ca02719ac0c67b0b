"""What is done again and again: each task at its own pace, most of them by one process at a time.

Whether there is anything to do is judged by the facts each time, so a task that was cut short is simply due
again; it needs no memory of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from ..core.errors import CertwrightError
from .leases import Leases
from .metrics import Meter

log = structlog.get_logger(__name__)

PAUSE_MAX = 30.0
FAILURES_MAX = 10
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """`every` so many seconds; under the `lease` of that name, unless it is empty; each time within `bound`
    seconds."""

    name: str
    every: float
    act: Callable[[], Awaitable[None]]
    lease: str = ""
    bound: float = 60.0


class Clock:
    """Runs tasks until it is stopped. One that fails is reported, and tried again after longer and longer
    pauses."""

    def __init__(self, leases: Leases, meter: Meter) -> None:
        self._leases = leases
        self._meter = meter
        self._running: list[asyncio.Task[None]] = []

    def start(self, tasks: list[Task]) -> None:
        loop = asyncio.get_running_loop()
        self._running += [loop.create_task(self._repeat(task), name=task.name) for task in tasks]

    async def _repeat(self, task: Task) -> None:
        failures = 0
        while True:
            if task.lease and not self._leases.holds(task.lease):
                await asyncio.sleep(min(task.every, LOOK_SECONDS))
                continue
            failures = 0 if await self._once(task) else min(failures + 1, FAILURES_MAX)
            await asyncio.sleep(max(task.every, min(task.every * 2**failures, PAUSE_MAX)))

    async def _once(self, task: Task) -> bool:
        started = asyncio.get_running_loop().time()
        error = ""
        try:
            async with asyncio.timeout(task.bound):
                await task.act()
        except CertwrightError as caught:
            error = caught.detail
            log.warning("a task failed", task=task.name, error=error)
        except TimeoutError:
            error = f"not done within {task.bound:g} s"
            log.warning("a task failed", task=task.name, error=error)
        except Exception:
            error = "failed unexpectedly"
            log.exception("a task failed unexpectedly", task=task.name)
        self._meter.task(task.name, asyncio.get_running_loop().time() - started, failed=bool(error))
        return not error

    async def stop(self) -> None:
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
