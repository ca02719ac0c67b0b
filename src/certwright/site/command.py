"""The program `certwright`: the commands of cli/, wired to this house."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..cli.main import run
from ..cli.wiring import AuditTrust, Founded, InitializeOrder, Reading, ServeHooks, ServeOrder, Steps

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .configuration import Configuration

Result = TypeVar("Result")
CHECKPOINT_ROUNDS_MAX = 10_000


def main() -> int:
    return run(SiteWiring(), sys.argv[1:])


class SiteWiring:
    """`cli.wiring.Wiring`, for installations on this machine. Imports what a command needs when it runs."""

    def initialize(self, order: InitializeOrder, step: Steps) -> Founded:
        from .configuration import Configuration
        from .launch import found

        overrides = {"url": order.url} if order.url else {}
        configuration = Configuration.load(order.home, overrides)
        return found(configuration, order.organization, order.algorithm, step)

    def serve(self, order: ServeOrder, hooks: ServeHooks) -> NoReturn:
        from .launch import launch

        launch(order, hooks, local_actor())

    def read(self, home: Path | None, act: Callable[[Reading], Awaitable[Result]]) -> Result:
        return _finish(_read(_installation(home), act))

    def run(
        self,
        home: Path | None,
        act: Callable[[Context, Actor], Awaitable[Result]],
        recovery_passphrase: str = "",
    ) -> Result:
        return _finish(_run(_installation(home), act, recovery_passphrase))

    def audit_trust(self, home: Path | None) -> AuditTrust:
        from .audit_trust import audit_trust

        return audit_trust(_installation(home).home)

    def sign_checkpoint(self, home: Path | None) -> str:
        configuration = _installation(home)

        async def act(context: Context, actor: Actor) -> str:
            return await _sign_checkpoint(configuration, context)

        return _finish(_run(configuration, act, ""))

    def directory(self, home: Path | None, endpoint: str) -> str:
        from .launch import as_founded, directory_url

        async def base(reading: Reading) -> str:
            return reading.snapshot.installation.base_url

        configuration = _installation(home)
        founded = as_founded(configuration, {}, _finish(_read(configuration, base)))
        return directory_url(founded, endpoint) if founded.https else ""

    def folder(self, home: Path | None) -> Path:
        return _configuration(home).home


def _finish(work: Coroutine[Any, Any, Result]) -> Result:
    import asyncio

    return asyncio.run(work)


def local_actor() -> Actor:
    """Whoever runs this command on this machine: an administrator, by their account's name."""
    from ..core.access import Actor, Grant, Role

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Actor(f"local:{name}", (Grant(Role.ADMINISTRATOR),))


def _configuration(home: Path | None) -> Configuration:
    from .configuration import Configuration

    return Configuration.load(home)


def _installation(home: Path | None) -> Configuration:
    """Raises NotFound where the home holds none."""
    from .wiring import require_initialized

    configuration = _configuration(home)
    require_initialized(configuration)
    return configuration


async def _read(configuration: Configuration, act: Callable[[Reading], Awaitable[Result]]) -> Result:
    from ..store.databases import open_database
    from ..store.snapshot import load_snapshot
    from .wiring import now

    database = await open_database(configuration.database_url)
    try:
        return await act(Reading(database, await load_snapshot(database), local_actor(), now()))
    finally:
        await database.close()


async def _run(
    configuration: Configuration, act: Callable[[Context, Actor], Awaitable[Result]], passphrase: str
) -> Result:
    from ..operations.unlock_recovery import unlock_recovery
    from .wiring import open_context, recovery_provider

    actor = local_actor()
    async with open_context(configuration, "command") as context:
        if passphrase:
            await unlock_recovery(context, actor, recovery_provider(configuration.home, passphrase))
        return await act(context, actor)


async def _sign_checkpoint(configuration: Configuration, context: Context) -> str:
    """Place what waits, in as many commits as that takes; the newest signed note."""
    from ..core.errors import Conflict, Unavailable
    from ..operations.sequence_audit import sequence_audit
    from .installation import held_checkpoint, keep_checkpoint, read_checkpoint_key
    from .wiring import now

    folder = configuration.home / "audit"
    key, verifier = read_checkpoint_key(folder)
    for _ in range(CHECKPOINT_ROUNDS_MAX):
        try:
            note = await sequence_audit(context, verifier.name, key, held_checkpoint(folder))
        except Conflict:  # the worker came first; what it left is left
            continue
        if note is None:
            break
        keep_checkpoint(folder, note, now())
    rows = await context.database.query('SELECT "note" FROM "audit_checkpoint" ORDER BY "size" DESC LIMIT 1')
    if not rows:
        raise Unavailable("nothing has been logged yet")
    newest: str = rows[0][0]
    return newest
