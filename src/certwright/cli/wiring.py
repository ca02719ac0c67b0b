"""What the commands need of the house: handed in, since this room may not import the one that wires it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from ..core.access import Actor
    from ..core.checkpoint import VerifierKey
    from ..operations.context import Context
    from ..store.databases import Database
    from ..store.snapshot import Snapshot

Result = TypeVar("Result")
Steps = Callable[[str], None]
"""Told what is being done now."""


@dataclass(frozen=True, slots=True)
class InitializeOrder:
    """What `init` was asked for. `home` None is the usual one; `url` empty is the default."""

    home: Path | None
    organization: str
    algorithm: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Founded:
    """A new installation. Passphrase and password are shown once and kept nowhere.

    `service_certificate` is the root of our own listeners where that is another than the root.
    """

    home: Path
    root_certificate: Path
    root_fingerprint: str
    service_certificate: Path | None
    administrator: str
    recovery_passphrase: str = field(repr=False)
    password: str = field(repr=False)
    hours: int


@dataclass(frozen=True, slots=True)
class ServeOrder:
    """What `up` was asked for. None is what the settings say; `only` is a lane, empty for all."""

    home: Path | None
    https: str | None = None
    http: str | None = None
    mtls: str | None = None
    workers: int | None = None
    only: str = ""
    open_enrolment: bool | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """Where an installation is served. `trust` is what clients of our listeners must trust; URLs are empty
    where listener or lane is off."""

    home: Path
    console: str
    directories: tuple[str, ...]
    root_certificate: Path
    root_fingerprint: str
    trust: Path


@dataclass(frozen=True, slots=True)
class ServeHooks:
    """What `up` shows, and when. `ready` makes the text that is printed when everything serves."""

    step: Steps
    warn: Steps
    founded: Callable[[Founded], None]
    ready: Callable[[Serving], str]


@dataclass(frozen=True, slots=True)
class Reading:
    """For commands that only look: nothing is written, not even that they looked."""

    database: Database
    snapshot: Snapshot
    actor: Actor
    now: datetime


@dataclass(frozen=True, slots=True)
class AuditTrust:
    """What is kept of the audit log outside the database: its public key and the newest checkpoint."""

    keys: tuple[VerifierKey, ...]
    held: tuple[str, ...]


class Wiring(Protocol):
    """Every method raises NotFound where `home` holds no installation, Unavailable, Malformed.

    `home` None is $CERTWRIGHT_HOME, else ./var. Acts are done and audited as `local:<user>`.
    """

    def initialize(self, order: InitializeOrder, step: Steps) -> Founded:
        """Found an installation. Raises Conflict when there is one."""

    def serve(self, order: ServeOrder, hooks: ServeHooks) -> NoReturn:
        """Found one if there is none, then become the process that serves it."""

    def read(self, home: Path | None, act: Callable[[Reading], Awaitable[Result]]) -> Result:
        """Look at an installation."""

    def run(
        self,
        home: Path | None,
        act: Callable[[Context, Actor], Awaitable[Result]],
        recovery_passphrase: str = "",
    ) -> Result:
        """Carry out an operation; with the keys under the recovery passphrase when that is given."""

    def audit_trust(self, home: Path | None) -> AuditTrust:
        """The audit log's key and newest checkpoint, as the home folder keeps them."""

    def sign_checkpoint(self, home: Path | None) -> str:
        """Give every event its place, sign where the log stands, and keep the signed note at home."""

    def directory(self, home: Path | None, endpoint: str) -> str:
        """Where clients find an ACME endpoint, by the settings; empty without an HTTPS listener."""

    def folder(self, home: Path | None) -> Path:
        """The home folder that is meant; it need not exist."""
