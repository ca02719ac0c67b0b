"""The list of requests: what waits for whoever looks, what they have asked for, and all they may see."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from ...core.access import Actor
from ...core.approval import RequestStatus, current_step, request_status
from ...core.errors import Malformed
from ...core.moments import read_moment
from ...operations.context import Context
from ...operations.find_request import IDENTIFIER_MAX
from ...operations.list_requests import RequestFilter, list_requests
from ...operations.waiting_requests import Place, waiting_for
from ...store.approvals import Request
from ...store.enrolment import read_identifiers
from ..acting import run
from .told import WORDS

PAGE = 50
SHOWS = {"me": _("Waiting for me"), "mine": _("Asked for by me"), "all": _("All I may see")}


@dataclass(frozen=True, slots=True)
class Line:
    """One request in the list. `approvers` can decide on the `step` that it waits at, if it waits."""

    request: Request
    title: str
    more: int
    status: RequestStatus
    step: str
    approvers: tuple[str, ...]


@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    show, status = request.GET.get("show", "me"), request.GET.get("status", "")
    if show not in SHOWS or (status and status not in tuple(RequestStatus)):
        raise Malformed("requests are shown as me, mine or all, and by a status; begin the list anew")
    after = request.GET.get("after", "")
    lines, following = run(request, lambda context, actor: _page(context, actor, show, status, after))
    query = {"show": show} | ({"status": status} if status else {})
    context: dict[str, Any] = {
        "show": show,
        "shows": SHOWS,
        "status": status,
        "statuses": WORDS,
        "lines": lines,
        "next": urlencode(query | {"after": following}) if following else "",
        "later": bool(after),
    }
    return render(request, "requests/list.html", context)


async def _page(context: Context, actor: Actor, show: str, status: str, after: str) -> tuple[list[Line], str]:
    """The lines, and after what the next page goes on, empty at the end."""
    now = context.clock()
    if show == "me":
        page = await waiting_for(context.database, context.snapshot, actor, now, _place(after), PAGE)
        following = f"{page.next[0].isoformat()} {page.next[1]}" if page.next else ""
        return [line_of(one, now) for one in page.requests], following
    wanted = RequestFilter(RequestStatus(status) if status else None, show == "mine")
    place = _number(after) if after else None
    found = await list_requests(context.database, context.snapshot, actor, wanted, now, place, PAGE)
    return [line_of(one, now) for one in found.requests], str(found.next or "")


def _place(text: str) -> Place | None:
    if not text:
        return None
    at, _space, number = text.rpartition(" ")
    return read_moment(at, "the list"), _number(number)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) > IDENTIFIER_MAX:
        raise Malformed("the list cannot go on from there; begin it anew")
    return int(text)


def line_of(request: Request, now: datetime) -> Line:
    facts, status = request.facts, request_status(request.facts, now)
    at = current_step(facts) if status is RequestStatus.WAITING else None
    names = read_identifiers(request.row.names)
    title = str(names[0].value) if names else request.row.subject or str(request.row.id)
    step, approvers = (facts.steps[at].name, facts.steps[at].approvers) if at is not None else ("", ())
    return Line(request, title, max(len(names) - 1, 0), status, step, approvers)
