"""`/requests` and `/delegations`: requests that wait for approval, and who decides on them."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from ..core.access import Actor
from ..operations.context import Context
from ..operations.decide_request import approve_request, reject_request
from ..operations.delegate_approval import delegate_approval, list_delegations, take_back_approval
from ..operations.find_request import read_number, request_before
from ..operations.list_requests import RequestFilter, list_requests
from ..operations.request_documents import delegation_document, request_document, request_documents
from ..operations.resubmit_request import resubmit_request
from ..operations.withdraw_request import withdraw_request
from ..store.approvals import Request as StoredRequest
from ..store.people_rows import ApprovalDelegationRow
from . import fast, schemas
from . import request_schemas as models
from .paging import read_cursor, write_cursor
from .web import Document, require_known_parameters, run

router = Router()
REQUESTS, DELEGATIONS = ["requests"], ["delegations"]


@router.get("/requests", response=models.RequestList, tags=REQUESTS, operation_id="list_requests")
def list_visible_requests(request: HttpRequest, wanted: Query[models.RequestQuery]) -> Document:
    """List the requests that the caller may see, the newest first."""
    require_known_parameters(request, models.RequestQuery)
    after = read_cursor(wanted.after, by_time=False)[1] if wanted.after else None

    async def act(context: Context, actor: Actor) -> Document:
        kind, now = RequestFilter(wanted.status, wanted.mine), context.clock()
        page = await list_requests(context.database, context.snapshot, actor, kind, now, after, wanted.limit)
        return {
            "requests": await request_documents(context.database, page.requests, now),
            "next": write_cursor((None, page.next)) if page.next is not None else None,
        }

    return run(request, act)


@router.get("/requests/{identifier}", response=models.Request, tags=REQUESTS)
def show_request(request: HttpRequest, identifier: str) -> Document:
    """Show a request, with its steps and what was decided."""

    async def act(context: Context, actor: Actor) -> Document:
        return await _told(context, await request_before(context, actor, read_number(identifier)))

    return run(request, act)


@router.post(
    "/requests/{identifier}/approve",
    response=models.Request,
    tags=REQUESTS,
    operation_id="approve_request",
)
def approve(request: HttpRequest, identifier: str, body: models.CommentBody) -> Document:
    """Approve the step that a request is at. With the last approval the certificate is issued."""

    async def act(context: Context, actor: Actor) -> Document:
        found = await approve_request(context, actor, read_number(identifier), body.comment)
        return await _told(context, found)

    return run(request, act)


@router.post(
    "/requests/{identifier}/reject", response=models.Request, tags=REQUESTS, operation_id="reject_request"
)
def reject(request: HttpRequest, identifier: str, body: models.ReasonBody) -> Document:
    """Reject a request, which ends it. The requester reads the reason."""

    async def act(context: Context, actor: Actor) -> Document:
        return await _told(
            context, await reject_request(context, actor, read_number(identifier), body.reason)
        )

    return run(request, act)


@router.post(
    "/requests/{identifier}/withdraw",
    response=models.Request,
    tags=REQUESTS,
    operation_id="withdraw_request",
)
def withdraw(request: HttpRequest, identifier: str, body: schemas.NoBody) -> Document:
    """Take back a request of one's own while it waits."""

    async def act(context: Context, actor: Actor) -> Document:
        return await _told(context, await withdraw_request(context, actor, read_number(identifier)))

    return run(request, act)


@router.post(
    "/requests/{identifier}/resubmit",
    response={201: schemas.IssuedCertificate, 202: models.Request},
    tags=REQUESTS,
    operation_id="resubmit_request",
)
def resubmit(
    request: HttpRequest, response: HttpResponse, identifier: str, body: models.CommentBody
) -> tuple[int, Document]:
    """Make a request of one's own again that has ended without a certificate."""

    async def act(context: Context, actor: Actor) -> tuple[int, Document]:
        made = await resubmit_request(context, actor, read_number(identifier), body.comment)
        return await fast.made_document(context, made)

    return placed(response, run(request, act))


def placed(response: HttpResponse, answer: tuple[int, Document]) -> tuple[int, Document]:
    """The answer; where it is a request that waits, with its address."""
    status, document = answer
    if status == 202:
        response["Location"] = fast.place_of(document)
    return status, document


async def _told(context: Context, request: StoredRequest) -> Document:
    return await request_document(context.database, request, context.clock())


# -- deputies ------------------------------------------------------------------------------------


@router.get(
    "/delegations",
    response=models.DelegationList,
    tags=DELEGATIONS,
    operation_id="list_delegations",
)
def list_all_delegations(request: HttpRequest) -> Document:
    """List who decides instead of whom: the caller's own, or all for who manages access."""

    async def act(context: Context, actor: Actor) -> list[ApprovalDelegationRow]:
        return await list_delegations(context.database, actor, context.clock())

    return {"delegations": [delegation_document(row) for row in run(request, act)]}


@router.post(
    "/delegations",
    response={201: models.Delegation},
    tags=DELEGATIONS,
    operation_id="delegate_approval",
)
def delegate(request: HttpRequest, body: models.DelegationBody) -> Document:
    """Hand the right to approve on to another account, for a time."""

    async def act(context: Context, actor: Actor) -> ApprovalDelegationRow:
        return await delegate_approval(
            context, actor, body.deputy, body.ends_at, body.begins_at, body.comment, body.user
        )

    return delegation_document(run(request, act))


@router.delete(
    "/delegations/{identifier}",
    response=models.Delegation,
    tags=DELEGATIONS,
    operation_id="take_back_approval",
)
def take_back(request: HttpRequest, identifier: str) -> Document:
    """Take back a right that was handed on."""
    number = read_number(identifier)
    return delegation_document(
        run(request, lambda context, actor: take_back_approval(context, actor, number))
    )
