"""Filters that somebody comes back to, under a name of their own. Nobody else sees them."""

from urllib.parse import parse_qsl

from ..core.access import Actor
from ..core.errors import Conflict, Forbidden, Malformed, NotFound
from ..store.ledger import Change
from ..store.people_rows import SavedViewRow
from .context import Context

NAME_MAX, QUERY_MAX, VIEWS_MAX = 60, 2000, 100


async def save_view(context: Context, actor: Actor, name: str, query: str) -> SavedViewRow:
    """`query` as it stands in an address; a view of that name is put in its place.

    It goes without an audit event: it is a note to oneself. Raises Forbidden, Malformed, Conflict.
    """
    name = name.strip()
    if not actor.user:
        raise Forbidden(f"{actor.name} has no account to keep a view in; log in as a person")
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise Malformed(f"name the view with 1 to {NAME_MAX} printable characters")
    if len(query) > QUERY_MAX or not parse_qsl(query):
        raise Malformed("there is no filter to save; set one first")
    known = await list_views(context, actor)
    before = [row for row in known if row.name == name]
    if len(known) - len(before) >= VIEWS_MAX:
        raise Conflict(f"there are {VIEWS_MAX} saved views already; remove one first")
    for row in before:
        await context.ledger.commit(Change(removed=[row]))
    saved = SavedViewRow(context.ledger.new_id(), actor.user, name, query, context.clock())
    await context.ledger.commit(Change(inserted=[saved]))
    return saved


async def remove_view(context: Context, actor: Actor, name: str) -> None:
    """Raises NotFound."""
    found = [row for row in await list_views(context, actor) if row.name == name]
    if not found:
        raise NotFound(f"there is no saved view {name[:NAME_MAX]!r}")
    await context.ledger.commit(Change(removed=[*found]))


async def list_views(context: Context, actor: Actor) -> list[SavedViewRow]:
    """By name."""
    return await context.database.select(SavedViewRow, '"user" = ? ORDER BY "name"', actor.user)
