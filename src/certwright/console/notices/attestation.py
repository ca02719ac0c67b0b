"""Campaigns: what they ask whoever looks, the answers, and the record."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ...core.access import Actor
from ...core.attestation import Answer
from ...core.errors import CertwrightError, Malformed
from ...core.responsibility import Assignment
from ...core.tables import csv_text
from ...operations.asked_about import (
    Asked,
    Progress,
    asked_about,
    campaign_progress,
    manages_owners,
    opens_campaigns,
)
from ...operations.assign_owner import assign_owner
from ...operations.attestation import (
    answer_items,
    attestation_record,
    close_campaign,
    find_campaign,
    list_campaigns,
    open_campaign,
)
from ...operations.attestation_documents import RECORD_COLUMNS, record_cells
from ...operations.context import Context
from ...store.people_rows import AttestationCampaignRow
from ..acting import actor_of, run
from ..acts import submit
from ..errors import told
from .forms import CampaignForm
from .views import number

PAGE = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """A campaign, how far it is, and what it asks whoever looks."""

    row: AttestationCampaignRow
    progress: Progress
    asked: list[Asked]
    after: int | None


@require_safe
def campaigns(request: HttpRequest) -> HttpResponse:
    async def look(context: Context, actor: Actor) -> list[tuple[AttestationCampaignRow, Progress]]:
        rows = await list_campaigns(context.database, actor)
        return [(row, await campaign_progress(context.database, row.id)) for row in rows[:PAGE]]

    facts = {"campaigns": run(request, look), "opens": opens_campaigns(actor_of(request))}
    return render(request, "notices/campaigns.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
def new_campaign(request: HttpRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None)
    status, made = 200, list[AttestationCampaignRow]()
    if request.method == "POST":

        async def act(context: Context, actor: Actor) -> None:
            made.append(await open_campaign(context, actor, form.order()))

        status = submit(request, form, act)
    if not status:
        messages.success(request, _("The campaign is open; who answers for certificates hears of it."))
        return redirect("campaign", identifier=made[0].id)
    return render(request, "notices/new_campaign.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def campaign(request: HttpRequest, identifier: int) -> HttpResponse:
    if request.method == "POST":
        repeat = request.POST.get("repeat") == "yes"
        run(request, lambda context, actor: close_campaign(context, actor, identifier, repeat=repeat))
        messages.success(request, _("The campaign is closed."))
        return redirect("campaign", identifier=identifier)
    every = request.GET.get("all") == "yes"
    after = number(request.GET["after"]) if request.GET.get("after") else None

    async def look(context: Context, actor: Actor) -> Shown:
        database = context.database
        asked = await asked_about(database, actor, identifier, every=every, after=after, limit=PAGE)
        row = await find_campaign(database, identifier)
        return Shown(row, await campaign_progress(database, identifier), *asked)

    actor = actor_of(request)
    shown = run(request, look)
    facts = {"shown": shown, "every": every, "manages": manages_owners(actor)}
    facts["opens"] = opens_campaigns(actor)
    facts["unneeded"] = [
        one.certificate.fingerprint.hex()
        for one in shown.asked
        if one.revocable and one.item.answer == Answer.NOT_NEEDED
    ]
    return render(request, "notices/campaign.html", facts)


@require_POST
def answer(request: HttpRequest, identifier: int) -> HttpResponse:
    """Of those that are chosen; where somebody is named to hand them to, that is asked for too."""
    chosen = request.POST.getlist("chosen")
    if not chosen:
        raise Malformed("no certificate is chosen; go back and choose some")
    pairs = [one.partition(":") for one in chosen]
    certificates = [number(certificate) for certificate, _colon, _fingerprint in pairs]
    said, comment = _answer(request.POST.get("answer", "")), request.POST.get("comment", "")
    done = run(
        request,
        lambda context, actor: answer_items(context, actor, identifier, certificates, said, comment),
    )
    messages.success(request, ngettext("%d answer is on record.", "%d answers are on record.", done) % done)
    to = request.POST.get("hand_to", "").strip()
    if to and said is Answer.NOT_MINE:
        _hand_on(request, [fingerprint for _number, _colon, fingerprint in pairs], to)
    return redirect("campaign", identifier=identifier)


def _answer(text: str) -> Answer:
    try:
        return Answer(text)
    except ValueError:
        raise Malformed(f"an answer is one of {', '.join(Answer)}") from None


def _hand_on(request: HttpRequest, fingerprints: list[str], to: str) -> None:
    """The answer stays when it cannot be done."""
    wanted = Assignment(owner=to)
    try:
        run(request, lambda context, actor: assign_owner(context, actor, fingerprints, wanted))
    except CertwrightError as error:
        messages.error(request, told(request, error).detail)
    else:
        messages.success(request, _("%s answers for them from now on.") % to)


@require_safe
def export_record(request: HttpRequest, identifier: int) -> HttpResponse:
    async def look(context: Context, actor: Actor) -> list[Any]:
        return await attestation_record(context.database, actor, identifier)

    text = csv_text(RECORD_COLUMNS, map(record_cells, run(request, look)))
    return download(text, f"attestation-{identifier}.csv")


def download(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
