"""Teams: who is in them, and what roles they have together."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from ...operations.manage_teams import (
    add_member,
    change_team,
    create_team,
    list_teams,
    read_team,
    remove_member,
)
from ...operations.withdraw_role import list_grants
from ..acting import run
from ..acts import Act, perform, submit
from ..login.fresh import recently_authenticated
from .forms import MemberForm, NewTeamForm, TeamForm
from .views import grant_acts


@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    return render(request, "people/teams.html", {"teams": run(request, list_teams)})


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def new_team(request: HttpRequest) -> HttpResponse:
    form = NewTeamForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = submit(
            request, form, lambda context, actor: create_team(context, actor, **form.cleaned_data)
        )
    if not status:
        return redirect("team", name=form.cleaned_data["name"])
    return render(request, "people/new_team.html", {"form": form}, status=status)


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: HttpRequest, name: str) -> HttpResponse:
    row, members = run(request, lambda context, actor: read_team(context, actor, name))
    outcome = perform(request, name, ACTS, {"change": {"description": row.description, "email": row.email}})
    if not outcome.status:
        return redirect("team", name=name)
    grants = run(request, lambda context, actor: list_grants(context.database, actor))
    facts = {
        "team": row,
        "members": members,
        "forms": outcome.forms,
        "grants": [grant for grant in grants if grant.holder == f"team:{name}"],
    }
    return render(request, "people/team.html", facts, status=outcome.status)


ACTS = {
    "change": Act(
        lambda context, actor, name, given: change_team(context, actor, name, **given),
        _("The team is changed."),
        TeamForm,
    ),
    "add": Act(
        lambda context, actor, name, given: add_member(context, actor, name, given["user"]),
        _("They are in the team."),
        MemberForm,
    ),
    "remove": Act(
        lambda context, actor, name, given: remove_member(context, actor, name, given["user"]),
        _("They are not in the team any more."),
        MemberForm,
    ),
    **grant_acts("team"),
}
