"""Issue what was approved: rights, profile and rules are asked again, as they are at that moment.

It is done with the last approval; where that process dies or the key is away, the worker does it, by the
outbox row that was committed with the approval. Done twice, it finds nothing to do the second time.
"""

import json
from dataclasses import replace

from ..core import orders
from ..core.access import Actor
from ..core.approval import (
    ApprovalNeeded,
    Granted,
    RequestStatus,
    extend,
    fail,
    issued,
    request_status,
)
from ..core.audit import EventKind, JsonValue, shown
from ..core.distinguished_name import parse_name
from ..core.errors import CertwrightError, Conflict, Forbidden, Malformed, Moved, NotFound, Refused
from ..core.notices import Telling
from ..store.approvals import Request, load_request, with_request_facts
from ..store.enrolment import order_facts, read_identifiers, with_order_facts
from ..store.ledger import Change
from ..store.snapshot import Endpoint
from .check_caa import CAA_REFUSED
from .context import Context
from .end_request import REASON_SHOWN, ended, grown, request_event, waiting_order
from .issue import IssueOrder, issue
from .renew import require_renewable_still
from .request_certificate import approvers_named, asked_again, shape_asked_for, steps_approvers
from .requester import requester_of
from .still_authorized import still_authorized
from .tell_of_request import tell_deciders, tell_requester

ISSUE_APPROVED = "issue-approved"
SYSTEM = Actor("system:requests")
FOR_GOOD = (Refused, Forbidden, NotFound, Malformed, Conflict)
"""What trying again does not mend: the request fails, and can be made again."""


def approved_payload(identifier: int) -> str:
    return json.dumps({"request": str(identifier)})


async def issue_approved(context: Context, identifier: int) -> None:
    """Issue it, have it wait for further steps, or put on record why it cannot be issued.

    A request that is not approved, or has its certificate, is left alone. Raises Moved, Unavailable: the
    worker tries again.
    """
    await context.snapshots.refresh()
    request = await load_request(context.database, identifier)
    if request_status(request.facts, context.clock()) is not RequestStatus.APPROVED:
        return
    try:
        await issue(context, await _order(context, request))
    except ApprovalNeeded as needed:
        await _extend(context, request, needed)
    except Moved:
        raise
    except FOR_GOOD as error:
        await _fail(context, request, error)


async def _order(context: Context, request: Request) -> IssueOrder:
    row, now, identifier = request.row, context.clock(), context.ledger.new_id()
    actor, kept = await requester_of(context, row)
    done = with_request_facts(row, issued(request.facts, now))._replace(certificate=identifier)
    also = Change(replaced=[(row, done)], kept=[*kept])
    for order in await waiting_order(context.database, row):
        also.kept += await still_authorized(context, order, row.endpoint)
        facts = orders.issue(order_facts(order, ()), now, str(identifier))
        also.replaced.append((order, with_order_facts(order, facts)._replace(certificate=identifier)))
    await tell_requester(context, also, row, Telling.REQUEST_ISSUED)
    subject = parse_name(row.subject)
    names, shape = read_identifiers(row.names), shape_asked_for(row)
    granted = Granted(row.id, request.facts.steps, names, subject, row.lifetime, shape)
    order_again = asked_again(row, actor, now)
    await require_renewable_still(context, order_again)
    return replace(
        order_again,
        endpoint=endpoint_of(context, row.endpoint),
        also=also,
        identifier=identifier,
        granted=granted,
    )


def endpoint_of(context: Context, path: str) -> Endpoint | None:
    """Raises NotFound when what it came through is gone."""
    if not path:
        return None
    protocol, _, name = path.partition("/")
    return context.snapshot.endpoint(protocol, name)


async def _extend(context: Context, request: Request, needed: ApprovalNeeded) -> None:
    now, steps = context.clock(), needed.needed.steps
    facts = extend(request.facts, steps, now)
    detail: dict[str, JsonValue] = {"steps": [step.name for step in steps], "policy": needed.policy}
    more = [one for one in steps_approvers(needed) if one not in request.named]
    change = Change(
        inserted=[*approvers_named(more, context.ledger.new_id, request.row.id)],
        replaced=[grown(request, facts)],
        events=[request_event(EventKind.REQUEST_EXTENDED, request, SYSTEM, now, detail)],
        revision=needed.revision,
    )
    await tell_deciders(context, change, request.row, facts)
    await context.ledger.commit(change)


async def _fail(context: Context, request: Request, error: CertwrightError) -> None:
    now, problem = context.clock(), shown(error.detail, REASON_SHOWN)
    facts, event = fail(request.facts, now, problem), (EventKind.REQUEST_FAILED, SYSTEM)
    change = await ended(context.database, request, facts, event, now, problem, _problem_type(error))
    await tell_requester(context, change, request.row, Telling.REQUEST_FAILED, problem)
    await context.ledger.commit(change)


def _problem_type(error: CertwrightError) -> str:
    """For an ACME client (RFC 8555 section 6.7)."""
    by_caa = isinstance(error, Refused) and any(one.code == CAA_REFUSED for one in error.reasons)
    return "caa" if by_caa else "unauthorized"
