"""Make a request again that has ended without a certificate, with the same key and names, and other words."""

from dataclasses import replace
from datetime import datetime

from ..core.access import Actor
from ..core.approval import ENDED, RequestStatus, request_status
from ..core.errors import Conflict
from ..store.approvals import Request
from .context import Context
from .find_request import request_before
from .issue import Issued
from .renew import require_renewable_still
from .request_certificate import Words, asked_again, request_certificate
from .withdraw_request import require_own

MENDED = ENDED - {RequestStatus.ISSUED}


def can_be_made_again(request: Request, now: datetime) -> bool:
    """Has it ended without a certificate, and did it not come by a protocol?"""
    return request_status(request.facts, now) in MENDED and request.row.acme_order is None


async def resubmit_request(
    context: Context, actor: Actor, identifier: int, comment: str = ""
) -> Issued | Request:
    """By whoever made it, under the rules as they are now: issued, or waiting anew at the first step.

    Raises NotFound, Forbidden, Conflict unless it has ended without a certificate, or when it came by a
    protocol, whose client asks again by itself; and as `request_certificate` does.
    """
    request = await request_before(context, actor, identifier)
    require_own(actor, request)
    status = request_status(request.facts, context.clock())
    if status not in MENDED:
        raise Conflict(
            f"the request is {status}; only one that has ended without a certificate is made again"
        )
    if request.row.acme_order is not None:
        raise Conflict("this request came by ACME; place a new order there")
    endpoint = context.snapshot.endpoints.get(request.row.endpoint)
    order = replace(asked_again(request.row, actor, context.clock()), endpoint=endpoint)
    await require_renewable_still(context, order)
    return await request_certificate(context, order, Words(comment, request.row.id))
