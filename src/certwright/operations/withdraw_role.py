"""Take a role within a scope away from a user or a token, and list who has which."""

from ..core.access import Actor, Grant, Subject, Verb, require
from ..core.audit import Event, EventKind
from ..core.errors import NotFound
from ..store.databases import Database
from ..store.ledger import Change
from ..store.rows import RoleGrantRow
from .context import Context


async def withdraw_role(context: Context, actor: Actor, holder: str, grant: Grant) -> RoleGrantRow:
    """The grant as it was; it counts no more from now on. Raises Forbidden, NotFound."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    rows = await context.database.select(
        RoleGrantRow, '"holder" = ? AND "role" = ? AND "scope" = ?', holder, grant.role.value, grant.scope
    )
    if not rows:
        raise NotFound(f"{holder} has no role {grant.role} within {grant.scope}")
    detail = {"role": grant.role.value, "scope": grant.scope}
    event = Event(EventKind.GRANT_WITHDRAWN, context.clock(), actor.name, actor.source, holder, detail)
    await context.ledger.commit(Change(removed=[rows[0]], events=[event], configures=True))
    await context.snapshots.refresh()
    return rows[0]


async def list_grants(database: Database, actor: Actor) -> list[RoleGrantRow]:
    """Every grant, by its holder. Raises Forbidden."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return await database.select(RoleGrantRow, '1 = 1 ORDER BY "holder", "role", "scope"')
