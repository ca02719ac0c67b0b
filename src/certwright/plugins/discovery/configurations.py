"""Gives the readers of configurations, which run in a thread, the files they ask for."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ...core.errors import Malformed, NotFound
from .file_system import FileSystem, Kind, Unreadable
from .walking import Exclusions, Walk

OCTETS_MAX = 1024 * 1024
SECONDS = 30.0

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RemoteFiles:
    """`Files` of core.server_configurations, from a file system of a running loop; never used on it."""

    files: FileSystem
    walk: Walk
    exclusions: Exclusions
    loop: asyncio.AbstractEventLoop

    def read(self, path: str) -> str:
        """Raises NotFound, Malformed."""
        return self._wait(self._read(path))

    def expand(self, pattern: str) -> Sequence[str]:
        return self._wait(self._expand(pattern))

    async def _read(self, path: str) -> str:
        try:
            async with asyncio.timeout(SECONDS):
                seen = await self.files.look(path)
                if seen.kind is not Kind.FILE or self.exclusions.cover(path, seen.real):
                    raise Malformed("it is no file, or excluded")
                octets = await self.files.read(path, OCTETS_MAX)
        except Unreadable as error:
            raise NotFound(error.detail) from error
        except TimeoutError as error:
            raise Malformed(f"not read within {SECONDS:g} s") from error
        if len(octets) > OCTETS_MAX:
            raise Malformed(f"it has more than {OCTETS_MAX} octets")
        return octets.decode(errors="replace")

    async def _expand(self, pattern: str) -> list[str]:
        paths = await self.walk.expand(pattern)
        return [path for path in paths if await self._is_file(path)]

    async def _is_file(self, path: str) -> bool:
        try:
            return (await self.files.look(path)).kind is Kind.FILE
        except Unreadable:
            return False

    def _wait(self, work: Coroutine[Any, Any, Value]) -> Value:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()
