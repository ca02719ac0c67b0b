"""Authorities kept by `openssl ca` or easy-rsa: what they have issued and revoked, from their databases."""

import socket
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ...ports import MACHINE, Progress, Scope, Sighting
from .ca_folders import KIND, CaFoldersLook, parse_folders
from .file_system import EVERYWHERE, FileSystem, LocalFiles
from .files import FilesSettings
from .looking import Manner, Plan
from .ssh import SshLogin, SshReader, What


@dataclass(frozen=True, slots=True)
class OpensslCaSettings:
    """`host` names this machine in places, its own name when empty. Certificates that do not lie under their
    serial numbers are looked for among at most `files_max` files; those over `octets_max` are not read, and
    each is waited for `seconds`. `folders` are what may be looked into at all, this machine's word. Raises
    Malformed."""

    host: str = ""
    files_max: int = 10_000
    octets_max: int = 256 * 1024
    seconds: float = 30.0
    folders: tuple[str, ...] = field(default=EVERYWHERE, metadata=MACHINE)

    def __post_init__(self) -> None:
        FilesSettings(self.host, (), self.files_max, self.octets_max, self.seconds)


DEFAULT_SETTINGS = OpensslCaSettings()


def _now() -> datetime:
    return datetime.now(UTC)


class OpensslCaSource:
    """A discovery source for the databases of authorities on this machine."""

    kind = KIND
    Settings = OpensslCaSettings

    def __init__(
        self, settings: OpensslCaSettings = DEFAULT_SETTINGS, clock: Callable[[], datetime] = _now
    ) -> None:
        self._files = LocalFiles(settings.folders)
        host = settings.host or socket.gethostname()
        bounds = (settings.files_max, settings.octets_max, settings.seconds)
        self._files = LocalFiles(settings.folders)
        self._manner = Manner(host, (), *bounds, clock)

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        parse_folders(scope)

    def look(self, scope: Scope) -> AsyncGenerator[Sighting | Progress]:
        """See `DiscoverySource`."""
        return CaFoldersLook(self._files, parse_folders(scope), self._manner).events()


def _events(files: FileSystem, plan: Plan, manner: Manner) -> AsyncGenerator[Sighting | Progress]:
    return CaFoldersLook(files, plan, manner).events()


class OpensslCaSshSource(SshReader):
    """The same on other machines, over SSH."""

    kind = KIND
    Settings = SshLogin
    what = What(KIND, parse_folders, _events)
