"""The list of findings, and one: what it means, what to do, and what people have said to it."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor, Verb
from ...core.audit import EventKind
from ...core.errors import Malformed, NotFound
from ...core.health import KINDS, Severity
from ...operations.context import Context
from ...operations.find_certificate import read_subject
from ...operations.findings import (
    FindingFilter,
    accept_finding,
    acknowledge_finding,
    count_findings,
    find_finding,
    finding_documents,
    list_findings,
)
from ...operations.list_events import EventFilter, event_document, list_events
from ...operations.shown import open_verbs, reads_audit
from ...store.discovery_rows import FindingRow
from ..acting import run
from ..acts import Act, perform
from ..discovery.words import place_words
from .forms import AcceptForm, FilterForm

SHOWN = 50
EVENTS_MAX = 200
IDENTIFIER_MAX = 2**63
ANSWERS = (EventKind.FINDING_ACKNOWLEDGED, EventKind.FINDING_ACCEPTED)
History = list[tuple[str, str]]


@require_safe
def findings(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    facts: dict[str, Any] = {"form": form, "query": form.query()}
    try:
        facts |= run(request, lambda context, actor: _read_list(context, actor, form, _after(request)))
    except Malformed as error:
        return render(request, _template(request), facts | {"error": error}, status=400)
    return render(request, _template(request), facts)


def _template(request: HttpRequest) -> str:
    part = request.headers.get("HX-Request") == "true" and not request.headers.get("HX-Boosted")
    return "findings/rows.html" if part else "findings/list.html"


def _after(request: HttpRequest) -> int | None:
    text = request.GET.get("after", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Malformed("the list cannot go on from there; begin it anew")
    return int(text)


async def _read_list(context: Context, actor: Actor, form: FilterForm, after: int | None) -> dict[str, Any]:
    wanted = form.wanted()
    rows = await list_findings(context, actor, wanted, after, SHOWN + 1)
    page = rows[:SHOWN]
    documents = await finding_documents(context, page)
    counts = await count_findings(context, actor, wanted)
    return {
        "rows": [told(one, row) for one, row in zip(documents, page, strict=True)],
        "after": page[-1].id if len(rows) > SHOWN else "",
        "counts": [
            (one.value, counts.by_severity.get(one, 0), form.query(severity=one.value)) for one in Severity
        ],
        "looked": counts.looked,
    }


def told(document: dict[str, Any], row: FindingRow) -> dict[str, Any]:
    """A finding as every page says it."""
    place = document["place"]
    return document | {
        "where": place_words(place) if place else "",
        "opened": row.opened_at,
        "meaning": KINDS[row.code].meaning if row.code in KINDS else "",
    }


async def findings_of(context: Context, actor: Actor, certificate: int) -> list[dict[str, Any]]:
    """What is open of one certificate, for its own page. Raises Unavailable."""
    rows = await list_findings(context, actor, FindingFilter(certificate=certificate), limit=SHOWN)
    documents = await finding_documents(context, rows)
    return [told(one, row) for one, row in zip(documents, rows, strict=True)]


# -- one -----------------------------------------------------------------------------------------


async def _acknowledge(context: Context, actor: Actor, name: str, given: dict[str, Any]) -> None:
    await acknowledge_finding(context, actor, int(name))


async def _accept(context: Context, actor: Actor, name: str, given: dict[str, Any]) -> None:
    await accept_finding(context, actor, int(name), given["until"], given["reason"])


ACTS = {
    "acknowledge": Act(_acknowledge, gettext_lazy("It is on record that you are at it.")),
    "accept": Act(_accept, gettext_lazy("It is accepted until then, and opens again after it."), AcceptForm),
}


@require_http_methods(["GET", "HEAD", "POST"])
def finding(request: HttpRequest, identifier: int) -> HttpResponse:
    if identifier >= IDENTIFIER_MAX:
        raise NotFound(f"there is no finding {identifier}")
    outcome = perform(request, str(identifier), ACTS, {})
    if not outcome.status:
        return redirect("finding", identifier=identifier)
    facts = run(request, lambda context, actor: _read_one(context, actor, identifier))
    return render(request, "findings/one.html", facts | {"forms": outcome.forms}, status=outcome.status)


async def _read_one(context: Context, actor: Actor, identifier: int) -> dict[str, Any]:
    row, certificate = await find_finding(context.database, actor, identifier)
    document = (await finding_documents(context, [row]))[0]
    subject = await read_subject(context.database, actor, certificate)
    verbs = open_verbs(actor, (Verb.RENEW, Verb.MANAGE_OWNERS), subject) if not row.closed_at else frozenset()
    return {
        "finding": told(document, row),
        "kind": KINDS.get(row.code),
        "row": row,
        "certificate": certificate,
        "history": await _history(context, actor, row, document["certificate"]),
        "may_acknowledge": Verb.RENEW in verbs and document["state"] == "open",
        "may_accept": Verb.MANAGE_OWNERS in verbs,
    }


async def _history(context: Context, actor: Actor, row: FindingRow, fingerprint: str) -> History:
    """Moments, empty where none is known, and what happened; who reads the audit log is told when."""
    said: History = []
    if reads_audit(actor):
        for kind in ANSWERS:
            wanted = EventFilter(kind=kind.value, subject=f"certificate:{fingerprint}")
            for one in await list_events(context.database, actor, wanted, EVENTS_MAX):
                event = event_document(one)
                if event["detail"].get("finding") == str(row.id):
                    said.append((event["at"][:19].replace("T", " "), _answered(event)))
        said.sort()
    elif row.reason and row.accepted_until:
        until = {"until": f"{row.accepted_until:%Y-%m-%d}", "why": row.reason, "who": row.acknowledged_by}
        said.append(("", _("%(who)s accepted it until %(until)s: %(why)s") % until))
    elif row.acknowledged_by:
        said.append(("", _("%s is at it") % row.acknowledged_by))
    ends = [(_moment(row.closed_at), _("its fact was gone, so it closed"))] if row.closed_at else []
    return [(_moment(row.opened_at), _("it was seen")), *said, *ends]


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _answered(event: dict[str, Any]) -> str:
    detail = event["detail"]
    if event["kind"] == EventKind.FINDING_ACCEPTED.value:
        until = {"who": event["actor"], "until": str(detail["until"])[:10], "why": detail["reason"]}
        return _("%(who)s accepted it until %(until)s: %(why)s") % until
    return _("%s is at it") % str(event["actor"])
