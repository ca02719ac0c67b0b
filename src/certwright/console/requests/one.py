"""One request: all that there is to judge it by, what was decided, and what may be done to it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ...core.access import Actor
from ...core.approval import RequestFacts, RequestStatus, current_step, request_status
from ...core.approval_steps import ApprovalStep
from ...core.errors import Malformed
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.decide_request import approve_request, reject_request
from ...operations.find_request import read_number
from ...operations.issue import Issued
from ...operations.look_at_request import RequestLook, look_at_request
from ...operations.request_documents import request_document
from ...operations.resubmit_request import resubmit_request
from ...operations.withdraw_request import withdraw_request
from ...store.approvals import Request
from ...store.enrolment import read_identifiers
from ...store.people_rows import ApprovalDecisionRow
from ..acting import run
from ..acts import Act, perform
from ..login.fresh import ask_again, is_fresh, recently_authenticated
from .forms import CommentForm, ReasonForm
from .views import line_of


@dataclass(frozen=True, slots=True)
class StepShown:
    """`state` is done, now, later or never."""

    step: ApprovalStep
    state: str
    decisions: tuple[ApprovalDecisionRow, ...]


@require_http_methods(["GET", "HEAD", "POST"])
def request_page(request: HttpRequest, identifier: str) -> HttpResponseBase:
    number = read_number(identifier)
    if request.POST.get("act") == "approve" and not is_fresh(request):
        return ask_again(request)
    outcome = perform(request, identifier, ACTS, {})
    if not outcome.status:
        return redirect("request", identifier=identifier)
    look, certificate = run(request, lambda context, actor: _look(context, actor, number))
    told = _told(look, certificate, bridge().context.clock())
    told |= {"forms": outcome.forms | {"resubmit": CommentForm()}, "fresh": is_fresh(request)}
    told["refused"] = [
        error
        for act, form in outcome.forms.items()
        if act not in look.acts
        for error in form.non_field_errors()
    ]
    return render(request, "requests/one.html", told, status=outcome.status)


async def _look(context: Context, actor: Actor, number: int) -> tuple[RequestLook, str]:
    """Also the fingerprint of what was issued, or empty."""
    look = await look_at_request(context, actor, number)
    document = await request_document(context.database, look.request, context.clock())
    return look, document["certificate"] or ""


def _told(look: RequestLook, certificate: str, now: datetime) -> dict[str, Any]:
    request = look.request
    return {
        "look": look,
        "line": line_of(request, now),
        "row": request.row,
        "key_digest": hashlib.sha256(request.row.public_key).hexdigest(),
        "names": [str(name) for name in read_identifiers(request.row.names)],
        "steps": _steps(request, now),
        "certificate": certificate,
        "open": request_status(request.facts, now) is RequestStatus.WAITING,
    }


def _steps(request: Request, now: datetime) -> list[StepShown]:
    facts = request.facts
    return [
        StepShown(
            step,
            _state(facts, number, now),
            tuple([one for one in request.decisions if one.step == number]),
        )
        for number, step in enumerate(facts.steps)
    ]


def _state(facts: RequestFacts, number: int, now: datetime) -> str:
    at = current_step(facts)
    if at is None or number < at:
        return "done"
    if request_status(facts, now) is not RequestStatus.WAITING:
        return "never"
    return "now" if number == at else "later"


ACTS = {
    "approve": Act(
        lambda context, actor, number, given: approve_request(
            context, actor, read_number(number), given["comment"]
        ),
        gettext_lazy("Your approval is on record."),
        CommentForm,
    ),
    "reject": Act(
        lambda context, actor, number, given: reject_request(
            context, actor, read_number(number), given["reason"]
        ),
        gettext_lazy("The request is rejected."),
        ReasonForm,
    ),
    "withdraw": Act(
        lambda context, actor, number, given: withdraw_request(context, actor, read_number(number)),
        gettext_lazy("The request is withdrawn."),
    ),
}


@require_safe
@recently_authenticated
def prove(request: HttpRequest, identifier: str) -> HttpResponse:
    """By way of a proof of who one is, if need be, to the request: what one writes there is not lost then."""
    return redirect("request", identifier=identifier)


@require_POST
def again(request: HttpRequest, identifier: str) -> HttpResponse:
    """Make it again, with other words: it leads to the new request, or to the certificate."""
    form = CommentForm(request.POST)
    if not form.is_valid():
        raise Malformed("; ".join(str(text) for texts in form.errors.values() for text in texts))
    number, comment = read_number(identifier), form.cleaned_data["comment"]
    made = run(request, lambda context, actor: resubmit_request(context, actor, number, comment))
    if isinstance(made, Issued):
        messages.success(request, _("Nobody need approve it any more: this is the certificate."))
        return redirect("certificate", reference=made.row.fingerprint.hex())
    messages.success(request, _("This is the new request."))
    return redirect("request", identifier=str(made.row.id))
