"""Practice documents over HTTP, plain ASGI: where the CPS qualifier of certificates points (RFC 5280 section
4.2.1.4)."""

import re
from collections.abc import Callable
from datetime import datetime

from ...core.errors import CertwrightError, NotFound, Unavailable
from ...core.practice.html import style_hash
from ...operations.serve_practice import published_form
from ...store.databases import Database
from ..asgi import Receive, Scope, Send, respond
from ..caching import NOT_CACHEABLE, entity_tag, unchanged

_PATH = re.compile(r"/practice/(cps?)(?:/([1-9][0-9]{0,8}))?\.(html|pdf|p7s)")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_TYPES = {
    "html": b"text/html; charset=utf-8",
    "pdf": b"application/pdf",
    "p7s": b"application/pkcs7-signature",
}
KEEP_NEWEST, KEEP_VERSION = b"public, max-age=300", b"public, max-age=31536000, immutable"


class PracticeApplication:
    """`/practice/{kind}.{form}` for the newest version in effect, `/practice/{kind}/{number}.{form}` for one
    that stays; kinds are cp and cps, forms html, pdf and p7s."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
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
        match = _PATH.fullmatch(scope["path"])
        if match is None:
            raise NotFound("nothing is published here")
        kind, number, form = match.groups()
        wanted = int(number) if number else None
        found = await published_form(self._database, kind, wanted, form, self._clock())
        tag = entity_tag(found.body)
        headers = [(b"cache-control", KEEP_VERSION if number else KEEP_NEWEST), (b"etag", tag)]
        if unchanged(scope, tag):
            await respond(send, 304, b"", headers)
            return
        headers += [(b"content-type", _TYPES[form]), (b"x-content-type-options", b"nosniff")]
        if form == "html":
            headers.append((b"content-security-policy", _policy(found.body)))
        await respond(send, 200, found.body, headers)


def _policy(page: bytes) -> bytes:
    """Nothing but the page's own style, and that only as it was published."""
    style, rest = style_hash(page.decode()), "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return (f"default-src 'none'; style-src '{style}'; {rest}").encode("ascii")
