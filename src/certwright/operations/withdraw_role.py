"""Take a role within a scope away from a user or a token, and list who has which."""

from datetime import datetime

from ..core.access import Actor, Grant, Subject, Verb, require
from ..core.audit import Event, EventKind
from ..core.errors import NotFound
from ..store.databases import Database
from ..store.ledger import Change
from ..store.people_rows import RoleGrantRow
from .context import Context, decide_again
from .grant_role import change_of_roles
from .second_person import permission


async def withdraw_role(context: Context, actor: Actor, holder: str, grant: Grant) -> RoleGrantRow:
    """The grant as it was; it counts no more from now on. One that comes from where its holder logs in is
    back at their next log-in, unless the group there is gone too. Raises Forbidden, NotFound,
    SecondPersonNeeded."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return await decide_again(context, lambda: _withdraw_role(context, actor, holder, grant))


async def _withdraw_role(context: Context, actor: Actor, holder: str, grant: Grant) -> RoleGrantRow:
    rows = await context.database.select(
        RoleGrantRow, '"holder" = ? AND "role" = ? AND "scope" = ?', holder, grant.role.value, grant.scope
    )
    if not rows:
        raise NotFound(f"{holder} has no role {grant.role} within {grant.scope}")
    change = withdrawal(rows, actor, context.clock())
    change.join(await permission(context, actor, change_of_roles("withdraw", holder, grant)))
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return rows[0]


def withdrawal(rows: list[RoleGrantRow], actor: Actor, now: datetime) -> Change:
    """That these grants go, and what tells of it."""
    change = Change(removed=list(rows), configures=True)
    for row in rows:
        detail = {"role": row.role, "scope": row.scope, "origin": row.origin}
        change.events.append(
            Event(EventKind.GRANT_WITHDRAWN, now, actor.name, actor.source, row.holder, detail)
        )
    return change


async def list_grants(database: Database, actor: Actor) -> list[RoleGrantRow]:
    """Every grant, by its holder. Raises Forbidden."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return await database.select(RoleGrantRow, '1 = 1 ORDER BY "holder", "role", "scope"')
