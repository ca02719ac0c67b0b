"""OCSP over HTTP (RFC 6960 appendix A, RFC 5019): the web face of the responder, plain ASGI."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ...core import ocsp
from ...core.errors import CertwrightError, Malformed, NotFound, TooLarge, Unavailable
from ...operations.answer_ocsp import Answer, OcspResponder
from ...store.snapshot import Snapshots
from ..asgi import Receive, Scope, Send, read_body, respond
from ..caching import NOT_CACHEABLE, cache_headers, entity_tag, unchanged
from .messages import CONTENT_TYPE, REQUEST_OCTETS_MAX, decode_get, parse_request

KEEP_AT_MOST = timedelta(minutes=5)
PREFIX = "/ocsp/"
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
            answer = await self._answer_post(scope["path"], receive)
            await respond(send, 200, answer.body, _POST_HEADERS)
        elif method in ("GET", "HEAD"):
            await self._get(scope, send)
        else:
            await respond(send, 405, b"", ((b"allow", b"GET, HEAD, POST"),))

    async def _answer_post(self, path: str, receive: Receive) -> Answer:
        try:
            request = await read_body(receive, REQUEST_OCTETS_MAX)
        except TooLarge:
            return Answer(ocsp.MALFORMED_REQUEST)
        return await self._answer(path.removeprefix(PREFIX).rstrip("/"), request)

    async def _get(self, scope: Scope, send: Send) -> None:
        """HEAD is answered like GET; the server leaves the body out."""
        path, rest = _split(scope["raw_path"])
        now = self._clock()
        try:
            answer = await self._answer(path, decode_get(rest))
        except (Malformed, TooLarge):
            answer = Answer(ocsp.MALFORMED_REQUEST)
        if answer.this_update is None or answer.next_update is None:
            await respond(send, 200, answer.body, _POST_HEADERS)
            return
        tag = entity_tag(answer.body)
        headers = cache_headers(answer.this_update, answer.next_update, now, KEEP_AT_MOST, tag)
        if unchanged(scope, tag):
            await respond(send, 304, b"", headers)
        else:
            await respond(send, 200, answer.body, (_TYPE, *headers))

    async def _answer(self, path: str, request: bytes) -> Answer:
        try:
            generation = await self._snapshots.find(lambda snapshot: snapshot.generation(path))
            parsed = parse_request(request)
            return await self._responder.answer(generation, parsed.cert_ids, parsed.nonce, self._clock())
        except (Malformed, TooLarge):
            return Answer(ocsp.MALFORMED_REQUEST)
        except NotFound:
            return Answer(ocsp.UNAUTHORIZED)
        except Unavailable:
            return Answer(ocsp.TRY_LATER)
        except CertwrightError:
            return Answer(ocsp.INTERNAL_ERROR)


def _split(raw_path: bytes) -> tuple[str, bytes]:
    """`NAME/NUMBER` after the prefix, and what follows it."""
    parts = raw_path.split(b"/", 4)
    return b"/".join(parts[2:4]).decode("ascii", "replace"), parts[4] if len(parts) > 4 else b""
