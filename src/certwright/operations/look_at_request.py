"""One request as whoever looks at it needs it to decide: the certificate it would become, which rules asked
for approval, and what they may do. Operations decide again when they act."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..core import approval
from ..core.access import Actor, Verb, may
from ..core.approval import RequestStatus, request_status
from ..core.audit import EventKind
from ..core.errors import CertwrightError, Conflict, Forbidden
from ..store.approvals import Request
from ..store.rows import AuditEventRow
from .context import Context
from .find_request import is_own, people_before, request_before, subject_of_request
from .issue_approved import endpoint_of
from .preview import preview
from .request_certificate import asked_again
from .requester import requester_of
from .resubmit_request import can_be_made_again

OPEN = (RequestStatus.WAITING, RequestStatus.APPROVED)


@dataclass(frozen=True, slots=True)
class RequestLook:
    """`acts` are those of approve, reject, withdraw and resubmit that are open to the actor; where approve is
    not, and the request waits, `barred` says why. `preview` is that of `operations.preview` for one that has
    not ended, None where it cannot become a certificate as things are: `obstacle` says why. `rules` are the
    names of those that asked for approval when it was made."""

    request: Request
    acts: frozenset[str]
    barred: str
    preview: dict[str, Any] | None
    obstacle: str
    rules: tuple[str, ...]


async def look_at_request(context: Context, actor: Actor, identifier: int) -> RequestLook:
    """Raises NotFound, also when the actor may not see it, Unavailable."""
    request = await request_before(context, actor, identifier)
    acts, barred = open_acts(context, actor, request)
    shown, obstacle = None, ""
    if request_status(request.facts, context.clock()) in OPEN:
        try:
            shown = await preview_request(context, request)
        except CertwrightError as error:
            obstacle = error.detail
    return RequestLook(request, acts, barred, shown, obstacle, await _rules_of(context, request))


def open_acts(context: Context, actor: Actor, request: Request) -> tuple[frozenset[str], str]:
    """What `core.approval` would let the actor do to it now, and why they may not approve."""
    facts, now, own = request.facts, context.clock(), is_own(actor, request.row)
    person, others = people_before(context, actor, request.row)
    officer = may(actor, Verb.APPROVE, subject_of_request(request.row))
    barred = _bar(lambda: approval.approve(facts, person, others, now))
    tried = {
        "approve": barred,
        "reject": _bar(lambda: approval.reject(facts, person, others, now, "no", officer=officer)),
        "withdraw": _bar(lambda: approval.withdraw(facts, now)) if own else "another's",
        "resubmit": "" if own and can_be_made_again(request, now) else "no",
    }
    return frozenset(act for act, bar in tried.items() if not bar), barred


def _bar(attempt: Callable[[], object]) -> str:
    """Why it is not possible, or empty."""
    try:
        attempt()
    except (Forbidden, Conflict) as error:
        return error.detail
    return ""


async def preview_request(context: Context, request: Request) -> dict[str, Any]:
    """The certificate that it would become now, asked for by whoever asked. Raises as `preview` does, and
    Forbidden where they are nobody any more."""
    requester, _ = await requester_of(context, request.row)
    order = asked_again(request.row, requester, context.clock())
    return await preview(context, replace(order, endpoint=endpoint_of(context, request.row.endpoint)))


async def _rules_of(context: Context, request: Request) -> tuple[str, ...]:
    """As the audit log has them since it was made."""
    subject = f"request:{request.row.id}"
    events = await context.database.select(
        AuditEventRow, '"subject" = ? AND "kind" = ? LIMIT 1', subject, EventKind.REQUEST_MADE.value
    )
    return tuple(json.loads(events[0].body)["detail"].get("rules", ())) if events else ()
