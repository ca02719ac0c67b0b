"""Acts on organizations. Certificates are issued on what is said here, so each asks for a fresh proof."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ...core.errors import NotFound
from ...core.vetting import KINDS, CheckKind
from ...operations.evidence import upload_evidence
from ...operations.organizations import save_organization
from ...operations.record_check import CheckOrder, record_check, revoke_check
from ..acts import submit
from ..login.fresh import recently_authenticated
from .forms import LABELS, CheckForm, OrganizationForm, UploadForm, WhyForm
from .views import read

METHODS = ["GET", "HEAD", "POST"]


@recently_authenticated
@require_http_methods(METHODS)
def new(request: HttpRequest) -> HttpResponse:
    form = OrganizationForm(request.POST or None)
    made: list[int] = []
    status = 200
    if request.method == "POST":
        status = submit(request, form, _saving(form, None, made))
    if not status:
        return redirect("organization", identifier=made[0])
    return render(request, "organizations/new.html", {"form": form}, status=status)


def _saving(form: OrganizationForm, identifier: int | None, made: list[int]) -> Any:
    async def save(context: Any, actor: Any) -> None:
        team = form.cleaned_data["team"]
        row = await save_organization(context, actor, form.record(), team, identifier)
        made.append(row.id)

    return save


@recently_authenticated
@require_http_methods(METHODS)
def change(request: HttpRequest, identifier: int) -> HttpResponse:
    found = read(request, identifier)
    known = {name: found["organization"][name] for name in (*LABELS, "team")}
    form = OrganizationForm(request.POST or None, initial=known)
    title = _("Change the record")
    return _answer(request, identifier, form, _saving(form, identifier, []), title, found)


@recently_authenticated
@require_http_methods(METHODS)
def upload(request: HttpRequest, identifier: int) -> HttpResponse:
    found = read(request, identifier)
    form = UploadForm(request.POST or None, request.FILES or None)

    async def keep(context: Any, actor: Any) -> None:
        file = form.cleaned_data["file"]
        await upload_evidence(context, actor, identifier, file.name, file.read())

    return _answer(request, identifier, form, keep, _("Upload a document"), found, upload=True)


@recently_authenticated
@require_http_methods(METHODS)
def record(request: HttpRequest, identifier: int, kind: str) -> HttpResponse:
    if kind not in tuple(CheckKind):
        raise NotFound("there is no such check")
    wanted, found = CheckKind(kind), read(request, identifier)
    form = CheckForm(request.POST or None)
    if wanted is not CheckKind.DOMAIN:
        del form.fields["domain"]
    chosen = [one for one in request.POST.getlist("documents") if one.isascii() and one.isdigit()]

    async def put(context: Any, actor: Any) -> None:
        given = form.cleaned_data
        documents = tuple(map(int, chosen))
        since = _begin(given["since"])
        order = CheckOrder(wanted, given["note"], documents, since, given.get("domain", ""))
        await record_check(context, actor, identifier, order)

    about = {"about": KINDS[wanted], "chosen": chosen}
    return _answer(request, identifier, form, put, KINDS[wanted].title, found | about)


def _begin(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


@recently_authenticated
@require_http_methods(METHODS)
def revoke(request: HttpRequest, identifier: int, check: int) -> HttpResponse:
    found = read(request, identifier)
    form = WhyForm(request.POST or None)

    async def end(context: Any, actor: Any) -> None:
        await revoke_check(context, actor, identifier, check, form.cleaned_data["why"])

    return _answer(request, identifier, form, end, _("Revoke a check"), found)


def _answer(
    request: HttpRequest,
    identifier: int,
    form: forms.Form,
    act: Any,
    title: str,
    found: dict[str, Any],
    *,
    upload: bool = False,
) -> HttpResponse:
    """The form; once it is done, the organization."""
    status = submit(request, form, act) if request.method == "POST" else 200
    if not status:
        messages.success(request, _("It is on record."))
        return redirect("organization", identifier=identifier)
    shown = found | {"form": form, "title": title, "upload": upload}
    return render(request, "organizations/act.html", shown, status=status)
