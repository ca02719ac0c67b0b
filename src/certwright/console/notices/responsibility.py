"""Who answers for how many certificates, with the way to each of them."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from ...core.access import Actor
from ...core.tables import csv_text
from ...operations.context import Context
from ...operations.responsibility_matrix import Line, responsibility_matrix
from ..acting import run
from .attestation import download

COLUMNS = ("team", "owner", "profile", "authority", "live", "expiring")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the matrix; `address` leads to its certificates."""

    line: Line
    address: str


@require_safe
def matrix(request: HttpRequest) -> HttpResponse:
    rows = [Row(line, _address(line)) for line in _lines(request)]
    unowned = sum(row.line.live for row in rows if not (row.line.team or row.line.owner))
    facts = {"rows": rows, "unowned": unowned, "live": sum(row.line.live for row in rows)}
    nobodys = urlencode({"q": "managed:yes", "status": "live", "team": "-", "owner": "-"})
    facts["unowned_address"] = f"{reverse('certificates')}?{nobodys}"
    return render(request, "notices/responsibility.html", facts)


@require_safe
def export_matrix(request: HttpRequest) -> HttpResponse:
    cells = ([str(getattr(line, name)) for name in COLUMNS] for line in _lines(request))
    return download(csv_text(COLUMNS, cells), "responsibility.csv")


def _lines(request: HttpRequest) -> list[Line]:
    async def look(context: Context, actor: Actor) -> list[Line]:
        return await responsibility_matrix(context.database, actor, context.clock())

    return run(request, look)


def _address(line: Line) -> str:
    filters = {"q": "managed:yes", "status": "live", "team": line.team or "-", "owner": line.owner or "-"}
    filters |= {name: value for name in ("profile", "authority") if (value := getattr(line, name))}
    return f"{reverse('certificates')}?{urlencode(filters)}"
