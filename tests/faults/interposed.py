"""A real database into which a test steps: at the begin of a transaction, before its commit, and after it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from certwright.store.databases import Database

Step = Callable[[], Awaitable[None]]
BEGIN, COMMIT, COMMITTED, QUERY = "begin", "commit", "committed", "query"


class Interposed:
    """Calls the steps that stand in `steps` for a point, each once, in order; a step may raise or wait."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.lanes, self.url = inner.lanes, inner.url
        self.steps: dict[str, list[Step]] = {}

    def at(self, point: str, *steps: Step) -> None:
        self.steps.setdefault(point, []).extend(steps)

    async def _reach(self, point: str) -> None:
        waiting = self.steps.get(point)
        if waiting:
            await waiting.pop(0)()

    async def select(self, row_type: Any, condition: str, *parameters: Any) -> Any:
        await self._reach(QUERY)
        return await self._inner.select(row_type, condition, *parameters)

    async def query(self, sql: str, *parameters: Any) -> Any:
        await self._reach(QUERY)
        return await self._inner.query(sql, *parameters)

    async def gather_statistics(self, *row_types: Any) -> None:
        await self._inner.gather_statistics(*row_types)

    @asynccontextmanager
    async def transaction(self, lane: int) -> AsyncIterator[Any]:
        await self._reach(BEGIN)
        async with self._inner.transaction(lane) as transaction:
            yield transaction
            await self._reach(COMMIT)
        await self._reach(COMMITTED)

    async def close(self) -> None:
        await self._inner.close()


async def nothing() -> None:
    """A step that lets one pass."""


def raising(error: Exception) -> Step:
    async def step() -> None:
        raise error

    return step
