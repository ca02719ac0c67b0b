"""What every `http.py` needs of ASGI 3: bounded bodies, answers, problems (RFC 9457), who is calling.

Raw ASGI, because a framework costs more than most of our answers do. Handlers raise the errors of
`core/errors.py` where their protocol has no error format of its own; the dispatcher turns what escapes them
into a problem document.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

from ..core.errors import (
    BadQuery,
    CertwrightError,
    Refused,
    SecondPersonNeeded,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WrongMethod,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

CLIENT_CERTIFICATE = "certwright.client_certificate"
BODY_OCTETS_MAX = 64 * 1024
CHUNK_OCTETS = 256 * 1024
PROBLEM_JSON = b"application/problem+json"


class ClientGone(ConnectionError):
    """The client closed the connection before its request was complete; nobody waits for an answer."""


async def read_body(receive: Receive, limit: int = BODY_OCTETS_MAX) -> bytes:
    """The whole request body, at most `limit` octets. Raises TooLarge, ClientGone."""
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= limit:
        return body
    parts, size = [body], len(body)
    while size <= limit and message.get("more_body"):
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > limit:
        raise TooLarge(f"the request body is larger than {limit} octets")
    return b"".join(parts)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that (lower case) name."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([0-9a-z._-]{1,255}))(?::[0-9]{1,5})?", re.IGNORECASE)


def host_name(host: str) -> str:
    """The name or address of a Host field or of a URL's authority, lower case; empty for what is of another
    form (RFC 9110 section 7.2)."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]).lower() if match else ""


def client_certificate(scope: Scope) -> tuple[bytes, ...]:
    """What the client showed in the TLS handshake, or a trusted proxy says it showed: DER, the end entity
    first. Empty without one. The handshake proved possession of the key; nothing else is checked yet, not
    even the validity period."""
    chain: tuple[bytes, ...] = scope["extensions"].get(CLIENT_CERTIFICATE, ())
    return chain


def client_address(scope: Scope) -> str:
    """The client's IP address as text, after trusted proxies; empty when there is none."""
    client = scope["client"]
    return str(client[0]) if client else ""


async def respond(send: Send, status: int, body: bytes = b"", headers: Headers = ()) -> None:
    """One whole answer. A long body goes out in pieces, so that a slow client holds no second copy of it."""
    fields = [*headers]
    if status != HTTPStatus.NOT_MODIFIED:  # there it would be the length of what is not sent
        fields.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    if len(body) <= CHUNK_OCTETS:
        await send({"type": "http.response.body", "body": body})
        return
    whole = memoryview(body)
    for start in range(0, len(body), CHUNK_OCTETS):
        piece = whole[start : start + CHUNK_OCTETS]
        more = start + CHUNK_OCTETS < len(body)
        await send({"type": "http.response.body", "body": piece, "more_body": more})


async def respond_json(send: Send, status: int, document: Any, headers: Headers = ()) -> None:
    body = json.dumps(document).encode()
    await respond(send, status, body, [(b"content-type", b"application/json"), *headers])


async def respond_problem(send: Send, error: CertwrightError, request_id: str = "") -> None:
    """A problem document (RFC 9457) for an error of ours, with the headers its status asks for."""
    body = json.dumps(problem_document(error, request_id)).encode()
    await respond(send, error.status, body, problem_headers(error))


def problem_document(error: CertwrightError, request_id: str = "") -> dict[str, Any]:
    """What was wrong, where, what to do, as RFC 9457 has it; every reason of a refusal in `reasons`."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
    }
    if isinstance(error, Refused):
        document["reasons"] = [
            {"code": each.code, "message": each.message, "clause": each.clause} for each in error.reasons
        ]
    if isinstance(error, BadQuery):
        document["column"] = error.column
    if isinstance(error, SecondPersonNeeded):
        document["proposal"] = str(error.number)
    if request_id:
        document["request_id"] = request_id
    return document


def problem_headers(error: CertwrightError) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", PROBLEM_JSON), (b"cache-control", b"no-store")]
    if isinstance(error, Unavailable):
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, SecondPersonNeeded):
        headers.append((b"location", f"/api/v1/proposals/{error.number}".encode()))
    if isinstance(error, TooLarge):
        headers.append((b"connection", b"close"))
    if isinstance(error, WrongMethod):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    return headers
