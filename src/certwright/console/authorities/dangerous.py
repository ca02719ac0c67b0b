"""Retire an authority, or take one back: a page that names what it will touch; sent, it is done."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ...core.access import Actor, Subject, Verb
from ...core.errors import Malformed
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.count_certificates import numbers_from
from ...operations.found_authority import retire_authority
from ...operations.shown import require_page
from ...operations.view_configuration import view_authority
from ...operations.withdraw_authority import withdraw_authority
from ...store.models import Overview
from ..acting import actor_of
from ..acts import submit
from ..login.fresh import recently_authenticated
from .forms import SureForm
from .views import below

ACTS: dict[str, Any] = {"retire": retire_authority, "withdraw": withdraw_authority}


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, name: str, what: str) -> HttpResponse:
    actor, snapshot = actor_of(request), bridge().context.snapshot
    view_authority(snapshot, actor, name)
    require_page(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=name))
    form, status = SureForm(request.POST or None), 200
    if request.method == "POST":
        status = submit(request, form, lambda context, actor: _leave(context, actor, name, what, form))
    if not status:
        messages.success(request, _("It is retired.") if what == "retire" else _("It is withdrawn."))
        return redirect("authority", name=name) if what == "retire" else redirect("authorities")
    facts = {
        "authority": name,
        "what": what,
        "form": form,
        "endpoints": sorted(path for path, one in snapshot.endpoints.items() if one.authority == name),
        "below": below(snapshot, actor, name),
        "live": live(name),
    }
    return render(request, "authorities/leave.html", facts, status=status)


async def _leave(context: Context, actor: Actor, name: str, what: str, form: SureForm) -> None:
    if form.cleaned_data["name"] != name:
        raise Malformed(f"that is not the name {name}; nothing was done")
    await ACTS[what](context, actor, name)


def live(name: str) -> int | None:
    """How many live certificates it has issued, as the worker has last counted; None before it has."""
    row = Overview.objects.filter(scope=f"authority:{name}").first()
    return numbers_from(row.document).live if row else None
