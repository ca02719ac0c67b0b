"""One run: how far it is, what it has come to, and what has changed since the run before."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor, Verb
from ...core.errors import Malformed, NotFound
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.discovery_runs import RunStatus, cancel_run, find_run, run_status
from ...operations.discovery_scopes import scope_of
from ...operations.list_seen import list_seen
from ...operations.run_difference import CHANGES, Difference, run_difference
from ...operations.shown import has_anywhere
from ...store.discovery_rows import DiscoveryRunRow, DiscoveryScopeRow
from ..acting import actor_of, run
from .views import run_told
from .words import place_words, time_left

UNDER_WAY = (RunStatus.WAITING, RunStatus.RUNNING, RunStatus.STALLED)
SEEN_SHOWN = 50
IDENTIFIER_MAX = 2**63


@require_http_methods(["GET", "HEAD", "POST"])
def discovery_run(request: HttpRequest, identifier: int) -> HttpResponse:
    if request.method == "POST":
        return _stop(request, identifier)
    polled = request.headers.get("HX-Request") == "true"
    row, scope, seen, further = run(
        request, lambda context, actor: _read(context, actor, identifier, _after(request), polled)
    )
    facts = run_told(row) | _progress(row) | {"scope_row": scope}
    facts["may_look"] = has_anywhere(actor_of(request), (Verb.DISCOVER,))
    if polled:
        answer = render(request, "discovery/progress.html", facts)
        if not facts["under_way"]:
            answer["HX-Refresh"] = "true"
        return answer
    facts |= {name: json.loads(getattr(row, name)) for name in ("targets", "exclude")}
    facts |= {"seen": [_seen_told(one) for one in seen], "further": further}
    return render(request, "discovery/run.html", facts)


Read = tuple[DiscoveryRunRow, DiscoveryScopeRow | None, list[dict[str, Any]], int | None]


async def _read(context: Context, actor: Actor, identifier: int, after: int, polled: bool) -> Read:
    row = await find_run(context.database, actor, _known(identifier))
    scope = await scope_of(context.database, row)
    if polled:
        return row, scope, [], None
    seen, further = await list_seen(context, actor, identifier, after, SEEN_SHOWN)
    return row, scope, seen, further


def _known(identifier: int) -> int:
    if identifier >= IDENTIFIER_MAX:
        raise NotFound(f"there is no discovery run {identifier}")
    return identifier


def _after(request: HttpRequest) -> int:
    text = request.GET.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Malformed("the list cannot go on from there; begin it anew")
    return int(text)


def _progress(row: DiscoveryRunRow) -> dict[str, Any]:
    now = bridge().context.clock()
    status = run_status(row, now)
    return {
        "status": status.value,
        "under_way": status in UNDER_WAY,
        "percent": min(100, 100 * row.done // row.total) if row.total else 0,
        "left": time_left(row, now),
    }


def _seen_told(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"where": place_words(document["place"])}


def _stop(request: HttpRequest, identifier: int) -> HttpResponse:
    if request.POST.get("act") != "cancel":
        raise Malformed("this page knows to stop a run")
    run(request, lambda context, actor: cancel_run(context, actor, _known(identifier)))
    return redirect("discovery_run", identifier=identifier)


@require_safe
def difference(request: HttpRequest, identifier: int) -> HttpResponse:
    """What has come, what is gone and what is another since the run before of the same scope."""
    kind = request.GET.get("kind", "new")
    if kind not in CHANGES:
        raise Malformed("changes are new, gone or changed")
    found: Difference = run(
        request,
        lambda context, actor: run_difference(
            context, actor, _known(identifier), kind, _after(request), SEEN_SHOWN
        ),
    )
    facts = run_told(found.run) | {
        "found": found,
        "rows": [one | {"where": place_words(one["place"])} for one in found.rows],
        "kind": kind,
        "after": _after(request),
    }
    return render(request, "discovery/difference.html", facts)
