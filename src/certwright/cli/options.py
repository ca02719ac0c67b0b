"""Options that several commands have, and the session that a command begins with."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from .output import Output
from .wiring import Reading, Wiring

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ..core.access import Actor
    from ..operations.context import Context
    from .remote import Remote

Result = TypeVar("Result")
FILE_OCTETS_MAX = 16 * 1024 * 1024
SECRET_CHARACTERS_MAX = 4096
DURATION_SECONDS_MAX = 36525 * 86400

Reference = Annotated[
    str, typer.Argument(metavar="FINGERPRINT|SERIAL", help="SHA-256 or serial number, in hexadecimal.")
]
Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Data folder. Default: $CERTWRIGHT_HOME, else ./var."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else.")]
Recovery = Annotated[
    str,
    typer.Option(
        "--recovery-passphrase-file",
        metavar="FILE",
        help="File with the recovery passphrase, for keys under it; - is standard input.",
    ),
]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="URL",
        help="Do this over the REST API of the installation at this URL, with --token. "
        "Default: $CERTWRIGHT_SERVER.",
    ),
]
Token = Annotated[
    str, typer.Option("--token", metavar="TOKEN", help="Bearer token. Default: $CERTWRIGHT_TOKEN.")
]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="FILE",
        help="PEM file with the root to trust at --url. Default: that of the home, else the system's.",
    ),
]


class Discrepancies(Exception):
    """A verification has found something; what, has been printed."""

    def __init__(self, found: int) -> None:
        what = "discrepancy" if found == 1 else "discrepancies"
        super().__init__(f"{found} {what} found; the list is on standard output")


def group(summary: str) -> typer.Typer:
    """Commands under one word."""
    return typer.Typer(help=summary, add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Session:
    """One command on one installation: this machine's, or the one that `remote` reaches.

    `read` and `run` are told what to do here, and `there`, over REST. Both give the same document.
    """

    wiring: Wiring
    home: Path | None
    output: Output
    remote: Remote | None = None

    def read(
        self,
        act: Callable[[Reading], Awaitable[Result]],
        there: Callable[[Remote], Result] | None = None,
    ) -> Result:
        if self.remote is not None:
            assert there is not None
            return there(self.remote)
        return self.wiring.read(self.home, act)

    def run(
        self,
        act: Callable[[Context, Actor], Awaitable[Result]],
        there: Callable[[Remote], Result] | None = None,
        recovery_passphrase_file: str = "",
    ) -> Result:
        """Raises Malformed when the recovery passphrase would have to travel."""
        from ..core.errors import Malformed

        if self.remote is not None:
            if recovery_passphrase_file:
                raise Malformed("the recovery passphrase is for the installation's own machine alone")
            assert there is not None
            return there(self.remote)
        return self.wiring.run(self.home, act, read_secret(recovery_passphrase_file))


def begin(context: typer.Context, home: Path | None, as_json: bool) -> Session:
    """For a command that acts on this machine alone."""
    wiring: Wiring = context.obj
    return Session(wiring, home, Output(as_json))


def anywhere(command: Callable[..., None]) -> Callable[..., None]:
    """A command that acts here or over REST.

    It takes a session first; in its place stand the options that say which installation is meant.
    """

    def typed(
        context: typer.Context,
        home: Home = None,
        as_json: Json = False,
        url: Url = "",
        token: Token = "",
        root: Root = None,
        **own: Any,
    ) -> None:
        from .remote import remote_of

        here = begin(context, home, as_json)
        command(replace(here, remote=remote_of(here, url, token, root)), **own)

    told = signature(command, eval_str=True)
    _, *others = told.parameters.values()
    first, *shared, _ = signature(typed, eval_str=True).parameters.values()
    options = [option.replace(kind=Parameter.KEYWORD_ONLY) for option in (first, *others, *shared)]
    wraps(command)(typed)
    typed.__signature__ = told.replace(parameters=options)  # type: ignore[attr-defined]
    return typed


# -- reading what options name -------------------------------------------------------------------


def read_file(name: str | Path, most: int = FILE_OCTETS_MAX) -> bytes:
    """The content of a file, or of standard input for `-`. Raises TooLarge, OSError."""
    from ..core.errors import TooLarge

    if str(name) == "-":
        content = sys.stdin.buffer.read(most + 1)
    else:
        with Path(name).open("rb") as file:
            content = file.read(most + 1)
    if len(content) > most:
        raise TooLarge(f"{name} is larger than {most} octets")
    return content


def read_secret(name: str) -> str:
    """The one line of a small file, or of standard input for `-`; empty without a name. Raises Malformed."""
    from ..core.errors import Malformed

    if not name:
        return ""
    text = read_file(name)[: SECRET_CHARACTERS_MAX + 1].decode("utf-8", "replace").strip()
    if not text or len(text) > SECRET_CHARACTERS_MAX:
        raise Malformed(f"{name} must hold one passphrase and nothing else")
    return text


def parse_duration(option: str, text: str) -> timedelta:
    """`90d`, `12h`, `5m`, `30s`; a century at the most. Raises Malformed."""
    from datetime import timedelta

    from ..core.documents import seconds_of
    from ..core.errors import Malformed

    seconds = seconds_of(f"--{option}", text)
    if seconds > DURATION_SECONDS_MAX:
        raise Malformed(f"--{option}: {text} is longer than a century")
    return timedelta(seconds=seconds)


def parse_moment(option: str, text: str) -> datetime:
    """A time as RFC 3339 has it, or a day in UTC. Raises Malformed."""
    from ..core.moments import read_moment

    return read_moment(text, f"--{option}", zone_needed=False)
