"""The profiles; one in words, in any version; and a certificate of it before there is one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ...core.access import Actor, Subject, Verb
from ...core.errors import CertwrightError, Forbidden, Malformed
from ...core.profile import Profile
from ...core.profiles_builtin import built_in_profiles
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.issue import IssueOrder
from ...operations.preview import preview
from ...operations.read_profile import VERSION_MAX, read_profile
from ...operations.shown import has_anywhere, open_verbs
from ...operations.view_configuration import list_profiles
from ...store import models
from ..acting import actor_of, run
from .examples import example_request
from .forms import ExampleForm
from .words import in_words

VERSIONS_SHOWN = 50


@require_safe
def profiles(request: HttpRequest) -> HttpResponse:
    actor, snapshot = actor_of(request), bridge().context.snapshot
    used = {name: _endpoints(name) for name in snapshot.profiles}
    context = {
        "rows": [(one, used[one.name]) for one in list_profiles(snapshot, actor)],
        "may_make": has_anywhere(actor, (Verb.MANAGE_PROFILES,)),
        "built_in": set(built_in_profiles()),
    }
    return render(request, "profiles/list.html", context)


def _endpoints(profile: str) -> list[str]:
    """Paths of those in use that offer it."""
    found = bridge().context.snapshot.endpoints.items()
    return sorted(path for path, one in found if one.row.enabled and profile in one.profiles)


@require_safe
def profile(request: HttpRequest, name: str) -> HttpResponse:
    shown = _read(request, name, _version(request))
    newest, actor = bridge().context.snapshot.profile(name), actor_of(request)
    versions = models.Profile.objects.filter(name=name).order_by("-number")
    context = {
        "profile": shown,
        "newest": newest.version,
        "words": in_words(shown),
        "endpoints": _endpoints(name),
        "versions": versions.values_list("number", "created_at")[:VERSIONS_SHOWN],
        "manages": bool(open_verbs(actor, (Verb.MANAGE_PROFILES,), Subject(profile=name))),
    }
    return render(request, "profiles/one.html", context)


def _version(request: HttpRequest) -> int | None:
    text = request.GET.get("version", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not 1 <= int(text) <= VERSION_MAX:
        raise Malformed("a version is a whole number from 1")
    return int(text)


def _read(request: HttpRequest, name: str, version: int | None = None) -> Profile:
    return run(
        request,
        lambda context, actor: read_profile(context.database, context.snapshot, actor, name, version),
    )


@require_safe
def preview_of(request: HttpRequest, name: str) -> HttpResponse:
    """The exact certificate that the example would become. Nothing is signed or kept."""
    shown = _read(request, name)
    form = ExampleForm(request.GET or None, actor_of(request), shown)
    context: dict[str, Any] = {"profile": shown, "form": form}
    if form.is_valid():
        given = form.cleaned_data

        async def act(there: Context, actor: Actor) -> dict[str, Any]:
            wanted = example_request(given["names"], given["subject"], given["key"])
            order = IssueOrder(actor, wanted, given["authority"], name, verb=Verb.VIEW)
            return await preview(there, order)

        try:
            context["made"] = run(request, act)
        except Forbidden:
            raise
        except CertwrightError as error:
            context["error"] = error
    return render(request, "profiles/preview.html", context)
