"""Certificates and keys in files: folders, files, globs, and what the configurations of servers name.

Formats are told from what is in a file. A private key is opened in memory for nothing but the digest of its
public half. A run looks at everything twice: first to learn which keys there are and for which certificates,
then to tell it, so that nothing but digests and paths is kept.
"""

import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ...core.errors import Malformed
from ...ports import MACHINE, SECRET, Progress, Scope, Sighting
from .file_system import EVERYWHERE, LocalFiles
from .looking import Look, Manner, parse_plan

KIND = "file"
PASSWORDS_MAX = 20


@dataclass(frozen=True, slots=True)
class FilesSettings:
    """`host` names this machine in places, its own name when empty. `passwords` are tried on everything that
    is encrypted, after none at all and Java's usual `changeit`. A run looks at `files_max` files, of which
    those over `octets_max` are not read, and waits `seconds` for each. `folders` are what may be looked into
    at all, this machine's word. Raises Malformed."""

    host: str = ""
    passwords: tuple[str, ...] = field(default=(), repr=False, metadata=SECRET)
    files_max: int = 100_000
    octets_max: int = 4 * 1024 * 1024
    seconds: float = 30.0
    folders: tuple[str, ...] = field(default=EVERYWHERE, metadata=MACHINE)

    def __post_init__(self) -> None:
        for name in ("files_max", "octets_max", "seconds"):
            if not getattr(self, name) > 0:
                raise Malformed(f"the file source's {name} must be greater than 0")
        if len(self.passwords) > PASSWORDS_MAX or any(not _is_text(one) for one in self.passwords):
            raise Malformed(f"the file source's passwords are at most {PASSWORDS_MAX} texts")
        if len(self.host) > 253:
            raise Malformed("the file source's host has more than 253 characters")


def _is_text(password: str) -> bool:
    try:
        return bool(password.encode())
    except UnicodeEncodeError:
        return False


DEFAULT_SETTINGS = FilesSettings()


def _now() -> datetime:
    return datetime.now(UTC)


class FilesSource:
    """A discovery source for the files of this machine."""

    kind = KIND
    Settings = FilesSettings

    def __init__(
        self, settings: FilesSettings = DEFAULT_SETTINGS, clock: Callable[[], datetime] = _now
    ) -> None:
        self._files = LocalFiles(settings.folders)
        self._manner = Manner(
            settings.host or socket.gethostname(),
            settings.passwords,
            settings.files_max,
            settings.octets_max,
            settings.seconds,
            clock,
        )

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        parse_plan(scope)

    async def look(self, scope: Scope) -> AsyncGenerator[Sighting | Progress]:
        """See `DiscoverySource`."""
        async with aclosing(Look(self._files, parse_plan(scope), self._manner).events()) as events:
            async for event in events:
                yield event
