"""Dangerous acts that were proposed: what each would touch, and who confirms or carries it out."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor
from ...core.second_person import State
from ...operations.carry_out import can_be_carried_out, carry_out
from ...operations.context import Context
from ...operations.decide_proposal import confirm_proposal, withdraw_proposal
from ...operations.read_proposals import (
    is_own,
    list_proposals,
    proposal_document,
    proposal_number,
    read_proposal,
    waits_for,
)
from ...store.people_rows import ProposalRow
from ..acting import run
from ..acts import Act, perform
from ..login.fresh import recently_authenticated


@dataclass(frozen=True, slots=True)
class Shown:
    """A proposal as it is told, and what the person who looks may do with it."""

    row: ProposalRow
    told: dict[str, Any]
    own: bool
    waits_for_me: bool

    @property
    def open(self) -> bool:
        return self.told["state"] in (State.WAITING, State.CONFIRMED)

    @property
    def to_carry_out(self) -> bool:
        return self.own and self.told["state"] == State.CONFIRMED

    @property
    def from_here(self) -> bool:
        return can_be_carried_out(self.row)


def _shown(context: Context, actor: Actor, row: ProposalRow) -> Shown:
    now = context.clock()
    return Shown(row, proposal_document(row, now), is_own(row, actor), waits_for(row, actor, now))


@require_safe
def proposals(request: HttpRequest) -> HttpResponse:
    async def look(context: Context, actor: Actor) -> list[Shown]:
        return [_shown(context, actor, row) for row in await list_proposals(context.database, actor)]

    found = run(request, look)
    facts = {
        "mine_to_confirm": [one for one in found if one.waits_for_me],
        "others": [one for one in found if not one.waits_for_me],
    }
    return render(request, "proposals/list.html", facts)


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def proposal(request: HttpRequest, number: str) -> HttpResponse:
    async def look(context: Context, actor: Actor) -> Shown:
        return _shown(context, actor, await read_proposal(context.database, actor, proposal_number(number)))

    run(request, look)
    outcome = perform(request, number, ACTS, {})
    if not outcome.status:
        return redirect("proposal", number=number)
    facts = {"shown": run(request, look), "forms": outcome.forms}
    return render(request, "proposals/one.html", facts, status=outcome.status)


async def _confirm(context: Context, actor: Actor, number: str, given: dict[str, Any]) -> None:
    await confirm_proposal(context, actor, proposal_number(number))


async def _withdraw(context: Context, actor: Actor, number: str, given: dict[str, Any]) -> None:
    await withdraw_proposal(context, actor, proposal_number(number))


async def _carry_out(context: Context, actor: Actor, number: str, given: dict[str, Any]) -> None:
    await carry_out(context, actor, proposal_number(number))


ACTS = {
    "confirm": Act(_confirm, _("It is confirmed; whoever proposed it can carry it out now."), forms.Form),
    "withdraw": Act(_withdraw, _("It is withdrawn."), forms.Form),
    "do": Act(_carry_out, _("It is done."), forms.Form),
}
