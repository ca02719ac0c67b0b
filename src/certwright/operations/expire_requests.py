"""What the clock does about requests: put on record what has expired, and ask again for what was approved and
has no certificate yet."""

from ..core.approval import RequestStatus, expire, request_status
from ..core.audit import EventKind
from ..core.errors import Moved
from ..core.notices import Telling
from ..store.approvals import OPEN, Request, with_decisions
from ..store.people_rows import CertificateRequestRow
from .context import Context
from .end_request import ended
from .issue_approved import ISSUE_APPROVED, SYSTEM, approved_payload
from .take_outbox import ask_for
from .tell_of_request import tell_requester

CHUNK = 100


async def expire_requests(context: Context) -> int:
    """Up to CHUNK requests whose step has expired; how many ended. Raises Unavailable."""
    condition = f'{OPEN} AND "approved_at" IS NULL AND "expires_at" <= ? ORDER BY "expires_at" LIMIT {CHUNK}'
    rows = await context.database.select(CertificateRequestRow, condition, context.clock())
    return sum([await _expire(context, one) for one in await with_decisions(context.database, rows)])


async def _expire(context: Context, request: Request) -> bool:
    """False where somebody has decided at the last moment."""
    now = context.clock()
    if request_status(request.facts, now) is not RequestStatus.EXPIRED:
        return False
    step = "the request has expired: nobody decided on it in time"
    event = (EventKind.REQUEST_EXPIRED, SYSTEM)
    change = await ended(context.database, request, expire(request.facts, now), event, now, step)
    await tell_requester(context, change, request.row, Telling.REQUEST_EXPIRED)
    try:
        await context.ledger.commit(change)
    except Moved:
        return False
    return True


async def ask_for_approved(context: Context) -> int:
    """Ask for the certificates of approved requests that nobody works on; how many. Raises Unavailable."""
    condition = f'{OPEN} AND "approved_at" IS NOT NULL ORDER BY "expires_at" LIMIT {CHUNK}'
    rows = await context.database.select(CertificateRequestRow, condition)
    return await ask_for(context, ISSUE_APPROVED, [approved_payload(row.id) for row in rows])
