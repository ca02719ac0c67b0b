"""Lists and authority certificates over HTTP (RFC 5280 section 4.2.1.13, RFC 2585), plain ASGI."""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime

from ...core.errors import CertwrightError, NotFound, Unavailable
from ...operations.serve_status import PublishedLists
from ...store.snapshot import Snapshots
from ..asgi import Receive, Scope, Send, respond

Headers = tuple[tuple[bytes, bytes], ...]

KEEP_AT_MOST = timedelta(minutes=5)
_LIST = re.compile(r"/crl/([^/]{1,100}/[0-9]{1,6})/([0-9]{1,6})(-delta)?\.crl")
_CERTIFICATE = re.compile(r"/ca/([^/]{1,100}/[0-9]{1,6})\.cer")


class PublicationApplication:
    """`/crl/{authority}/{generation}/{shard}.crl` (and `-delta.crl`), `/ca/{authority}/{generation}.cer`."""

    def __init__(self, snapshots: Snapshots, lists: PublishedLists, clock: Callable[[], datetime]) -> None:
        self._snapshots = snapshots
        self._lists = lists
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await respond(send, 405, b"", ((b"allow", b"GET, HEAD"),))
            return
        try:
            body, headers = await self._find(scope["path"])
        except Unavailable as error:
            text = ((b"content-type", b"text/plain"), (b"retry-after", str(error.retry_after).encode()))
            await respond(send, 503, error.detail.encode() + b"\n", text)
            return
        except CertwrightError as error:
            await respond(
                send, error.status, error.detail.encode() + b"\n", ((b"content-type", b"text/plain"),)
            )
            return
        tag = b'"' + hashlib.sha256(body).hexdigest()[:40].encode() + b'"'
        headers = (*headers, (b"etag", tag))
        if dict(scope["headers"]).get(b"if-none-match") == tag:
            await respond(send, 304, b"", headers)
        else:
            await respond(send, 200, b"" if scope["method"] == "HEAD" else body, headers)

    async def _find(self, path: str) -> tuple[bytes, Headers]:
        snapshot, now = self._snapshots.current, self._clock()
        if match := _LIST.fullmatch(path):
            row = await self._lists.newest(
                snapshot.generation(match[1]), int(match[2]), match[3] is not None, now
            )
            until = min(row.next_update, now + KEEP_AT_MOST)
            return row.der, (
                (b"content-type", b"application/pkix-crl"),
                (b"cache-control", b"public, max-age=%d" % (until - now).total_seconds()),
                (b"last-modified", _http_date(row.this_update)),
                (b"expires", _http_date(until)),
            )
        if match := _CERTIFICATE.fullmatch(path):
            return snapshot.generation(match[1]).der, (
                (b"content-type", b"application/pkix-cert"),
                (b"cache-control", b"public, max-age=86400"),
            )
        raise NotFound("nothing is published here")


def _http_date(moment: datetime) -> bytes:
    return format_datetime(moment.replace(microsecond=0), usegmt=True).encode()
