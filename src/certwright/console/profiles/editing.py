"""Save a profile as a new version, or a new one; as a document, as REST takes it."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ...core.access import Actor, Subject, Verb
from ...core.errors import Malformed
from ...core.profile import Profile
from ...core.profile_document import to_document
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.save_profile import save_profile
from ...operations.shown import require_anywhere, require_page
from ..acting import actor_of
from ..acts import submit
from ..login.fresh import recently_authenticated
from .forms import ProfileForm

MODEL = "tls-server"


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Begins as a copy of one that is there."""
    require_anywhere(actor_of(request), Verb.MANAGE_PROFILES)
    known = bridge().context.snapshot.profiles
    model = known.get(request.GET.get("from", "")) or known.get(MODEL) or next(iter(known.values()))
    document = to_document(model) | {"name": f"{model.name}-2", "version": 1}
    return _edited(request, json.dumps(document, indent=2), "")


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, name: str) -> HttpResponse:
    present = bridge().context.snapshot.profile(name)
    require_page(actor_of(request), Verb.MANAGE_PROFILES, Subject(profile=name))
    return _edited(request, json.dumps(to_document(present), indent=2), name)


def _edited(request: HttpRequest, text: str, name: str) -> HttpResponse:
    """`name` is empty for a new one."""
    form, saved, status = ProfileForm(request.POST or None, text), list[Profile](), 200

    async def act(context: Context, actor: Actor) -> None:
        document = form.cleaned_data["document"]
        if name and document.get("name") != name:
            raise Malformed(f"profile.name: must stay {name}; a profile of another name is a new one")
        if not name and document.get("name") in context.snapshot.profiles:
            raise Malformed("profile.name: there is a profile of that name already; choose another")
        saved.append(await save_profile(context, actor, document))

    if request.method == "POST":
        status = submit(request, form, act)
    if status:
        return render(request, "profiles/edit.html", {"form": form, "name": name}, status=status)
    messages.success(request, _("Saved as version %d.") % saved[0].version)
    return redirect("profile", name=saved[0].name)
