"""What is set and from where, what this is made of, how it does; and the one setting that lies in the
database."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from ...core.access import Actor, Subject, Verb
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.lease import read_leases
from ...operations.save_base_url import save_base_url
from ...operations.shown import open_verbs, require_page
from ...store.rows import LeaseRow
from ..acting import actor_of, run
from ..acts import Act, perform
from ..login.fresh import proved_to_send
from ..surroundings import surroundings
from .parts import parts, versions


class BaseUrlForm(forms.Form):
    url = forms.CharField(label=_("Where relying parties reach us"), max_length=200)


ACTS = {
    "url": Act(
        lambda context, actor, name, given: save_base_url(context, actor, given["url"]),
        _("Certificates issued from now on say so. Those that are out do not: keep the old address working."),
        BaseUrlForm,
    )
}


@proved_to_send
@require_http_methods(["GET", "HEAD", "POST"])
def installation(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require_page(actor, Verb.VIEW_AUDIT, Subject())
    row = bridge().context.snapshot.installation
    outcome = perform(request, "", ACTS, {"url": {"url": row.base_url}})
    if not outcome.status:
        return redirect("settings")
    now = bridge().context.clock()
    report = request.META["asgi.scope"]["extensions"][surroundings().readiness]()
    context = {
        "installation": bridge().context.snapshot.installation,
        "forms": outcome.forms,
        "manages": bool(open_verbs(actor, (Verb.MANAGE_AUTHORITIES,), Subject())),
        "url_source": next(one.source for one in surroundings().shown if one.name == "url"),
        "settings": surroundings().shown,
        "home": surroundings().home,
        "report": report,
        "revision": bridge().context.snapshot.revision,
        "leases": [(one, one.expires_at > now) for one in run(request, _leases)],
        "versions": versions(),
        "parts": parts(),
    }
    return render(request, "settings/one.html", context, status=outcome.status)


async def _leases(context: Context, actor: Actor) -> list[Any]:
    found: dict[str, LeaseRow] = await read_leases(context.database)
    return list(found.values())
