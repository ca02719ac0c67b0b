"""Lists and authority certificates over HTTP (RFC 5280 section 4.2.1.13, RFC 2585), plain ASGI."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from ...core.certs_only import certs_only
from ...core.errors import CertwrightError, NotFound, Unavailable
from ...operations.serve_status import PublishedLists
from ...store.snapshot import Generation, Snapshots
from ..asgi import Receive, Scope, Send, respond
from ..caching import NOT_CACHEABLE, Fields, cache_headers, entity_tag, entity_tag_of, unchanged

KEEP_AT_MOST = timedelta(minutes=5)
KEEP_CERTIFICATE = b"public, max-age=86400"
_LIST = re.compile(r"/crl/([^/]{1,100}/[0-9]{1,6})/([0-9]{1,6})(-delta)?\.crl")
_CERTIFICATE = re.compile(r"/ca/([^/]{1,100}/[0-9]{1,6})\.(cer|p7c)")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class PublicationApplication:
    """`/crl/{authority}/{generation}/{shard}.crl` (and `-delta.crl`), `/ca/{authority}/{generation}.cer` (and
    `.p7c`)."""

    def __init__(self, snapshots: Snapshots, lists: PublishedLists, clock: Callable[[], datetime]) -> None:
        self._snapshots = snapshots
        self._lists = lists
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """HEAD is answered like GET; the server leaves the body out."""
        if scope["method"] not in ("GET", "HEAD"):
            await respond(send, 405, b"", ((b"allow", b"GET, HEAD"),))
            return
        try:
            await self._answer(scope, send)
        except CertwrightError as error:
            headers = [_TEXT, *NOT_CACHEABLE]
            if isinstance(error, Unavailable):
                headers.append((b"retry-after", b"%d" % error.retry_after))
            await respond(send, error.status, error.detail.encode() + b"\n", headers)

    async def _answer(self, scope: Scope, send: Send) -> None:
        path = scope["path"]
        if match := _LIST.fullmatch(path):
            await self._answer_list(scope, send, match[1], int(match[2]), match[3] is not None)
        elif match := _CERTIFICATE.fullmatch(path):
            await _answer_certificate(scope, send, await self._generation(match[1]), match[2])
        else:
            raise NotFound("nothing is published here")

    async def _answer_list(self, scope: Scope, send: Send, path: str, shard: int, delta: bool) -> None:
        now = self._clock()
        found = await self._lists.newest(await self._generation(path), shard, delta, now)
        tag = entity_tag_of(found.digest)
        headers = cache_headers(found.this_update, found.next_update, now, KEEP_AT_MOST, tag)
        await _respond(scope, send, found.der, b"application/pkix-crl", headers, tag)

    async def _generation(self, path: str) -> Generation:
        return await self._snapshots.find(lambda snapshot: snapshot.generation(path))


async def _answer_certificate(scope: Scope, send: Send, generation: Generation, form: str) -> None:
    """The authority's certificate, or with all above it (RFC 5280 section 4.2.2.1)."""
    if form == "cer":
        body, content_type = generation.der, b"application/pkix-cert"
    else:
        body = certs_only((generation.der, *generation.chain))
        content_type = b"application/pkcs7-mime; smime-type=certs-only"
    tag = entity_tag(body)
    headers = ((b"cache-control", KEEP_CERTIFICATE), (b"etag", tag))
    await _respond(scope, send, body, content_type, headers, tag)


async def _respond(
    scope: Scope, send: Send, body: bytes, content_type: bytes, headers: Fields, tag: bytes
) -> None:
    if unchanged(scope, tag):
        await respond(send, 304, b"", headers)
    else:
        await respond(send, 200, body, ((b"content-type", content_type), *headers))
