"""Who decides in whose place: one's own right handed on for a time, and taken back."""

from datetime import UTC, datetime, time
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from ...core.access import Actor, Verb
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.delegate_approval import delegate_approval, list_delegations, take_back_approval
from ...operations.find_request import read_number
from ...operations.shown import has_anywhere
from ..acting import actor_of, run
from ..acts import Act, perform
from ..login.fresh import recently_authenticated
from .forms import DelegationForm, DelegationForOthersForm, TakeBackForm


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def delegations(request: HttpRequest) -> HttpResponseBase:
    actor = actor_of(request)
    manages = has_anywhere(actor, (Verb.MANAGE_ACCESS,))
    outcome = perform(request, "", FOR_OTHERS if manages else ACTS, {})
    if not outcome.status:
        return redirect("delegations")
    now = bridge().context.clock()
    rows = run(request, lambda context, actor: list_delegations(context.database, actor, now))
    context = {"rows": rows, "forms": outcome.forms, "myself": actor.account, "manages": manages, "now": now}
    return render(request, "requests/delegations.html", context, status=outcome.status)


async def _hand_on(context: Context, actor: Actor, _name: str, given: dict[str, Any]) -> None:
    begins = datetime.combine(given["begins"], time.min, UTC) if given["begins"] else None
    ends = datetime.combine(given["until"], time.max, UTC)
    user = given.get("user", "")
    await delegate_approval(context, actor, given["deputy"], ends, begins, given["comment"], user)


async def _take_back(context: Context, actor: Actor, _name: str, given: dict[str, Any]) -> None:
    await take_back_approval(context, actor, read_number(given["number"]))


ACTS = {
    "hand_on": Act(_hand_on, gettext_lazy("The right is handed on."), DelegationForm),
    "take_back": Act(_take_back, gettext_lazy("The right is taken back."), TakeBackForm),
}
FOR_OTHERS = ACTS | {"hand_on": Act(_hand_on, ACTS["hand_on"].done, DelegationForOthersForm)}
