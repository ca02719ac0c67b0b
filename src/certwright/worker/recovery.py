"""Unfinished work of processes that are gone: found, and done by one that lives."""

from datetime import timedelta

import structlog

from ..operations.context import Context
from ..operations.lease import LEASE_SECONDS, WORKER, in_force, read_leases
from ..operations.record_recovery import record_recovery
from .durable import Durable, DurableSettings, State

log = structlog.get_logger(__name__)

STRAY = timedelta(seconds=30)
"""After so long, work that is on record as ours and not under way here counts as left."""


class Recovery:
    """`turn` is called every few seconds, by one process at a time."""

    def __init__(self, context: Context, durable: Durable, settings: DurableSettings) -> None:
        self._context = context
        self._durable = durable
        self._executor = settings.executor
        self._version = settings.version

    async def turn(self) -> None:
        """Take over what nobody is doing. Raises Unavailable."""
        states = [one for one in await self._durable.running() if one.version <= self._version]
        if not states:
            return
        living = await self._living()
        left = [one for one in states if self._is_left(one, living)]
        taken = await self._durable.take_over(left)
        older = {one.version for one in states if one.version < self._version} - set(living.values())
        await self._durable.adopt(sorted(older))
        if taken:
            executors = sorted({one.executor for one in left})
            log.warning("took over unfinished work", executors=executors, workflows=taken)
            await record_recovery(self._context, self._executor, executors, taken)

    async def _living(self) -> dict[str, int]:
        """Executors that have given a sign of life, and the version of each."""
        now = self._context.clock()
        leases = await read_leases(self._context.database)
        return {
            name.removeprefix(WORKER): int(row.holder)
            for name, row in leases.items()
            if name.startswith(WORKER) and in_force(row, now, timedelta(seconds=LEASE_SECONDS))
        }

    def _is_left(self, state: State, living: dict[str, int]) -> bool:
        if state.queued:
            return False
        if state.executor == self._executor:
            old = self._context.clock() - state.begun > STRAY
            return old and state.identifier not in self._durable.active
        return state.executor not in living
