"""Accounts: who there is, what they may do, and their log-in."""

import os
import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor, Grant, Role
from ...core.passwords import SALT_OCTETS, hash_password
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.grant_role import grant_role
from ...operations.manage_users import (
    NewUser,
    change_user,
    create_user,
    disable_user,
    enable_user,
    end_sessions,
    list_users,
    read_user,
    remove_factors,
    set_password,
)
from ...operations.withdraw_role import list_grants, withdraw_role
from ..acting import run
from ..acts import Act, perform, submit
from ..login.fresh import recently_authenticated
from .forms import AccountForm, DisableForm, GrantForm, NewAccountForm

PASSWORD_OCTETS = 15
PASSWORD_LASTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """Shown once, good for one log-in, and dead after PASSWORD_LASTS."""

    text: str = field(default_factory=lambda: secrets.token_urlsafe(PASSWORD_OCTETS), repr=False)

    def kept(self) -> str:
        """Hashed, which takes a while: never on the event loop."""
        return hash_password(self.text, os.urandom(SALT_OCTETS))


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    rows = run(request, lambda context, actor: list_users(context.database, actor))
    return render(request, "people/list.html", {"people": rows})


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def new_person(request: HttpRequest) -> HttpResponse:
    form = NewAccountForm(request.POST or None)
    if request.method != "POST":
        return render(request, "people/new.html", {"form": form})
    password = FirstPassword()
    status = submit(request, form, _creation(form, password))
    if status:
        return render(request, "people/new.html", {"form": form}, status=status)
    name = form.cleaned_data["name"]
    if form.cleaned_data["service"]:
        return redirect("person", name=name)
    return render(request, "people/password.html", {"name": name, "password": password.text}, status=201)


def _creation(form: NewAccountForm, password: FirstPassword) -> Any:
    kept, expires = password.kept(), bridge().context.clock() + PASSWORD_LASTS

    async def create(context: Context, actor: Actor) -> None:
        new = NewUser(**form.cleaned_data)
        if not new.service:
            new = replace(new, password=kept, password_expires_at=expires)
        await create_user(context, actor, new)

    return create


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest, name: str) -> HttpResponse:
    row = run(request, lambda context, actor: read_user(context, actor, name))
    initial = {"change": {"display_name": row.display_name, "email": row.email}}
    outcome = perform(request, name, ACTS, initial)
    if not outcome.status:
        return redirect("person", name=name)
    grants = run(request, lambda context, actor: list_grants(context.database, actor))
    facts = {
        "person": row,
        "forms": outcome.forms,
        "grants": [grant for grant in grants if grant.holder == f"user:{name}"],
        "teams": bridge().context.snapshot.teams_of.get(name, ()),
    }
    return render(request, "people/person.html", facts, status=outcome.status)


@recently_authenticated
@require_http_methods(["POST"])
def new_password(request: HttpRequest, name: str) -> HttpResponse:
    """Another first password, for who has lost theirs."""
    password = FirstPassword()
    kept, expires = password.kept(), bridge().context.clock() + PASSWORD_LASTS
    run(request, lambda context, actor: set_password(context, actor, name, kept, expires))
    return render(request, "people/password.html", {"name": name, "password": password.text})


async def _give(context: Context, actor: Actor, holder: str, given: dict[str, Any]) -> None:
    await grant_role(context, actor, holder, Grant(Role(given["role"]), given["scope"]))


async def _withdraw(context: Context, actor: Actor, holder: str, given: dict[str, Any]) -> None:
    await withdraw_role(context, actor, holder, Grant(Role(given["role"]), given["scope"]))


def grant_acts(kind: str) -> dict[str, Act]:
    """Giving and withdrawing roles, for holders of this kind: `user` or `team`."""
    return {
        "give": Act(
            lambda context, actor, name, given: _give(context, actor, f"{kind}:{name}", given),
            _("The role is given."),
            GrantForm,
        ),
        "withdraw": Act(
            lambda context, actor, name, given: _withdraw(context, actor, f"{kind}:{name}", given),
            _("The role is withdrawn."),
            GrantForm,
        ),
    }


ACTS = {
    "change": Act(
        lambda context, actor, name, given: change_user(context, actor, name, **given),
        _("The account is changed."),
        AccountForm,
    ),
    "disable": Act(
        lambda context, actor, name, given: disable_user(context, actor, name, **given),
        _("The account is disabled; its sessions and tokens are worthless."),
        DisableForm,
    ),
    "enable": Act(
        lambda context, actor, name, given: enable_user(context, actor, name), _("The account is enabled.")
    ),
    "end": Act(
        lambda context, actor, name, given: end_sessions(context, actor, name),
        _("All sessions of the account are ended."),
    ),
    "factors": Act(
        lambda context, actor, name, given: remove_factors(context, actor, name),
        _("The account has neither authenticator nor passkeys any more."),
    ),
    **grant_acts("user"),
}
