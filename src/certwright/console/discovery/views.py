"""What is looked at again and again, the newest runs, and a look that is had once."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ...core.access import Actor, Verb
from ...core.errors import Malformed
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.discovery_runs import ask_discovery, last_runs, list_runs, run_status
from ...operations.discovery_scopes import list_scopes, run_scope
from ...operations.discovery_sources import source_names
from ...operations.shown import has_anywhere, require_anywhere
from ...store.discovery_rows import DiscoveryRunRow, DiscoveryScopeRow
from ..acting import actor_of, run
from ..acts import submit
from .forms import LookForm
from .words import STATUSES, how_often, source_words

RUNS_SHOWN = 20
SCOPES_SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
def discovery(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _begin(request)
    before = request.GET.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) <= 19):
        raise Malformed("the list of runs cannot go on from there; begin it anew")

    async def read(context: Context, actor: Actor) -> dict[str, Any]:
        database, place = context.database, int(before) if before else None
        scopes = await list_scopes(database, actor)
        last = await last_runs(database, actor, [one.id for one in scopes[:SCOPES_SHOWN]])
        runs = await list_runs(database, actor, after=place, limit=RUNS_SHOWN + 1)
        return {
            "scopes": [scope_told(one, last.get(one.id)) for one in scopes[:SCOPES_SHOWN]],
            "scopes_more": len(scopes) - SCOPES_SHOWN if len(scopes) > SCOPES_SHOWN else 0,
            "runs": [run_told(one, scopes) for one in runs[:RUNS_SHOWN]],
            "further": runs[RUNS_SHOWN - 1].id if len(runs) > RUNS_SHOWN else "",
        }

    facts = run(request, read) | {"before": before, "sources": sources()}
    facts["may_look"] = has_anywhere(actor_of(request), (Verb.DISCOVER,))
    return render(request, "discovery/list.html", facts)


def _begin(request: HttpRequest) -> HttpResponse:
    """Look at a scope now."""
    name = request.POST.get("scope", "")
    row = run(request, lambda context, actor: run_scope(context, actor, name))
    return redirect("discovery_run", identifier=row.id)


def sources() -> list[tuple[str, str]]:
    return [(name, source_words(name)) for name in source_names()]


def scope_told(scope: DiscoveryScopeRow, last: DiscoveryRunRow | None) -> dict[str, Any]:
    return {
        "row": scope,
        "source": source_words(scope.source),
        "how_often": how_often(scope.every_minutes),
        "last": run_told(last) if last else None,
    }


def run_told(row: DiscoveryRunRow, scopes: list[DiscoveryScopeRow] | None = None) -> dict[str, Any]:
    """A run as every page says it. `scopes` are those among which its own may be."""
    words, colour = STATUSES[run_status(row, bridge().context.clock())]
    named = next((one.name for one in scopes or () if one.id == row.scope_id), "")
    return {"row": row, "words": words, "colour": colour, "scope": named, "source": source_words(row.source)}


@require_http_methods(["GET", "HEAD", "POST"])
def look_once(request: HttpRequest, source: str) -> HttpResponse:
    require_anywhere(actor_of(request), Verb.DISCOVER)
    form, made = LookForm(source, request.POST or None), []
    facts = {"form": form, "source": source, "source_words": source_words(source), "sources": sources()}
    if request.method != "POST":
        return render(request, "discovery/look.html", facts)

    async def ask(context: Context, actor: Actor) -> None:
        made.append(await ask_discovery(context, actor, form.look()))

    if status := submit(request, form, ask):
        return render(request, "discovery/look.html", facts, status=status)
    messages.success(request, _("A worker looks as soon as it can."))
    return redirect("discovery_run", identifier=made[0].id)
