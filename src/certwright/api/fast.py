"""The REST routes that are asked thousands of times a second, without a web framework.

`certificates.py` declares the same routes to OpenAPI and has them answered by the same functions; a test
sends both the same inputs.
"""

import hashlib
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from ..core.access import Actor
from ..core.errors import Forbidden, NotFound, Unauthenticated, WrongMethod
from ..core.request import parse_csr
from ..operations.assign_owner import assign_owner, assign_selected
from ..operations.certificate_documents import (
    assigned_document,
    certificate_document,
    details_document,
    issued_document,
)
from ..operations.context import Context
from ..operations.find_certificate import find_certificate
from ..operations.issue import Issued, IssueOrder
from ..operations.read_certificate import read_certificate
from ..operations.record_denial import Denials
from ..operations.renew import renewal_of
from ..operations.request_certificate import Words, request_certificate
from ..operations.request_documents import request_document
from ..operations.revoke import release_certificate, revoke_certificate
from ..protocols.asgi import Receive, Scope, Send, client_address, header, read_body, respond
from ..store.approvals import Request
from ..store.snapshot import Snapshot
from .documents import (
    BODY_OCTETS_MAX,
    IssueDocument,
    read_assign,
    read_assignment,
    read_issue,
    read_nothing,
    read_renew,
    read_revoke,
)

PREFIX = "/api/v1/certificates"
REQUESTS = "/api/v1/requests"
_ONE = re.compile(r"/api/v1/certificates/([^/]+)(?:/(revoke|release|renew|owner))?")
_ASSIGN = f"{PREFIX}/assign"
_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
Document = dict[str, Any]


async def bearer(context: Context, scope: Scope) -> Actor:
    """Who sends this request, by its token. Raises Unauthenticated."""
    actor = await context.snapshots.find(lambda snapshot: holder(snapshot, scope, context.clock()))
    context.token_uses.saw(actor, context.clock())
    return actor


def holder(snapshot: Snapshot, scope: Scope, now: datetime) -> Actor:
    """Whose token this request bears. Raises Unauthenticated."""
    value = header(scope, b"authorization") or b""
    scheme, _, secret = value.partition(b" ")
    if scheme.lower() != b"bearer" or not secret:
        raise Unauthenticated("this needs an Authorization header with a bearer token")
    digest = hashlib.sha256(secret.strip()).digest()
    actor = snapshot.token_actor(digest, now, client_address(scope))
    if actor is None:
        raise Unauthenticated("the bearer token is unknown, expired or revoked")
    return actor


class FastApi:
    """`POST /certificates`; of one certificate `GET`, `POST` to revoke, release or renew it, and `PUT` of
    who answers for it; `POST /certificates/assign`."""

    def __init__(self, context: Context, denials: Denials) -> None:
        self._context = context
        self._denials = denials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        actor = await bearer(self._context, scope)
        try:
            status, document = await self._answer(scope, receive, actor)
        except Forbidden as error:
            await self._denials.record(actor, f"{scope['method']} {scope['path']}", error)
            raise
        headers = [*_JSON, (b"location", place_of(document).encode())] if status == 202 else _JSON
        await respond(send, status, orjson.dumps(document), headers)

    async def _answer(self, scope: Scope, receive: Receive, actor: Actor) -> tuple[int, Document]:
        path, method = scope["path"], scope["method"]
        if path == PREFIX:
            _require_method(method, "POST")
            return await issue_certificate(self._context, actor, await read_body(receive, BODY_OCTETS_MAX))
        if path == _ASSIGN:
            _require_method(method, "POST")
            body = await read_body(receive, BODY_OCTETS_MAX)
            return 200, await assign_certificates(self._context, actor, body)
        match = _ONE.fullmatch(path)
        if match is None:
            raise NotFound("there is no such REST resource; see /api/docs")
        reference, verb = match.groups()
        if verb is None:
            _require_method(method, "GET")
            return 200, await show_certificate(self._context, actor, reference)
        _require_method(method, "PUT" if verb == "owner" else "POST")
        body = await read_body(receive, BODY_OCTETS_MAX)
        return await CHANGES[verb](self._context, actor, reference, body)


def _require_method(method: str, allowed: str) -> None:
    if method != allowed:
        raise WrongMethod((allowed,))


# -- what they do --------------------------------------------------------------------------------


async def issue_certificate(context: Context, actor: Actor, body: bytes) -> tuple[int, Document]:
    order, words = await asked_for(context, actor, body)
    return await made_document(context, await request_certificate(context, order, words))


async def made_document(context: Context, made: Issued | Request) -> tuple[int, Document]:
    """201 with a certificate; 202 with the request that waits for approval."""
    if isinstance(made, Issued):
        return 201, issued_document(made)
    return 202, await request_document(context.database, made, context.clock())


def place_of(request: Document) -> str:
    """Where a request is looked at."""
    return f"{REQUESTS}/{request['id']}"


async def asked_for(context: Context, actor: Actor, body: bytes) -> tuple[IssueOrder, Words]:
    """What a body asks to issue, and what it says to those who approve. Raises Malformed, TooLarge, Refused
    for the CSR, NotFound."""
    wanted = read_issue(body, context.clock())
    request = parse_csr(wanted.csr)
    if wanted.not_after is not None:
        request = replace(request, not_after=wanted.not_after)
    replaces = await _replaced(context, actor, wanted)
    order = IssueOrder(actor, request, wanted.authority, wanted.profile, replaces=replaces)
    return order, Words(wanted.comment)


async def _replaced(context: Context, actor: Actor, wanted: IssueDocument) -> int | None:
    if not wanted.replaces:
        return None
    return (await find_certificate(context.database, actor, wanted.replaces)).id


async def show_certificate(context: Context, actor: Actor, reference: str) -> Document:
    return details_document(await read_certificate(context.database, context.snapshot, actor, reference))


async def _revoke(context: Context, actor: Actor, reference: str, body: bytes) -> tuple[int, Document]:
    wanted, now = read_revoke(body), context.clock()
    row = await revoke_certificate(context, actor, reference, wanted.reason, now, wanted.invalidity_date)
    return 200, certificate_document(row)


async def _release(context: Context, actor: Actor, reference: str, body: bytes) -> tuple[int, Document]:
    read_nothing(body)
    return 200, certificate_document(await release_certificate(context, actor, reference, context.clock()))


async def _renew(context: Context, actor: Actor, reference: str, body: bytes) -> tuple[int, Document]:
    csr, comment = read_renew(body)
    order = await renewal_of(context, actor, reference, parse_csr(csr) if csr else None)
    return await made_document(context, await request_certificate(context, order, Words(comment)))


async def _assign(context: Context, actor: Actor, reference: str, body: bytes) -> tuple[int, Document]:
    [row] = await assign_owner(context, actor, [reference], read_assignment(body))
    return 200, certificate_document(row)


async def assign_certificates(context: Context, actor: Actor, body: bytes) -> Document:
    order = read_assign(body)
    done = await assign_selected(
        context, actor, order.selected, order.wanted, after=order.after, rehearse=order.rehearse
    )
    return assigned_document(done)


CHANGES = {"revoke": _revoke, "release": _release, "renew": _renew, "owner": _assign}
"""What `POST /certificates/{reference}/VERB` and `PUT .../owner` do: status and document of the answer."""
