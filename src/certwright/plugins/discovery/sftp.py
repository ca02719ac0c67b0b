"""The files of another machine, over SFTP (draft-ietf-secsh-filexfer-02, which servers speak)."""

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from .file_system import FOLDER_ENTRIES_MAX, Kind, Lost, Seen, Unreadable, join, kind_of

_GONE = (
    asyncssh.ConnectionLost,
    asyncssh.DisconnectError,
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
)


class SftpFiles:
    """See `FileSystem`. Owners are numbers: the protocol has no names."""

    def __init__(self, client: asyncssh.SFTPClient) -> None:
        self._client = client

    async def look(self, path: str) -> Seen:
        async with _told():
            real = _text(await self._client.realpath(path))
            return _seen(path, real, await self._client.stat(path))

    async def inside(self, folder: str) -> list[Seen]:
        found: list[Seen] = []
        async with _told():
            real = _text(await self._client.realpath(folder))
            async for entry in self._client.scandir(folder):
                name = _text(entry.filename)
                if len(found) >= FOLDER_ENTRIES_MAX:
                    raise Unreadable(f"it holds more than {FOLDER_ENTRIES_MAX} entries")
                if name not in {".", ".."}:
                    found.append(await self._entry(join(folder, name), join(real, name), entry.attrs))
        return found

    async def _entry(self, path: str, real: str, attributes: asyncssh.SFTPAttrs) -> Seen:
        mode = attributes.permissions
        if mode is not None and stat.S_IFMT(mode) and not stat.S_ISLNK(mode):
            return _seen(path, real, attributes)
        try:
            return await self.look(path)
        except Unreadable as error:
            return Seen(path, path, Kind.OTHER, problem=error.detail)

    async def read(self, path: str, limit: int) -> bytes:
        return await self.read_at(path, 0, limit + 1)

    async def read_at(self, path: str, offset: int, length: int) -> bytes:
        async with _told(), self._client.open(path=path, pflags_or_mode="rb") as file:
            octets: object = await file.read(length, offset)
        assert isinstance(octets, bytes), "a file that is opened in binary mode gives octets"
        return octets


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """What goes wrong there, in our words: what a server says is not repeated."""
    try:
        yield
    except _GONE as error:
        raise Lost("the connection was lost") from error
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise Unreadable("no such file or directory", missing=True) from error
    except asyncssh.SFTPPermissionDenied as error:
        raise Unreadable("permission denied") from error
    except (asyncssh.Error, OSError, UnicodeError) as error:
        raise Unreadable("the server does not give it") from error


def _seen(path: str, real: str, attributes: asyncssh.SFTPAttrs) -> Seen:
    mode = attributes.permissions or 0
    owner = "" if attributes.uid is None else str(attributes.uid)
    return Seen(path, real, kind_of(mode), attributes.size or 0, stat.S_IMODE(mode), owner)


def _text(name: object) -> str:
    return name.decode(errors="surrogateescape") if isinstance(name, bytes) else str(name)
