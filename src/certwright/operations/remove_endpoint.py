"""Take an endpoint out of use. Its row stays, because certificates and accounts name it."""

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind
from ..store.ledger import Change
from ..store.rows import EndpointRow
from .context import Context


async def remove_endpoint(context: Context, actor: Actor, protocol: str, name: str) -> EndpointRow:
    """Serve it no more; saving it again brings it back. Raises NotFound, Forbidden."""
    endpoint = context.snapshot.endpoint(protocol, name)
    require(actor, Verb.MANAGE_ENDPOINTS, Subject(authority=endpoint.authority, endpoint=endpoint.path))
    now = context.clock()
    after = endpoint.row._replace(enabled=False)
    event = Event(EventKind.ENDPOINT_REMOVED, now, actor.name, actor.source, f"endpoint:{endpoint.path}", {})
    await context.ledger.commit(Change(replaced=[(endpoint.row, after)], events=[event], configures=True))
    await context.snapshots.refresh()
    return after
