"""`certwright up` as a process of its own, and how commands on another machine reach it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.real.processes import Server, free_port, start

CERTWRIGHT = [sys.executable, "-c", "import sys; from certwright.site.command import main; sys.exit(main())"]
READY = "Certwright serves."


@dataclass(frozen=True, slots=True)
class Ports:
    https: int
    http: int
    mtls: int

    @property
    def options(self) -> list[str]:
        pairs = (("--https", self.https), ("--http", self.http), ("--mtls", self.mtls))
        return [word for name, port in pairs for word in (name, f"127.0.0.1:{port}")]


def ports() -> Ports:
    return Ports(free_port(), free_port(), free_port())


def up(
    home: Path, log: Path, *more: str, ready: str = READY, environment: Mapping[str, str] | None = None
) -> Server:
    command = [*CERTWRIGHT, "up", "--home", str(home), "--workers", "1", *more]
    return start(command, log=log, ready=ready, seconds=180, environment=environment)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A served installation as another machine sees it: an address, its root, a token.

    `options` have the token of an RA officer, `administrator` that of an administrator.
    """

    options: tuple[str, ...]
    administrator: tuple[str, ...]
    home: Path
