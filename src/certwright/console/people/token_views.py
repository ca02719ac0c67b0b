"""Tokens of an account: one's own, and those of services by whoever manages access."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from ...core.access import Actor, Grant, Role
from ...operations.context import Context
from ...operations.manage_tokens import create_token, list_tokens_of, revoke_token
from ..acting import actor_of, run
from ..acts import Act, perform, submit
from ..login.fresh import recently_authenticated
from .forms import GrantForm

DAYS, DAYS_MAX = 90, 3650


class TokenForm(GrantForm):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("It stays in the audit for ever.")
    )
    days = forms.IntegerField(
        label=gettext_lazy("Good for days"), min_value=1, max_value=DAYS_MAX, initial=DAYS
    )
    field_order = ("name", "role", "scope", "days")


class RevokeForm(forms.Form):
    token = forms.CharField(max_length=100)


async def _revoke(context: Context, actor: Actor, account: str, given: dict[str, Any]) -> None:
    await revoke_token(context, actor, given["token"])


ACTS = {"revoke": Act(_revoke, gettext_lazy("The token is worthless now."), RevokeForm)}


@dataclass(slots=True)
class _Shown:
    """What is shown once."""

    secret: str = field(default="", repr=False)


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def own_tokens(request: HttpRequest) -> HttpResponse:
    return _tokens(request, actor_of(request).user, reverse("own_tokens"))


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def service_tokens(request: HttpRequest, name: str) -> HttpResponse:
    return _tokens(request, name, reverse("service_tokens", args=[name]))


def _tokens(request: HttpRequest, account: str, here: str) -> HttpResponse:
    """The list, and a form for a new one; made, its secret is shown instead."""

    def listed() -> list[Any]:
        return run(request, lambda context, actor: list_tokens_of(context.database, actor, account))

    listed()  # who may not see them, makes none
    making = request.method == "POST" and request.POST.get("act") == "make"
    form = TokenForm(request.POST if making else None)
    facts = {"holder": account, "here": here, "form": form, "own": account == actor_of(request).user}
    if making:
        shown = _Shown()
        status = submit(request, form, lambda context, actor: _make(context, actor, account, form, shown))
        if not status:
            made = facts | {"name": form.cleaned_data["name"], "secret": shown.secret}
            return render(request, "people/token.html", made, status=201)
    else:
        outcome = perform(request, account, ACTS, {})
        status = outcome.status
        facts["revoking"] = outcome.forms["revoke"]
        if not status:
            return redirect(here)
    return render(request, "people/tokens.html", facts | {"tokens": listed()}, status=status)


async def _make(context: Context, actor: Actor, account: str, form: forms.Form, shown: _Shown) -> None:
    given = form.cleaned_data
    grants = (Grant(Role(given["role"]), given["scope"]),)
    ends = context.clock() + timedelta(days=given["days"])
    shown.secret = (await create_token(context, actor, given["name"], grants, ends, account)).secret
