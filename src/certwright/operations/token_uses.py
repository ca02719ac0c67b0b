"""When tokens were last used, to the hour: noted in memory by those who serve, and written a little later.

A write for each request would cost more than most requests do; so each process writes a token at most once an
hour, many together. Without audit events: what is done with a token is on record by itself.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from ..core.access import Actor
from ..core.errors import CertwrightError, Conflict
from ..store.databases import Database
from ..store.ledger import Change, Ledger
from ..store.people_rows import ApiTokenRow, TokenUseRow

WRITE_SECONDS = 30.0
CHUNK = 500
TRIES = 5
HOLDER = "token:"


class TokenUses:
    """One per process. No more is kept than the last use of each token."""

    def __init__(self) -> None:
        self._used: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}

    def saw(self, actor: Actor, now: datetime) -> None:
        """A token was used; from any thread, and never waits."""
        self._used[actor.name] = now

    async def follow(
        self, database: Database, ledger: Ledger, report: Callable[[CertwrightError], None]
    ) -> None:
        """Write every WRITE_SECONDS; what fails is reported, and tried again the next time."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await self.write(database, ledger)
            except CertwrightError as error:
                report(error)

    async def write(self, database: Database, ledger: Ledger) -> int:
        """What is not on record yet; how many tokens that were. Raises Unavailable, Conflict when others are
        always faster."""
        used = {name: _hour(at) for name, at in list(self._used.items())}
        due = [(name, hour) for name, hour in used.items() if self._written.get(name) != hour]
        for start in range(0, len(due), CHUNK):
            some = dict(due[start : start + CHUNK])
            await _write(database, ledger, some)
            self._written |= some
        return len(due)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


async def _write(database: Database, ledger: Ledger, used: dict[str, datetime]) -> None:
    for left in range(TRIES - 1, -1, -1):
        change = await _change(database, used)
        try:
            if change.inserted or change.replaced:
                await ledger.commit(change)
        except Conflict:  # another process has written one of them meanwhile
            if not left:
                raise
        else:
            return


async def _change(database: Database, used: dict[str, datetime]) -> Change:
    """No later use is written over."""
    names = [name.removeprefix(HOLDER) for name in used]
    tokens = await database.select(ApiTokenRow, f'"name" IN ({",".join("?" * len(names))})', *names)
    identifiers = [row.id for row in tokens]
    within = f'"id" IN ({",".join("?" * len(identifiers))})' if identifiers else "1 = 0"
    known = {row.id: row for row in await database.select(TokenUseRow, within, *identifiers)}
    change = Change()
    for token in tokens:
        before, hour = known.get(token.id), used[f"{HOLDER}{token.name}"]
        if before is None:
            change.inserted.append(TokenUseRow(token.id, hour, 1))
        elif before.used_at < hour:
            change.replaced.append((before, before._replace(used_at=hour)))
    return change


async def uses_of(database: Database, tokens: list[ApiTokenRow]) -> dict[int, datetime]:
    """When each was last used, to the hour, by its identifier; those never used are not there."""
    found: dict[int, datetime] = {}
    for start in range(0, len(tokens), CHUNK):
        some = [row.id for row in tokens[start : start + CHUNK]]
        within = f'"id" IN ({",".join("?" * len(some))})'
        found |= {row.id: row.used_at for row in await database.select(TokenUseRow, within, *some)}
    return found
