"""Approve a step of a request, or reject the request. What is approved is issued at once, if it can be."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from ..core.access import Actor, Verb, may
from ..core.approval import RequestFacts, RequestStatus, approve, current_step, reject, request_status
from ..core.audit import EventKind, JsonValue, shown
from ..core.errors import Conflict, Malformed, Moved, Unavailable
from ..core.notices import Telling
from ..store.approvals import Request, decision_row, load_request
from ..store.ledger import Change
from .context import DECISIONS_MAX, Context
from .end_request import ended, grown, request_event
from .find_request import people_before, request_before, subject_of_request
from .issue_approved import ISSUE_APPROVED, approved_payload, issue_approved
from .request_certificate import COMMENT_SHOWN, check_comment
from .requester import refreshed
from .tell_of_request import tell_deciders, tell_requester

Attempt = Callable[[Actor, Request], Awaitable[None]]


async def approve_request(context: Context, actor: Actor, identifier: int, comment: str = "") -> Request:
    """One approval more, at the step that the request is at now; the request as it is then.

    Raises NotFound, Malformed; Forbidden and Conflict as `core.approval.stand_in` does, Conflict too when
    others have finished the step meanwhile.
    """
    check_comment(comment)

    async def attempt(actor: Actor, request: Request) -> None:
        person, others = people_before(context, actor, request.row)
        facts = approve(request.facts, person, others, context.clock())
        change = _decided(context, actor, request, facts, comment, EventKind.REQUEST_APPROVED)
        if current_step(facts) != current_step(request.facts):
            await tell_deciders(context, change, request.row, facts)
        if facts.approved_at is not None:
            change.follow_ups.append((ISSUE_APPROVED, approved_payload(identifier)))
        await context.ledger.commit(change)

    await at_its_step(context, actor, identifier, attempt)
    return await _issued_by_now(context, identifier)


async def _issued_by_now(context: Context, identifier: int) -> Request:
    """If it cannot be issued now, the worker has it in the outbox and goes on trying."""
    request = await load_request(context.database, identifier)
    if request_status(request.facts, context.clock()) is not RequestStatus.APPROVED:
        return request
    with suppress(Moved, Unavailable):
        await issue_approved(context, identifier)
    return await load_request(context.database, identifier)


async def reject_request(context: Context, actor: Actor, identifier: int, reason: str) -> Request:
    """The request ends here. Whoever has `approve` for it may reject it at any step, others where they could
    approve. Raises as `approve_request` does, Malformed without a reason too."""
    check_comment(reason)
    if not reason.strip():
        raise Malformed("say why it is rejected; the requester reads it")

    async def attempt(actor: Actor, request: Request) -> None:
        now = context.clock()
        person, others = people_before(context, actor, request.row)
        officer = may(actor, Verb.APPROVE, subject_of_request(request.row))
        facts = reject(request.facts, person, others, now, reason, officer=officer)
        change = _decided(context, actor, request, facts, reason, EventKind.REQUEST_REJECTED)
        problem = f"the request was rejected: {reason}"
        end = await ended(context.database, request, facts, (EventKind.REQUEST_REJECTED, actor), now, problem)
        change.replaced = end.replaced
        await tell_requester(context, change, request.row, Telling.REQUEST_REJECTED, reason, actor)
        await context.ledger.commit(change)

    await at_its_step(context, actor, identifier, attempt)
    return await load_request(context.database, identifier)


def _decided(
    context: Context, actor: Actor, request: Request, facts: RequestFacts, comment: str, kind: EventKind
) -> Change:
    decided = facts.decided[-1]
    detail: dict[str, JsonValue] = {
        "step": facts.steps[decided.step].name,
        "comment": shown(comment, COMMENT_SHOWN),
        "done": facts.approved_at is not None,
    }
    if decided.instead_of:
        detail["instead_of"] = decided.instead_of
    row = decision_row(context.ledger.new_id(), request.row.id, actor.name, decided, comment)
    return Change(
        inserted=[row],
        replaced=[grown(request, facts)],
        events=[request_event(kind, request, actor, decided.at, detail)],
        revision=context.snapshot.revision,  # roles, teams and delegations are as they were judged
    )


async def at_its_step(context: Context, actor: Actor, identifier: int, attempt: Attempt) -> None:
    """Decide, and again when others have changed the request or the configuration meanwhile; but nobody's
    word on one step becomes their word on another, and nobody decides by a role that they have lost.

    Raises Conflict for the former, Forbidden for who is nobody any more, and what the attempt raises.
    """
    actor = await refreshed(context, actor)
    request = await request_before(context, actor, identifier)
    seen = current_step(request.facts)
    for _ in range(DECISIONS_MAX):
        try:
            return await attempt(actor, request)
        except Moved:
            actor = await refreshed(context, actor)
        request = await request_before(context, actor, identifier)
        if current_step(request.facts) != seen:
            raise Conflict("others have decided the step meanwhile; look at the request again")
    raise Unavailable("others decide on the same request at the same time; try again", retry_after=1)
