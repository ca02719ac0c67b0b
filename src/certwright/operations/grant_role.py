"""Give a user or a token a role within a scope."""

from ..core.access import Actor, Grant, Subject, Verb, require, require_to_give
from ..core.audit import Event, EventKind
from ..core.errors import Conflict
from ..store.databases import Duplicate
from ..store.ledger import Change
from ..store.rows import RoleGrantRow
from .context import Context, decide_again
from .manage_tokens import check_scope


async def grant_role(context: Context, actor: Actor, holder: str, grant: Grant) -> RoleGrantRow:
    """`holder` is `user:NAME` or `token:NAME`. Raises Forbidden, Conflict, NotFound for the scope."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    require_to_give(actor, grant)
    return await decide_again(context, lambda: _grant_role(context, actor, holder, grant))


async def _grant_role(context: Context, actor: Actor, holder: str, grant: Grant) -> RoleGrantRow:
    check_scope(context.snapshot, grant.scope)
    now = context.clock()
    row = RoleGrantRow(context.ledger.new_id(), holder, grant.role, grant.scope)
    detail = {"role": grant.role.value, "scope": grant.scope}
    event = Event(EventKind.GRANT_GIVEN, now, actor.name, actor.source, holder, detail)
    change = Change(inserted=[row], events=[event], revision=context.snapshot.revision, configures=True)
    try:
        await context.ledger.commit(change)
    except Duplicate as error:
        raise Conflict(f"{holder} has the role {grant.role} within {grant.scope} already") from error
    await context.snapshots.refresh()
    return row
