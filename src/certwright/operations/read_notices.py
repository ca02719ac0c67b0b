"""One's own notices: listed, marked as read; and whether they come by mail too. Nobody else's are seen.

Without audit events: they are notes to one person.
"""

from collections.abc import Sequence

from ..core.access import Actor
from ..core.errors import Forbidden, Moved
from ..store.ledger import Change
from ..store.people_rows import NoMailRow, NoticeRow
from .context import Context

PAGE_MAX = 50
CHUNK = 500
ATTEMPTS = 5
COUNTED_MAX = 100


async def list_notices(
    context: Context, actor: Actor, after: int | None = None, limit: int = PAGE_MAX
) -> tuple[list[NoticeRow], int | None]:
    """The newest first, after the one of identifier `after`; and where to go on, None at the end. Raises
    Forbidden."""
    account = _account(actor)
    place, values = ('AND "id" < ?', [after]) if after is not None else ("", [])
    limit = max(1, min(limit, PAGE_MAX))
    sql = f'"account" = ? {place} ORDER BY "id" DESC LIMIT {limit + 1}'
    rows = await context.database.select(NoticeRow, sql, account, *values)
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


async def count_unread(context: Context, actor: Actor) -> int:
    """Up to COUNTED_MAX; 0 for who is no account."""
    sql = f'SELECT 1 FROM "notice" WHERE "account" = ? AND "read_at" IS NULL LIMIT {COUNTED_MAX}'
    return len(await context.database.query(sql, actor.user)) if actor.user else 0


async def mark_read(context: Context, actor: Actor, identifiers: Sequence[int] | None = None) -> int:
    """Those of one's own, all where none are named, CHUNK at a time; how many. Raises Forbidden, Moved."""
    account = _account(actor)
    text = '"account" = ? AND "read_at" IS NULL'
    values: list[object] = [account]
    if identifiers is not None:
        some = list(identifiers)[:CHUNK]
        text += f' AND "id" IN ({",".join("?" * len(some))})' if some else " AND 1 = 0"
        values = [account, *some]
    for left in range(ATTEMPTS - 1, -1, -1):
        rows = await context.database.select(NoticeRow, f'{text} ORDER BY "id" LIMIT {CHUNK}', *values)
        now = context.clock()
        try:
            if rows:
                await context.ledger.commit(
                    Change(replaced=[(row, row._replace(read_at=now)) for row in rows])
                )
        except Moved:  # a worker has mailed one of them meanwhile
            if not left:
                raise
            continue
        return len(rows)
    raise AssertionError("unreachable")


async def wants_mail(context: Context, actor: Actor) -> bool:
    """Raises Forbidden."""
    return not await context.database.select(NoMailRow, '"account" = ?', _account(actor))


async def choose_mail(context: Context, actor: Actor, *, wanted: bool) -> None:
    """Raises Forbidden."""
    account = _account(actor)
    rows = await context.database.select(NoMailRow, '"account" = ?', account)
    if wanted and rows:
        await context.ledger.commit(Change(removed=[*rows]))
    if not wanted and not rows:
        await context.ledger.commit(Change(inserted=[NoMailRow(context.ledger.new_id(), account)]))


def _account(actor: Actor) -> str:
    """Raises Forbidden: notices are for people."""
    if not actor.account:
        raise Forbidden(f"{actor.name} has no notices; log in as a person")
    return actor.account
