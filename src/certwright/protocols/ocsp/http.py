"""OCSP over HTTP (RFC 6960 appendix A, RFC 5019): the web face of the responder, plain ASGI."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ...core import ocsp
from ...core.errors import CertwrightError, Malformed, NotFound, TooLarge, Unavailable
from ...operations.answer_ocsp import Answer, OcspResponder
from ...store.snapshot import Generation, Snapshots
from ..asgi import Receive, Scope, Send, read_body, respond
from .messages import (
    CONTENT_TYPE,
    NOT_CACHEABLE,
    REQUEST_OCTETS_MAX,
    cache_headers,
    decode_get,
    entity_tag,
    not_modified,
    parse_request,
)

KEEP_AT_MOST = timedelta(minutes=5)
_TYPE = (b"content-type", CONTENT_TYPE)
_POST_HEADERS = (_TYPE, *NOT_CACHEABLE)


class OcspApplication:
    """`/ocsp/{authority}/{generation}`, by POST, or by GET with the request in the path."""

    def __init__(self, snapshots: Snapshots, responder: OcspResponder, clock: Callable[[], datetime]) -> None:
        self._snapshots = snapshots
        self._responder = responder
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "POST":
            try:
                body: bytes | None = await read_body(receive, REQUEST_OCTETS_MAX)
            except TooLarge:
                body = None
            answer = await self._answer(scope["path"], body)
            await respond(send, 200, answer.body, _POST_HEADERS)
        elif method == "GET":
            await self._get(scope, send)
        else:
            await respond(send, 405, b"", ((b"allow", b"GET, POST"),))

    async def _get(self, scope: Scope, send: Send) -> None:
        path = scope.get("raw_path") or scope["path"].encode()
        prefix, _, rest = _split(path)
        try:
            request = decode_get(rest)
        except (Malformed, TooLarge):
            request = b""
        answer = await self._answer(prefix.decode("ascii", "replace"), request)
        if answer.this_update is None or answer.next_update is None:
            await respond(send, 200, answer.body, _POST_HEADERS)
            return
        tag = entity_tag(answer.body)
        headers = cache_headers(answer.this_update, answer.next_update, self._clock(), KEEP_AT_MOST, tag)
        wanted = dict(scope["headers"]).get(b"if-none-match")
        if not_modified(wanted, tag):
            await respond(send, 304, b"", headers)
        else:
            await respond(send, 200, answer.body, (_TYPE, *headers))

    async def _answer(self, path: str, request: bytes | None) -> Answer:
        try:
            generation = self._generation(path)
            if request is None:
                return Answer(ocsp.MALFORMED_REQUEST)
            parsed = parse_request(request)
        except (Malformed, TooLarge):
            return Answer(ocsp.MALFORMED_REQUEST)
        except NotFound:
            return Answer(ocsp.UNAUTHORIZED)
        try:
            return await self._responder.answer(generation, parsed.cert_ids, parsed.nonce, self._clock())
        except Unavailable:
            return Answer(ocsp.TRY_LATER)
        except CertwrightError:
            return Answer(ocsp.INTERNAL_ERROR)

    def _generation(self, path: str) -> Generation:
        return self._snapshots.current.generation(path.removeprefix("/ocsp/").rstrip("/"))


def _split(path: bytes) -> tuple[bytes, bytes, bytes]:
    """`/ocsp/NAME/NUMBER` and what follows it."""
    parts = path.split(b"/", 4)
    return b"/".join(parts[:4]), b"/", parts[4] if len(parts) > 4 else b""
