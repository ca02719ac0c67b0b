"""Take one's own request back while it waits."""

from ..core.access import Actor
from ..core.approval import withdraw
from ..core.audit import EventKind
from ..core.errors import Forbidden
from ..store.approvals import Request, load_request
from .context import Context
from .decide_request import at_its_step
from .end_request import ended
from .find_request import is_own, request_before


async def withdraw_request(context: Context, actor: Actor, identifier: int) -> Request:
    """By whoever asked for it, or in person for one's token. Raises NotFound, Forbidden for another's,
    Conflict when it does not wait any more."""
    found = await request_before(context, actor, identifier)
    require_own(actor, found)

    async def attempt(actor: Actor, request: Request) -> None:
        now = context.clock()
        facts, event = withdraw(request.facts, now), (EventKind.REQUEST_WITHDRAWN, actor)
        problem = "the request was withdrawn"
        await context.ledger.commit(await ended(context.database, request, facts, event, now, problem))

    await at_its_step(context, actor, identifier, attempt)
    return await load_request(context.database, identifier)


def require_own(actor: Actor, request: Request) -> None:
    """Raises Forbidden."""
    if not is_own(actor, request.row):
        raise Forbidden(f"this is a request of {request.row.requester}; they can withdraw it or mend it")
