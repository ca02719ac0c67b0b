"""The API of a cluster: lists in pages, single objects, and what is refused in one line."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from ....core.egress import Unreached
from ....core.errors import CertwrightError, TooLarge, Unavailable
from ...calls import (
    TRY_AGAIN,
    Answer,
    Call,
    NotNow,
    Way,
    call,
    json_object,
    list_at,
    parse_endpoint,
    persistent,
    text_at,
    wait_asked_for,
)
from ...resolver import Resolver
from .kinds import Kind
from .settings import KubernetesSettings

EVERYWHERE = "*"
TOKEN = re.compile(r"[A-Za-z0-9_=+/.~-]{1,4096}")


class Denied(CertwrightError):
    """The credentials may not do this."""

    status = 502


class Gone(Exception):
    """A list has changed too much since its first page (410): `token` goes on with what follows there now.
    Where that is empty, or the server cannot read the token of a later page (400), it is begun again."""

    def __init__(self, token: str = "") -> None:
        super().__init__(token)
        self.token = token


class Absent(Exception):
    """There is no such thing (404)."""


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of a list, and the token of what follows, empty at its end."""

    objects: list[dict[str, Any]]
    token: str


class Api:
    """Methods raise Denied, Absent, Unreached, and Unavailable where the lack is ours: of credentials too."""

    def __init__(self, settings: KubernetesSettings) -> None:
        self._cluster = settings.cluster()
        self._page = settings.page
        resolver = Resolver(settings.resolver)
        self._way = Way(settings.policy, resolver, self._cluster.tls(), settings.seconds, settings.octets_max)

    @property
    def host(self) -> str:
        return str(self._cluster.url.host)

    @property
    def port(self) -> int:
        return self._cluster.url.port

    async def page(self, kind: Kind, namespace: str, token: str) -> Page:
        """A page of a list. Where its answer is too large, of fewer objects. Raises Gone too."""
        size = self._page
        while True:
            asked = {"limit": str(size)} | ({"continue": token} if token else {})
            path = f"{_path(kind, namespace)}?{urlencode(asked)}"
            try:
                answer = await self._asked(path, f"list {kind.name}", namespace, goes_on=bool(token))
            except TooLarge as error:
                if size == 1:
                    raise Unreached("connection", f"one of the {kind.name} is too large") from error
                size = max(1, size // 4)
                continue
            return _page_of(answer, kind)

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        """One object."""
        path = f"{_path(kind, namespace)}/{quote(name, safe='')}"
        try:
            return json_object((await self._asked(path, f"get {kind.name}", namespace)).body)
        except TooLarge as error:
            raise Unreached("connection", f"one of the {kind.name} is too large") from error

    async def _asked(self, path: str, doing: str, namespace: str, *, goes_on: bool = False) -> Answer:
        url = parse_endpoint(f"{str(self._cluster.url).rstrip('/')}{path}")
        headers = {"Accept": "application/json", **self._cluster.headers}
        where = f" in {namespace}" if namespace != EVERYWHERE else ""

        async def once() -> Answer:
            answer = await call(self._way, Call("GET", url, headers))
            if goes_on and answer.status == 400:
                raise Gone
            _check(answer, f"{doing}{where}")
            return answer

        return await persistent(self._way, once)


def _path(kind: Kind, namespace: str) -> str:
    inside = f"/namespaces/{quote(namespace, safe='')}" if kind.namespaced and namespace != EVERYWHERE else ""
    return f"{kind.path}{inside}/{kind.name}"


def _page_of(answer: Answer, kind: Kind) -> Page:
    document = json_object(answer.body)
    if not text_at(document, "kind").endswith("List"):
        raise Unreached("connection", f"the answer is no list of {kind.name}")
    token = text_at(document, "metadata", "continue")
    if token and not TOKEN.fullmatch(token):
        raise Unreached("connection", f"the list of {kind.name} has a page that cannot be asked for")
    return Page([one for one in list_at(document, "items") if isinstance(one, dict)], token)


def _next_token(answer: Answer) -> str:
    """Of a list that is gone (Kubernetes API concepts, "410 Gone responses"); empty where none is told."""
    try:
        token = text_at(json_object(answer.body), "metadata", "continue")
    except Unreached:
        return ""
    return token if TOKEN.fullmatch(token) else ""


def _check(answer: Answer, doing: str) -> None:
    """Raises NotNow, Denied, Absent, Gone, Unreached, Unavailable unless the answer is good."""
    if answer.status == 200:
        return
    if answer.status == 401:
        raise Unavailable("the cluster does not take the credentials")  # nothing at all can be seen
    if answer.status == 403:
        raise Denied(f"the credentials may not {doing}")
    if answer.status == 404:
        raise Absent
    if answer.status == 410:
        raise Gone(_next_token(answer))
    if answer.status in TRY_AGAIN:
        raise NotNow(f"{doing} is answered with status {answer.status}", wait_asked_for(answer))
    if 300 <= answer.status < 400:
        raise Unreached("connection", "it redirects elsewhere, where credentials are not sent")
    raise Unreached("connection", f"{doing} is answered with status {answer.status}")
