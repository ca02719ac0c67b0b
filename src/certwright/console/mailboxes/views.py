"""Mail addresses: have a code mailed, paste it; and for officers, what others have proved.

Looking at a page proves nothing, since scanners of mail open every link: a code is sent by the form.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.mailboxes import (
    ListedProof,
    ask_for_code,
    list_proofs,
    listed,
    own_proof,
    own_proofs,
    proof_to_take_away,
    prove_mailbox,
    take_away_proof,
    takes_away,
)
from ..acting import actor_of, run
from ..acts import submit
from ..login.fresh import recently_authenticated
from ..notices.views import number
from .forms import AddressForm, CodeForm, WhyForm

METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(METHODS)
def mailboxes(request: HttpRequest) -> HttpResponse:
    """One's own, and the form that has a code mailed."""
    form = AddressForm(request.POST or None)
    made: list[int] = []

    async def ask(context: Context, actor: Actor) -> None:
        made.append((await ask_for_code(context, actor, form.cleaned_data["address"])).id)

    status = submit(request, form, ask) if request.method == "POST" else 200
    if not status:
        return redirect("mailbox", identifier=made[0])
    settings = bridge().context.vetting
    facts = {"proofs": run(request, own_proofs), "form": form, "mails": settings.mails}
    facts["days"] = settings.ages.mailbox_days
    return render(request, "mailboxes/list.html", facts, status=status)


@sensitive_post_parameters("code")
@require_http_methods(METHODS)
def mailbox(request: HttpRequest, identifier: int) -> HttpResponse:
    """One's own proof, and the form for its code."""

    async def look(context: Context, actor: Actor) -> ListedProof:
        return listed(context, await own_proof(context, actor, identifier))

    found = run(request, look)
    form = CodeForm(request.POST or None)

    async def prove(context: Context, actor: Actor) -> None:
        await prove_mailbox(context, actor, identifier, form.cleaned_data["code"])

    status = submit(request, form, prove) if request.method == "POST" else 200
    if not status:
        messages.success(request, _("It is shown that %s is yours.") % found.row.address)
        return redirect("mailboxes")
    return render(request, "mailboxes/one.html", {"proof": found, "form": form}, status=status)


@require_safe
def proofs(request: HttpRequest) -> HttpResponse:
    """Everybody's, for officers and auditors."""
    after = number(request.GET["after"]) if request.GET.get("after") else None
    found, following = run(request, lambda context, actor: list_proofs(context, actor, after))
    facts = {"proofs": found, "next": following, "takes_away": takes_away(actor_of(request))}
    return render(request, "mailboxes/proofs.html", facts)


@recently_authenticated
@require_http_methods(METHODS)
def take_away(request: HttpRequest, identifier: int) -> HttpResponse:
    found = run(request, lambda context, actor: proof_to_take_away(context, actor, identifier))
    form = WhyForm(request.POST or None)

    async def end(context: Context, actor: Actor) -> Any:
        await take_away_proof(context, actor, identifier, form.cleaned_data["why"])

    status = submit(request, form, end) if request.method == "POST" else 200
    if not status:
        messages.success(request, _("It counts no more."))
        return redirect("mailbox_proofs")
    return render(request, "mailboxes/take_away.html", {"proof": found, "form": form}, status=status)
