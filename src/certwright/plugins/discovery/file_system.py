"""Files as a discovery source needs them, wherever they are; and those of this machine."""

import asyncio
import errno
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

FOLDER_ENTRIES_MAX = 100_000
EVERYWHERE = ("/",)


class Kind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"  # a device, a pipe, a socket: never opened


class Unreadable(Exception):
    """Why something cannot be looked at, in a few words."""

    def __init__(self, detail: str, missing: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.missing = missing


class Lost(Exception):
    """The other side is gone; says why in a few words."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands at a path, links followed. `real` is the path without links, `problem` why nothing more is
    known of it; `mode` are the permission bits."""

    path: str
    real: str
    kind: Kind
    size: int = 0
    mode: int = 0
    owner: str = ""
    problem: str = ""

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0] or "/"


class FileSystem(Protocol):
    """Paths are absolute, with `/`. Every method raises Unreadable for what is not given, Lost once nothing
    more can be had at all."""

    async def look(self, path: str) -> Seen: ...

    async def inside(self, folder: str) -> list[Seen]:
        """What is in a folder, in no order, at most FOLDER_ENTRIES_MAX."""

    async def read(self, path: str, limit: int) -> bytes:
        """A regular file's octets, at most `limit` and one more."""

    async def read_at(self, path: str, offset: int, length: int) -> bytes:
        """Octets of a regular file from `offset` on; fewer than `length` where it ends before."""


class LocalFiles:
    """The files of this machine that are below one of the `folders`, wherever links lead. Each call is one in
    a thread."""

    def __init__(self, folders: Iterable[str] = EVERYWHERE) -> None:
        self._folders = frozenset(os.path.realpath(folder) for folder in folders)

    async def look(self, path: str) -> Seen:
        return await asyncio.to_thread(self._look, path)

    async def inside(self, folder: str) -> list[Seen]:
        return await asyncio.to_thread(self._inside, folder)

    async def read(self, path: str, limit: int) -> bytes:
        return await asyncio.to_thread(self._read, path, 0, limit + 1)

    async def read_at(self, path: str, offset: int, length: int) -> bytes:
        return await asyncio.to_thread(self._read, path, offset, length)

    def _look(self, path: str) -> Seen:
        try:
            real = self._permitted(path)
            return _seen(path, real, os.stat(real))
        except OSError as error:
            raise _unreadable(error) from error

    def _inside(self, folder: str) -> list[Seen]:
        try:
            real = self._permitted(folder)
            with os.scandir(real) as entries:
                found: list[Seen] = []
                for entry in entries:
                    if len(found) >= FOLDER_ENTRIES_MAX:
                        raise Unreadable(f"it holds more than {FOLDER_ENTRIES_MAX} entries")
                    found.append(self._entry(entry, join(folder, entry.name), join(real, entry.name)))
                return found
        except OSError as error:
            raise _unreadable(error) from error

    def _entry(self, entry: os.DirEntry[str], path: str, real: str) -> Seen:
        try:
            if entry.is_symlink():
                return self._look(path)
            return _seen(path, real, entry.stat(follow_symlinks=False))
        except Unreadable as error:
            return Seen(path, path, Kind.OTHER, problem=error.detail)
        except OSError as error:
            return Seen(path, path, Kind.OTHER, problem=_unreadable(error).detail)

    def _read(self, path: str, offset: int, length: int) -> bytes:
        """What was a file when it was listed may be a pipe now, or a link that leads elsewhere: opening does
        not wait, and what is open is looked at again."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Unreadable("it is no file any more")
                if self._folders != {"/"}:
                    self._permitted(f"/proc/self/fd/{descriptor}")
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise _unreadable(error) from error

    def _permitted(self, path: str) -> str:
        """The path without links."""
        real = os.path.realpath(path, strict=True)
        if self._folders.isdisjoint(parents(real)):
            raise Unreadable("it lies outside of what the setting discovery.file_folders permits here")
        return real


def _seen(path: str, real: str, found: os.stat_result) -> Seen:
    permissions = stat.S_IMODE(found.st_mode)
    return Seen(path, real, kind_of(found.st_mode), found.st_size, permissions, _owner(found.st_uid))


def kind_of(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    return Kind.FOLDER if stat.S_ISDIR(mode) else Kind.OTHER


@lru_cache(maxsize=256)
def _owner(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _unreadable(error: OSError) -> Unreadable:
    if error.errno == errno.ELOOP:
        return Unreadable("its links lead round in a circle")
    missing = error.errno in {errno.ENOENT, errno.ENOTDIR}
    return Unreadable((os.strerror(error.errno) if error.errno else "it cannot be read").lower(), missing)


def join(folder: str, name: str) -> str:
    return folder.rstrip("/") + "/" + name


def parents(path: str) -> Iterator[str]:
    """The path itself and every folder above it."""
    yield path
    while path.rstrip("/"):
        path = path.rstrip("/").rpartition("/")[0] or "/"
        yield path
        if path == "/":
            return


def in_order(path: str) -> tuple[str, ...]:
    """A key to sort by: what is in a folder comes right after it."""
    return tuple(path.split("/"))
