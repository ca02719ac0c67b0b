"""Make a scope, change one, look at it no more."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ...core.access import Subject, Verb
from ...core.errors import Malformed
from ...operations.discovery_runs import list_runs
from ...operations.discovery_scopes import find_scope, remove_scope, save_scope
from ...operations.shown import has_anywhere, require_anywhere, require_page
from ...store.discovery_rows import DiscoveryScopeRow
from ..acting import actor_of, run
from ..acts import submit
from .forms import NewScopeForm, ScopeForm
from .views import run_told, scope_told, sources
from .words import source_words

RUNS_SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
def new_scope(request: HttpRequest, source: str) -> HttpResponse:
    require_anywhere(actor_of(request), Verb.DISCOVER)
    form = NewScopeForm(source, request.POST or None)
    facts = {"form": form, "source": source, "source_words": source_words(source), "sources": sources()}
    if request.method != "POST":
        return render(request, "discovery/new_scope.html", facts)
    status = submit(
        request,
        form,
        lambda context, actor: save_scope(context, actor, form.order(form.cleaned_data["name"])),
    )
    if status:
        return render(request, "discovery/new_scope.html", facts, status=status)
    messages.success(request, _("The scope is saved."))
    return redirect("scope", name=form.cleaned_data["name"])


def _scope(request: HttpRequest, name: str) -> DiscoveryScopeRow:
    return run(request, lambda context, actor: find_scope(context.database, actor, name))


@require_http_methods(["GET", "HEAD", "POST"])
def change_scope(request: HttpRequest, name: str) -> HttpResponse:
    """One scope: its runs, and how it is looked at."""
    scope = _scope(request, name)
    manages = has_anywhere(actor_of(request), (Verb.DISCOVER,))
    form, status = ScopeForm(scope.source, request.POST or None, scope), 200
    if request.method == "POST":
        status = submit(
            request,
            form,
            lambda context, actor: save_scope(context, actor, form.order(name), form.cleaned_data["version"]),
        )
        if not status:
            messages.success(request, _("The scope is saved."))
            return redirect("scope", name=name)
    runs = run(request, lambda context, actor: list_runs(context.database, actor, scope.id, limit=RUNS_SHOWN))
    facts = scope_told(scope, runs[0] if runs else None) | {
        "form": form,
        "manages": manages,
        "runs": [run_told(one) for one in runs],
        **_lists(scope),
    }
    return render(request, "discovery/scope.html", facts, status=status)


def _lists(scope: DiscoveryScopeRow) -> dict[str, list[str]]:
    return {name: json.loads(getattr(scope, name)) for name in ("targets", "exclude", "quiet")}


@require_http_methods(["GET", "HEAD", "POST"])
def leave_scope(request: HttpRequest, name: str) -> HttpResponse:
    scope = _scope(request, name)
    require_page(actor_of(request), Verb.DISCOVER, Subject())
    if request.method != "POST":
        facts = scope_told(scope, None) | _lists(scope)
        return render(request, "discovery/remove_scope.html", facts)
    if request.POST.get("act") != "remove":
        raise Malformed("this page knows to remove a scope")
    run(request, lambda context, actor: remove_scope(context, actor, name))
    messages.success(request, _("Nobody looks there any more. What was seen stays."))
    return redirect("discovery")
