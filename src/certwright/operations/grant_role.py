"""Give a user, a team or a token a role within a scope."""

from ..core.access import Actor, Grant, Subject, Verb, require, require_to_give
from ..core.audit import Event, EventKind
from ..core.errors import Conflict, Malformed, NotFound
from ..core.second_person import Act, Kind
from ..store.databases import Duplicate
from ..store.ledger import Change
from ..store.people_rows import LOCAL, ApiTokenRow, RoleGrantRow
from .context import Context, decide_again
from .manage_tokens import check_scope
from .manage_users import find_user
from .second_person import permission


async def grant_role(context: Context, actor: Actor, holder: str, grant: Grant) -> RoleGrantRow:
    """`holder` is `user:NAME`, `team:NAME` or `token:NAME`.

    Raises Forbidden, Malformed, Conflict, NotFound for the holder or the scope, SecondPersonNeeded.
    """
    require(actor, Verb.MANAGE_ACCESS, Subject())
    require_to_give(actor, grant)
    return await decide_again(context, lambda: _grant_role(context, actor, holder, grant))


async def _grant_role(context: Context, actor: Actor, holder: str, grant: Grant) -> RoleGrantRow:
    check_scope(context.snapshot, grant.scope)
    await _check_holder(context, holder)
    had = Conflict(f"{holder} has the role {grant.role} within {grant.scope} already")
    mine = '"holder" = ? AND "role" = ? AND "scope" = ? AND "origin" = ?'  # it may come from a source, too
    if await context.database.select(RoleGrantRow, mine, holder, grant.role.value, grant.scope, LOCAL):
        raise had
    now = context.clock()
    row = RoleGrantRow(context.ledger.new_id(), holder, grant.role, grant.scope)
    detail = {"role": grant.role.value, "scope": grant.scope}
    event = Event(EventKind.GRANT_GIVEN, now, actor.name, actor.source, holder, detail)
    change = Change(inserted=[row], events=[event], revision=context.snapshot.revision, configures=True)
    change.join(await permission(context, actor, change_of_roles("give", holder, grant)))
    try:
        await context.ledger.commit(change)
    except Duplicate as error:
        raise had from error
    await context.snapshots.refresh()
    return row


def change_of_roles(act: str, holder: str, grant: Grant) -> Act:
    """`act` is `give` or `withdraw`."""
    arguments = {"act": act, "holder": holder, "role": grant.role.value, "scope": grant.scope}
    return Act(Kind.CHANGE_ROLES, Verb.MANAGE_ACCESS, (Subject(),), arguments)


async def _check_holder(context: Context, holder: str) -> None:
    """Is there such a one? Raises Malformed, NotFound."""
    kind, _, name = holder.partition(":")
    if kind == "user":
        await find_user(context.database, name)
    elif kind == "team":
        context.snapshot.team(name)
    elif kind != "token":
        raise Malformed(f"who holds a role is user:NAME, team:NAME or token:NAME, not {holder[:80]!r}")
    elif not await context.database.select(ApiTokenRow, '"name" = ? AND "revoked_at" IS NULL', name):
        raise NotFound(f"there is no token {name[:100]!r}")
