"""Who asked for something, as they stand now: a request outlives its requester's session, not their right."""

from dataclasses import replace

from ..core.access import Actor, Grant, Role
from ..core.errors import Forbidden
from ..store.people_rows import CertificateRequestRow
from ..store.rows import AcmeAccountRow
from .acme_accounts import account_actor
from .context import Context
from .manage_users import find_user


async def requester_of(context: Context, row: CertificateRequestRow) -> tuple[Actor, list[AcmeAccountRow]]:
    """The actor, and the ACME account that a commit in their name stands on. Raises Forbidden when they are
    nobody any more, NotFound."""
    kind, _, name = row.requester.partition(":")
    if kind == "acme":
        return await _acme(context, row, int(name))
    if kind == "token":
        return _token(context, name), []
    if kind == "user":
        return await _user(context, name), []
    if kind == "local":  # whoever commands this machine's installation
        return Actor(row.requester, (Grant(Role.ADMINISTRATOR),)), []
    raise Forbidden(f"{row.requester} asks for nothing any more")


async def refreshed(context: Context, actor: Actor) -> Actor:
    """Whoever acts, with their roles as they are in the newest configuration, which the context has after
    this. Raises Forbidden, NotFound when they are nobody any more."""
    await context.snapshots.refresh()
    if actor.revision in (0, context.snapshot.revision):
        return actor
    if actor.account:
        return replace(await _user(context, actor.account), source=actor.source)
    kind, _, name = actor.name.partition(":")
    return replace(_token(context, name), source=actor.source) if kind == "token" else actor


async def _acme(
    context: Context, row: CertificateRequestRow, identifier: int
) -> tuple[Actor, list[AcmeAccountRow]]:
    rows = await context.database.select(AcmeAccountRow, '"id" = ?', identifier)
    if not rows or rows[0].deactivated_at or rows[0].revoked_at:
        raise Forbidden("the ACME account that asked for it was deactivated or revoked")
    protocol, _, endpoint = row.endpoint.partition("/")
    return account_actor(rows[0], context.snapshot.endpoint(protocol, endpoint), ""), rows


def _token(context: Context, name: str) -> Actor:
    for digest, token in context.snapshot.tokens.items():
        if token.row.name == name:
            actor = context.snapshot.token_actor(digest, context.clock(), "")
            if actor is not None:
                return actor
    raise Forbidden(f"token {name} has expired or was revoked meanwhile")


async def _user(context: Context, name: str) -> Actor:
    if (await find_user(context.database, name)).disabled_at is not None:
        raise Forbidden(f"account {name} is disabled by now")
    return context.snapshot.user_actor(name, "")
