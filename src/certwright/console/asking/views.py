"""Ask for a certificate: what for, then the form of that profile, then the certificate or who approves it."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ...core.access import Actor
from ...core.approval import ENDED, RequestStatus
from ...core.errors import CertwrightError, Malformed
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.find_request import request_before
from ...operations.issue import Issued
from ...operations.make_key_for import HandedOver, make_key_for
from ...operations.request_certificate import Words, request_certificate
from ...operations.request_documents import request_document
from ...operations.wish import choice_of, choices, names_others, teams_to_name
from ...store.approvals import Request
from ..acting import actor_of, run
from ..downloads import file_stem
from ..errors import told
from . import words
from .forms import AskForm, Offer, subject_asked, subject_field
from .previewed import previewed, refusal

FIRST = "tls-server"
LOST = ENDED - {RequestStatus.ISSUED}
"""Statuses of requests that no certificate comes of any more."""
NO_KEY = {
    "csr": gettext_lazy("there is no request (CSR) yet: paste it, or choose another way to a key"),
    "browser": gettext_lazy(
        "your browser makes the key with a script, which did not run: bring a CSR instead"
    ),
}


@require_safe
def ask(request: HttpRequest) -> HttpResponse:
    """What is it for?"""
    found = choices(bridge().context.snapshot, actor_of(request))
    offered = [(one.profile, words.what_for(one.profile)) for one in found]
    return render(request, "asking/choose.html", {"offered": offered, "first": FIRST})


@require_http_methods(["GET", "HEAD", "POST"])
def ask_for(request: HttpRequest, profile: str) -> HttpResponse:
    """The form; sent, it is previewed or asked for."""
    offer = _offer(request, profile)
    if request.method != "POST":
        return _page(request, AskForm(offer, initial=_initial(offer)))
    form = AskForm(offer, request.POST, request.FILES)
    if request.POST.get("act") == "preview":
        return _shown_again(request, form)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        made = _asked(request, form)
    except CertwrightError as error:
        error = told(request, error)
        return _page(request, form, refused=refusal(error), status=error.status)
    return _outcome(request, made, _first(form.cleaned_data.get("names", ())))


@require_POST
def ask_preview(request: HttpRequest, profile: str) -> HttpResponse:
    """The certificate to be, as a part of the page."""
    form = AskForm(_offer(request, profile), request.POST, request.FILES)
    facts = {"preview": previewed(request, form), "form": form, "part": True}
    return render(request, "asking/preview.html", facts)


def _offer(request: HttpRequest, profile: str) -> Offer:
    snapshot, actor = bridge().context.snapshot, actor_of(request)
    choice = choice_of(snapshot, actor, profile)
    return Offer(choice, teams_to_name(snapshot, actor), names_others(actor))


def _initial(offer: Offer) -> dict[str, Any]:
    return {"key": "csr", "authority": offer.choice.authorities[0]}


def _page(request: HttpRequest, form: AskForm, status: int = 200, **facts: Any) -> HttpResponse:
    profile, rules = form.offer.profile, subject_asked(form.offer.profile)
    page = {
        "form": form,
        "profile": profile,
        "what_for": words.what_for(profile),
        "asked": [form[subject_field(rule)] for rule in rules if rule.required],
        "more": [form[subject_field(rule)] for rule in rules if not rule.required],
        "more_is_set": any(form[subject_field(rule)].value() for rule in rules if not rule.required),
        "one_authority": len(form.offer.choice.authorities) == 1,
        "ways": form.offer.ways,
    }
    return render(request, "asking/form.html", page | facts, status=status)


def _shown_again(request: HttpRequest, form: AskForm) -> HttpResponse:
    """The whole page with the preview in it, for who has no script; with names that a CSR brought."""
    found = previewed(request, form)
    if found.prefilled:
        data = request.POST.copy()
        data["names"] = found.prefilled
        form = AskForm(form.offer, data, request.FILES)
    return _page(request, form, preview=replace(found, prefilled=""))


# -- asking --------------------------------------------------------------------------------------


def _asked(request: HttpRequest, form: AskForm) -> Issued | Request | HandedOver:
    """What came of it. Raises what the operations raise."""
    wish, given, profile = form.wish(), form.cleaned_data, form.offer.profile
    if given["key"] == "server":
        return run(request, lambda context, actor: make_key_for(context, actor, wish, form.made()))
    if given["request"] is None:
        raise Malformed(str(NO_KEY[given["key"]]))

    async def act(context: Context, actor: Actor) -> Issued | Request:
        order = wish.order(actor, profile, given["request"], context.clock())
        return await request_certificate(context, order, Words(given["comment"]))

    return run(request, act)


def _outcome(request: HttpRequest, made: Issued | Request | HandedOver, named: str) -> HttpResponse:
    if isinstance(made, Request):
        return redirect("ask_done", identifier=made.row.id)
    if isinstance(made, Issued):
        messages.success(request, _("Your certificate is here. Download it, and put it in place."))
        return redirect("certificate", reference=made.row.fingerprint.hex())
    row = made.issued.row
    facts = {
        "fingerprint": row.fingerprint.hex(),
        "name": f"{file_stem(named or row.subject)}.p12",
        "subject": row.subject,
        "password": made.password,
        "file": base64.b64encode(made.pkcs12).decode(),
    }
    return render(request, "asking/handed_over.html", facts, status=201)


def _first(names: Sequence[object]) -> str:
    """The first name, of names that are written with their kind."""
    return str(names[0]).partition(":")[2] if names else ""


@require_safe
def ask_done(request: HttpRequest, identifier: int) -> HttpResponse:
    """A request that was made here: whom it waits for, and what came of it."""

    async def act(context: Context, actor: Actor) -> tuple[bytes, dict[str, Any]]:
        found = await request_before(context, actor, identifier)
        document = await request_document(context.database, found, context.clock())
        return found.row.public_key, document

    public_key, document = run(request, act)
    facts = {
        "wanted": document,
        "steps": words.steps(document["steps"]),
        "spki_sha256": hashlib.sha256(public_key).hexdigest(),
        "file_name": file_stem(_first(document["names"]) or document["subject"]),
        "ended": "yes" if document["status"] in LOST else "",
    }
    return render(request, "asking/done.html", facts)
