"""The REST routes that are asked thousands of times a second, without a web framework.

`routes.py` declares the same routes to OpenAPI with the same documents and operations; a test sends both the
same inputs.
"""

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

from ..core.access import Actor
from ..core.errors import NotFound, Unauthenticated
from ..core.pem import pem
from ..core.request import parse_csr
from ..operations.context import Context
from ..operations.find_certificate import certificate_der, find_certificate
from ..operations.issue import IssueOrder, issue
from ..operations.renew import renew_certificate
from ..operations.revoke import release_certificate, revoke_certificate
from ..protocols.asgi import Receive, Scope, Send, client_address, header, read_body, respond
from .documents import (
    BODY_OCTETS_MAX,
    certificate_document,
    issued_document,
    read_csr,
    read_issue,
    read_object,
    read_revoke,
)

PREFIX = "/api/v1/certificates"
_ONE = re.compile(r"/api/v1/certificates/([0-9A-Fa-f:]{2,100})(?:/(revoke|release|renew))?")
_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


def bearer(context: Context, scope: Scope) -> Actor:
    """Who sends this request, by its token. Raises Unauthenticated."""
    value = header(scope, b"authorization") or b""
    scheme, _, secret = value.partition(b" ")
    if scheme.lower() != b"bearer" or not secret:
        raise Unauthenticated("this needs an Authorization header with a bearer token")
    digest = hashlib.sha256(secret.strip()).digest()
    actor = context.snapshot.token_actor(digest, context.clock(), client_address(scope))
    if actor is None:
        raise Unauthenticated("the bearer token is unknown, expired or revoked")
    return actor


class FastApi:
    """`POST /certificates`; of one certificate `GET`, and `POST` to revoke, release or renew it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        actor = bearer(self._context, scope)
        status, document = await self._answer(scope, receive, actor)
        await respond(send, status, json.dumps(document).encode(), _JSON)

    async def _answer(self, scope: Scope, receive: Receive, actor: Actor) -> tuple[int, dict[str, Any]]:
        path, method = scope["path"], scope["method"]
        if method == "POST" and path == PREFIX:
            return 201, await self._issue(await read_body(receive, BODY_OCTETS_MAX), actor)
        match = _ONE.fullmatch(path)
        if match and match[2] is None and method == "GET":
            return 200, await self._show(match[1], actor)
        if match and match[2] and method == "POST":
            body = await read_body(receive, BODY_OCTETS_MAX)
            return await self._act(match[2], match[1], body, actor)
        raise NotFound("there is no such REST resource; see /api/docs")

    async def _issue(self, body: bytes, actor: Actor) -> dict[str, Any]:
        context = self._context
        wanted = read_issue(body, context.clock())
        request = parse_csr(wanted.csr)
        if wanted.not_after is not None:
            request = replace(request, not_after=wanted.not_after)
        replaces = None
        if wanted.replaces:
            replaces = (await find_certificate(context.database, actor, wanted.replaces)).id
        order = IssueOrder(actor, request, wanted.authority, wanted.profile, replaces=replaces)
        return issued_document(await issue(context, order))

    async def _show(self, reference: str, actor: Actor) -> dict[str, Any]:
        row = await find_certificate(self._context.database, actor, reference)
        der = await certificate_der(self._context.database, row.id)
        return certificate_document(row) | {"certificate": pem(der).decode()}

    async def _act(self, verb: str, reference: str, body: bytes, actor: Actor) -> tuple[int, dict[str, Any]]:
        context = self._context
        now = context.clock()
        if verb == "revoke":
            wanted = read_revoke(body)
            row = await revoke_certificate(
                context, actor, reference, wanted.reason, now, wanted.invalidity_date
            )
        elif verb == "release":
            row = await release_certificate(context, actor, reference, now)
        else:
            fields = read_object(body or b"{}")
            request = parse_csr(read_csr(fields)) if fields.has("csr") else None
            fields.finish()
            return 201, issued_document(await renew_certificate(context, actor, reference, request))
        return 200, certificate_document(row)
