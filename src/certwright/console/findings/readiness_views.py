"""How far hosts, teams and environments are towards post-quantum cryptography."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ...core.access import EVERYTHING
from ...core.readiness import HORIZON
from ...operations.count_readiness import ENVIRONMENT, HOST, TEAM, System, list_readiness
from ..acting import run

TITLES = {
    EVERYTHING: gettext_lazy("Everything"),
    TEAM: gettext_lazy("By team"),
    ENVIRONMENT: gettext_lazy("By environment"),
    HOST: gettext_lazy("By host"),
}
SHOWN = tuple(TITLES)
FIELDS = {HOST: "at", TEAM: "team", ENVIRONMENT: "environment"}


@dataclass(frozen=True, slots=True)
class Line:
    """`live` are its certificates, `lasting` those that live beyond the horizon, as addresses of lists."""

    title: str
    system: System
    live: str
    lasting: str


@dataclass(frozen=True, slots=True)
class Table:
    """`more` is how many lines are not shown."""

    kind: str
    title: object
    lines: list[Line]
    more: int


@require_safe
def readiness(request: HttpRequest) -> HttpResponse:
    found = run(request, list_readiness)
    totals = dict(found.totals)
    tables = []
    for kind in SHOWN:
        lines = [_line(one) for one in found.systems if one.kind == kind]
        if lines:
            tables.append(Table(kind, TITLES[kind], lines, max(0, totals.get(kind, 0) - len(lines))))
    facts = {"tables": tables, "at": found.at, "horizon": HORIZON}
    return render(request, "findings/readiness.html", facts)


def _line(system: System) -> Line:
    titles = {EVERYTHING: _("Everything"), TEAM: _("no team"), ENVIRONMENT: _("no environment")}
    title = system.name or titles.get(system.kind, "")
    managed = "" if system.kind == HOST else "managed:yes "
    query = f"{_scope(system)}{managed}status:live"
    beyond = f"{query} expires>={HORIZON:%Y-%m-%d}"
    return Line(title, system, _certificates(query), _certificates(beyond))


def _scope(system: System) -> str:
    if system.kind == EVERYTHING:
        return ""
    value = f'"{system.name}"' if system.name and '"' not in system.name else "none"
    return f"{FIELDS[system.kind]}:{value} "


def _certificates(query: str) -> str:
    return f"{reverse('certificates')}?{urlencode({'q': query})}"
