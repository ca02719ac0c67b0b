"""Unfinished work of processes that are gone, found and done by one that lives."""

from datetime import UTC, datetime, timedelta

import structlog

from ..core.audit import Event, EventKind
from ..operations.context import Context
from ..operations.lease import WORKER, read_leases
from ..operations.record_recovery import record_recovery
from .durable import Durable, State

log = structlog.get_logger(__name__)

STRAY = timedelta(seconds=30)
"""How long work may be on record as ours and not be under way here, before it counts as lost."""


class Recovery:
    """`executor` and `version` are this process's own."""

    def __init__(self, context: Context, durable: Durable, executor: str, version: int) -> None:
        self._context = context
        self._durable = durable
        self._executor = executor
        self._version = version

    async def turn(self) -> None:
        """Take over what nobody is doing. Raises Unavailable."""
        states = [one for one in await self._durable.running() if one.version <= self._version]
        if not states:
            return
        living = await self._living()
        left = [one for one in states if self._is_left(one, frozenset(living))]
