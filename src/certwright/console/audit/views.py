"""The list of events, and one of them with its proof."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ...core.access import Actor
from ...core.audit import EventKind
from ...core.errors import Conflict, IntegrityError, Malformed, NotFound
from ...operations.context import Context
from ...operations.find_events import find_events, read_event
from ...operations.list_events import event_document
from ...operations.prove_audit import Inclusion, prove_inclusion
from ...store.rows import AuditEventRow
from ..acting import run
from .filters import IDENTIFIER_MAX, FilterForm, read_place, write_place

SHOWN = 50
DESCRIPTIONS = {kind.value: kind.description for kind in EventKind}


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    context: dict[str, Any] = {"form": form, "query": form.query()}
    try:
        wanted = form.wanted()
        before = read_place(request.GET["after"]) if request.GET.get("after") else None
    except Malformed as error:
        return render(request, _template(request), context | {"error": error}, status=400)
    found = run(
        request,
        lambda there, actor: find_events(there.database, actor, wanted, form.text_wanted, SHOWN, before),
    )
    context["rows"] = [_shown(row) for row in found.rows]
    context["looked"] = found.looked
    context["after"] = write_place(found.after) if found.after else ""
    return render(request, _template(request), context)


def _template(request: HttpRequest) -> str:
    part = request.headers.get("HX-Request") == "true" and not request.headers.get("HX-Boosted")
    return "audit/rows.html" if part else "audit/list.html"


def _shown(row: AuditEventRow) -> dict[str, Any]:
    return event_document(row) | {"when": row.at, "description": DESCRIPTIONS.get(row.kind, "")}


@dataclass(frozen=True, slots=True)
class Read:
    """An event; its proof, or why there is none."""

    row: AuditEventRow
    proof: Inclusion | None
    reason: str
    unsound: bool


@require_safe
def event(request: HttpRequest, identifier: int) -> HttpResponse:
    if identifier > IDENTIFIER_MAX:
        raise NotFound("there is no such audit event")
    found = run(request, lambda context, actor: _read(context, actor, identifier))
    facts = {
        "event": _shown(found.row),
        "row": found.row,
        "detail": json.dumps(json.loads(found.row.body)["detail"], indent=2, ensure_ascii=False),
        "chain": found.row.chain.hex(),
        "found": found,
        "hashes": [one.hex() for one in found.proof.hashes] if found.proof else [],
        "address": _page_of(found.row.subject),
    }
    return render(request, "audit/event.html", facts)


async def _read(context: Context, actor: Actor, identifier: int) -> Read:
    row = await read_event(context.database, actor, identifier)
    try:
        return Read(row, await prove_inclusion(context.database, actor, identifier), "", unsound=False)
    except (Conflict, NotFound) as error:
        return Read(row, None, error.detail, unsound=False)
    except IntegrityError as error:
        return Read(row, None, error.detail, unsound=True)


def _page_of(subject: str) -> str:
    """Where what it is about is shown, below `/console/`; empty for what has no page."""
    kind, _separator, name = subject.partition(":")
    name = name.partition("/")[0] if kind == "authority" else name
    places = {
        "authority": f"authorities/{name}/",
        "certificate": f"certificates/{name}/",
        "endpoint": f"endpoints/{name}/",
        "profile": f"profiles/{name}/",
        "user": f"people/of/{name}/",
        "team": f"teams/of/{name}/",
    }
    return f"/console/{places[kind]}" if name and kind in places else ""
