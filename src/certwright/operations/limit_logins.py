"""Attempts to log in, counted for each account from each address, and for each address (`core/lockout.py`).

Nobody else's failures make an address wait, so no stranger keeps the owner of an account out. The count is
kept for all processes, and changed under the row's lock, so that attempts at the same time count each.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.lockout import Attempts, Limits, counted, forgiven, wait
from ..core.rates import network_of
from .context import Context
from .remember import digest

KEPT = timedelta(days=1)
"""How long failures count after the last attempt."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whose attempts are counted together. `account` is as it was typed, empty for an address as a whole."""

    address: str
    account: str
    limits: Limits

    @property
    def name(self) -> str:
        return f"login {network_of(self.address)} {self.account.strip().lower()}"


async def count_attempt(context: Context, party: Party) -> tuple[timedelta, timedelta]:
    """Count an attempt as failed before it is made. How long the party must wait, in which case nothing is
    counted, and how long it must wait after this one. Raises Unavailable."""
    waits = [timedelta(0)]

    def change(before: Attempts, now: datetime) -> Attempts:
        waits[0] = wait(before, party.limits, now)
        return before if waits[0] else counted(before, party.limits, now)

    after, now = await _change(context, party, change)
    return waits[0], wait(after, party.limits, now)


async def forgive_attempt(context: Context, party: Party) -> None:
    """Take a counted attempt back: it has not failed. An account has no failures from there any more.
    Raises Unavailable."""
    await _change(context, party, lambda before, now: Attempts() if party.account else forgiven(before))


async def _change(
    context: Context, party: Party, change: Callable[[Attempts, datetime], Attempts]
) -> tuple[Attempts, datetime]:
    """The insert takes the row's lock, and gives back what stands in it, if it is there already."""
    now, name = context.clock(), digest(party.name)
    take = (
        'INSERT INTO "remembered" ("digest", "value", "expires_at") VALUES (?, ?, ?) ON CONFLICT ("digest") '
        'DO UPDATE SET "value" = CASE WHEN "remembered"."expires_at" > ? THEN "remembered"."value" '
        'ELSE "excluded"."value" END, "expires_at" = "excluded"."expires_at" RETURNING "value"'
    )
    write = 'UPDATE "remembered" SET "value" = ? WHERE "digest" = ?'
    async with context.database.transaction(0) as transaction:
        found = await transaction.execute(take, (name, _written(Attempts()), now + KEPT, now))
        after = change(_read(found[0][0]), now)
        await transaction.execute(write, (_written(after), name))
    return after, now


def _written(attempts: Attempts) -> str:
    return json.dumps([attempts.failures, attempts.until.isoformat() if attempts.until else None])


def _read(text: str) -> Attempts:
    failures, until = json.loads(text)
    return Attempts(failures, datetime.fromisoformat(until) if until else None)
