"""A virus scanner as a command: the document on its standard input, the verdict in its exit status."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from dataclasses import dataclass

from ..core.errors import Unavailable

LINE_OCTETS = 4096
READ_OCTETS = 65_536
NO_WORDS = "it says no more"
# a scanner needs none of our settings, which hold secrets
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Scanner:
    """`command` is a program and its arguments; no shell reads them."""

    command: tuple[str, ...]
    seconds: float

    async def __call__(self, content: bytes) -> str:
        """Why it is refused: the first line that the command wrote, as it is; empty where its status is 0.

        Raises Unavailable when it cannot be run, takes too long or is ended by a signal.
        """
        program = self.command[0]
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, env=environment, start_new_session=True
            )
        except OSError as error:
            raise Unavailable(f"the virus scanner {program} cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(self.seconds):
                said, _ = await asyncio.gather(_read(process), _write(process, content))
                status = await process.wait()
        except TimeoutError as error:
            raise Unavailable(f"the virus scanner took longer than {self.seconds:g} s; try again") from error
        finally:
            await _end(process)
        if status < 0:
            raise Unavailable(f"the virus scanner was ended by signal {-status}; try again")
        return (_first_line(said) or NO_WORDS) if status else ""


async def _read(process: Process) -> bytes:
    """The beginning of what it writes; the rest is read and dropped, so that it never waits."""
    assert process.stdout is not None
    kept = b""
    while part := await process.stdout.read(READ_OCTETS):
        kept += part[: LINE_OCTETS - len(kept)]
    return kept


async def _write(process: Process, content: bytes) -> None:
    """One that has seen enough reads no further."""
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(content)
        await process.stdin.drain()
    process.stdin.close()


async def _end(process: Process) -> None:
    """With all that it has started; whatever it is that goes on writing, nobody waits for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _first_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
    return next((line for line in lines if line), "")
