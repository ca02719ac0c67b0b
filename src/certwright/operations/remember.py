"""Small values that every process must know for a while; whoever asks after their end finds nothing.

What is kept is JSON, never a pickled object: the database may not run code in a process that holds keys.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any

from .context import Context

_UPSERT = (
    'INSERT INTO "remembered" ("digest", "value", "expires_at") VALUES (?, ?, ?) ON CONFLICT ("digest") '
    'DO UPDATE SET "value" = "excluded"."value", "expires_at" = "excluded"."expires_at"'
)


def digest(name: str) -> bytes:
    """How a name of any length is kept."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).digest()


async def recall(context: Context, name: str) -> Any:
    """The value, or None. Raises Unavailable."""
    rows = await context.database.query(
        'SELECT "value" FROM "remembered" WHERE "digest" = ? AND "expires_at" > ?',
        digest(name),
        context.clock(),
    )
    return json.loads(rows[0][0]) if rows else None


async def remember(context: Context, name: str, value: Any, period: timedelta) -> None:
    """In place of what there was. Raises Unavailable."""
    async with context.database.transaction(0) as transaction:
        await transaction.execute(_UPSERT, (digest(name), json.dumps(value), context.clock() + period))


async def claim(context: Context, name: str, value: Any, period: timedelta) -> bool:
    """Remember it if there is nothing; of many at once one alone succeeds. Raises Unavailable."""
    now = context.clock()
    sql = f'{_UPSERT} WHERE "remembered"."expires_at" <= ? RETURNING 1'
    async with context.database.transaction(0) as transaction:
        parameters = (digest(name), json.dumps(value), now + period, now)
        return bool(await transaction.execute(sql, parameters))


async def forget(context: Context, name: str) -> bool:
    """Was there one? Raises Unavailable."""
    sql = 'DELETE FROM "remembered" WHERE "digest" = ? RETURNING 1'
    async with context.database.transaction(0) as transaction:
        return bool(await transaction.execute(sql, (digest(name),)))
