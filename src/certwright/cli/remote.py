"""The same commands on another machine's installation, over its REST API; standard library alone."""

from __future__ import annotations

import codecs
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from ..core.errors import (
    CertwrightError,
    Conflict,
    Forbidden,
    Malformed,
    NotFound,
    Reason,
    Refused,
    SecondPersonNeeded,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:
    from .options import Session

SECONDS = 60
ANSWER_OCTETS_MAX = 16 * 1024 * 1024
PIECE_OCTETS = 64 * 1024
DETAIL_CHARACTERS_MAX = 2000
PAGE_MAX = 1000
_ERRORS: dict[int, type[CertwrightError]] = {
    error.status: error
    for error in (Malformed, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Unavailable)
}


@dataclass(frozen=True, slots=True)
class Remote:
    """An installation's REST API. `root` is None for the system's trust anchors."""

    url: str
    token: str = field(repr=False)
    root: Path | None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._ask("GET", path + (f"?{urlencode(query)}" if query else ""), None)

    def post(self, path: str, document: Mapping[str, object] | None = None) -> dict[str, Any]:
        return self._ask("POST", path, json.dumps(document or {}).encode())

    def put(self, path: str, document: Mapping[str, object]) -> dict[str, Any]:
        return self._ask("PUT", path, json.dumps(document).encode())

    def delete(self, path: str) -> dict[str, Any]:
        return self._ask("DELETE", path, None)

    def rows(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """The rows of a list, page by page as they are wanted; `name` is the field that has them."""
        page = self.get(path)
        yield from page[name]
        while page.get("next"):
            page = self.get(path, {"after": page["next"], "limit": str(PAGE_MAX)})
            yield from page[name]

    def pieces(self, path: str) -> Iterator[str]:
        """A document as it comes, however long it is. Raises as the others do, and Unavailable when it is cut
        off."""
        with self._answer("GET", path, None) as answer:
            if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
                raise _told(answer.status, answer.read(ANSWER_OCTETS_MAX + 1))
            decoder = codecs.getincrementaldecoder("utf-8")()
            while piece := answer.read(PIECE_OCTETS):
                yield decoder.decode(piece)

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        """The answer's document. Raises the error that the other side names, Unavailable when it is away."""
        with self._answer(method, path, body) as answer:
            status, content = answer.status, answer.read(ANSWER_OCTETS_MAX + 1)
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise _told(status, content)
        document = self._document(content)
        if status == HTTPStatus.ACCEPTED and document.get("proposal"):
            raise SecondPersonNeeded(int(document["proposal"]))
        return document

    @contextmanager
    def _answer(self, method: str, path: str, body: bytes | None) -> Iterator[HTTPResponse]:
        """Redirects are not followed: the token is for this host and no other. Raises Unavailable."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        trust = self._trust()
        try:
            connection = HTTPSConnection(parts.hostname, parts.port, timeout=SECONDS, context=trust)
            with closing(connection):
                connection.request(method, f"/api/v1{path}", body, headers)
                yield connection.getresponse()
        except (OSError, HTTPException) as error:
            raise Unavailable(f"{self.url} cannot be reached: {error}") from error

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=str(self.root) if self.root else None)
        except OSError as error:
            reason = "no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise Malformed(f"the root to trust cannot be read from {self.root}: {reason}") from error

    def _document(self, content: bytes) -> dict[str, Any]:
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if len(content) > ANSWER_OCTETS_MAX or not isinstance(document, dict):
            raise Unavailable(f"{self.url} gave no answer of its REST API; is it the right address?")
        return document


def path_of(*parts: str) -> str:
    """`/authorities/issuing/retire` of its parts; what a part holds stays in that part.

    Raises NotFound for a part with a slash: servers read an escaped one as a slash too.
    """
    for part in parts:
        if "/" in part or part in {"", ".", ".."}:
            raise NotFound(f"there is no name with a slash, and none like {part[:80]!r}")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def end_of(life: timedelta) -> str:
    """When something ends that begins now, by this machine's clock, as RFC 3339 has it."""
    return (datetime.now(UTC) + life).isoformat()


def _told(status: int, content: bytes) -> CertwrightError:
    """The other side's problem document (RFC 9457) as our error, with every reason of a refusal."""
    try:
        problem = json.loads(content)
        detail = str(problem["detail"])
        given = problem.get("reasons") or ()
        reasons = tuple(Reason(str(one["code"]), str(one["message"])) for one in given)
    except (ValueError, KeyError, TypeError, AttributeError):
        detail, reasons = f"the other side answered with HTTP status {status} and no reason", ()
    if reasons:
        return Refused(reasons)
    return _ERRORS.get(status, CertwrightError)(" ".join(detail.split())[:DETAIL_CHARACTERS_MAX])


def remote_of(session: Session, url: str, token: str, root: Path | None) -> Remote | None:
    """The installation that options or environment name; None to act on this machine. Raises Malformed."""
    token = token or os.environ.get("CERTWRIGHT_TOKEN", "")
    url = (url or os.environ.get("CERTWRIGHT_SERVER", "")).rstrip("/")
    if not token and not url:
        return None
    if not token:
        raise Malformed("--url and CERTWRIGHT_SERVER need a token; give --token or CERTWRIGHT_TOKEN")
    if not url:
        raise Malformed("there is a token, but neither --url nor CERTWRIGHT_SERVER says where to use it")
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query or parts.username:
        raise Malformed(f"{url[:200]!r} is no https://host[:port]; a token goes over TLS alone")
    home = session.wiring.folder(session.home)
    kept = [home / name for name in ("service.pem", "root.pem") if (home / name).exists()]
    return Remote(url, token, root or next(iter(kept), None))
