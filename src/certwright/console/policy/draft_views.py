"""Drafts of rules: written, tried, run over all that is on record, and put in force."""

from datetime import UTC, datetime, time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from ...core.access import Actor, Verb
from ...core.errors import CertwrightError, Malformed
from ...core.rules import RuleSet
from ...core.rules_toml import rules_to_toml
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.policy_replays import (
    cancel_replay,
    draft_of,
    find_replay,
    replay_document,
    replay_number,
    start_replay,
)
from ...operations.policy_warnings import check_policy
from ...operations.read_policy import read_policy
from ...operations.save_policy import save_policy
from ...operations.shown import has_anywhere
from ...operations.try_rules import try_rules
from ...store.rows import PolicyReplayRow
from ..acting import actor_of, run
from ..acts import submit
from ..errors import told
from ..login.fresh import recently_authenticated
from .forms import RulesForm, SaveForm, TrialForm
from .words import CHANGES, COLOURS, LISTS, OUTCOMES, compared

EXAMPLES = 10
UNDER_WAY = ("waiting", "running")
CASES = {
    "certificates": gettext_lazy("Certificates that hold"),
    "requests": gettext_lazy("Requests that waited for approval"),
}


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    """What is written becomes a draft on record, which is run at once; it is in force when it is saved."""
    if request.method != "POST":
        form = RulesForm(initial={"toml": rules_to_toml(_begun_from(request))})
        return render(request, "policy/edit.html", {"form": form})
    form, made = RulesForm(request.POST, request.FILES), []

    async def start(context: Context, actor: Actor) -> None:
        day, everything = form.cleaned_data["at"], form.cleaned_data["everything"]
        at = datetime.combine(day, time(), UTC) if day else None
        made.append(await start_replay(context, actor, form.rules, at, everything=everything))

    if status := submit(request, form, start):
        return render(request, "policy/edit.html", {"form": form}, status=status)
    return redirect("policy_draft", identifier=str(made[0].id))


def _begun_from(request: HttpRequest) -> RuleSet:
    """The rules in force, those of an earlier version, or a draft."""
    draft, number = request.GET.get("draft", ""), request.GET.get("from", "")
    if draft:
        return draft_of(_row(request, draft))
    if number and not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise Malformed(f"there is no version {number[:40]!r} of the rules")
    version = run(
        request,
        lambda context, actor: read_policy(
            context.database, context.snapshot, actor, int(number) if number else None
        ),
    )
    return version.rules


def _row(request: HttpRequest, identifier: str) -> PolicyReplayRow:
    number = replay_number(identifier)
    return run(request, lambda context, actor: find_replay(context.database, actor, number))


@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, identifier: str) -> HttpResponse:
    """A draft: what it changes and breaks, one name tried, and how far its run over everything is."""
    row = _row(request, identifier)
    if request.method == "POST":
        return _act(request, row)
    facts = _replayed(row)
    if request.headers.get("HX-Request") == "true":
        return render(request, "policy/replay.html", facts)
    facts |= _checked(request, draft_of(row)) | _tried(request, draft_of(row))
    facts["manages"] = has_anywhere(actor_of(request), (Verb.MANAGE_POLICY,))
    return render(request, "policy/draft.html", facts)


def _act(request: HttpRequest, row: PolicyReplayRow) -> HttpResponse:
    if request.POST.get("act") == "cancel":
        run(request, lambda context, actor: cancel_replay(context, actor, row.id))
        return redirect("policy_draft", identifier=str(row.id))
    if request.POST.get("act") != "again":
        raise Malformed("this page knows to cancel a run, and to run a draft again")
    rules = draft_of(row)
    made = run(request, lambda context, actor: start_replay(context, actor, rules, everything=row.everything))
    return redirect("policy_draft", identifier=str(made.id))


def _replayed(row: PolicyReplayRow) -> dict[str, Any]:
    document = replay_document(row, bridge().context.clock())
    found = document["result"] or {}
    return {
        "row": row,
        "status": document["status"],
        "under_way": document["status"] in UNDER_WAY,
        "percent": 100 * row.done // row.total if row.total else 0,
        "found": [_source(str(title), found[name]) for name, title in CASES.items() if name in found],
        "processes": found.get("processes"),
    }


def _source(title: str, found: dict[str, Any]) -> dict[str, Any]:
    """One kind of what was judged, each change in words and with its examples."""
    changes = [
        {
            **one,
            "words": CHANGES[one["change"]],
            "colour": COLOURS.get(one["change"], "green"),
            "lists": [(words, one[name]) for name, words in LISTS.items() if one[name]],
            "examples": [some for some in found["examples"] if some["change"] == one["change"]][:EXAMPLES],
        }
        for one in found["changes"]
    ]
    return {**found, "title": title, "changes": changes}


def _checked(request: HttpRequest, rules: RuleSet) -> dict[str, Any]:
    async def act(context: Context, actor: Actor) -> tuple[dict[str, Any], RuleSet]:
        now, snapshot = context.clock(), context.snapshot
        current = await read_policy(context.database, snapshot, actor)
        return await check_policy(context.database, snapshot, actor, rules, now), current.rules

    checked, current = run(request, act)
    return {"checked": checked, "compared": compared(current, rules)}


def _tried(request: HttpRequest, rules: RuleSet) -> dict[str, Any]:
    """One certificate that nobody has asked for, where the address has one."""
    snapshot, now = bridge().context.snapshot, bridge().context.clock()
    form = TrialForm(request.GET if "names" in request.GET else None, snapshot)
    facts: dict[str, Any] = {"trial": form}
    if form.is_bound and form.is_valid():
        try:
            tried = try_rules(actor_of(request), rules, form.trial(), now)
            facts |= {"tried": tried, "tried_words": OUTCOMES[tried["outcome"]]}
        except CertwrightError as error:
            form.add_error(None, told(request, error).detail)
    return facts


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: HttpRequest, identifier: str) -> HttpResponse:
    """Put a draft in force, if nobody has saved others since it was made."""
    row = _row(request, identifier)
    rules = draft_of(row)
    facts = {"row": row, **_checked(request, rules)}
    form = facts["form"] = SaveForm(request.POST or None)
    if not facts["checked"]["warnings"]:
        del form.fields["anyway"]
    if request.method != "POST":
        return render(request, "policy/save.html", facts)

    async def put(context: Context, actor: Actor) -> None:
        comment, anyway = form.cleaned_data["comment"], form.cleaned_data.get("anyway", False)
        await save_policy(context, actor, rules, comment, based_on=row.based_on, anyway=anyway)

    if status := submit(request, form, put):
        return render(request, "policy/save.html", facts, status=status)
    messages.success(request, _("The rules are in force."))
    return redirect("policy")
