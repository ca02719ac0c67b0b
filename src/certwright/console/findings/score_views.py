"""The score of each team, and how it went."""

from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ...core.access import EVERYTHING
from ...core.health import Severity
from ...operations.count_scores import DAYS, TEAM, Trend, list_scores
from ...operations.findings import DUE, NO_TEAM
from ..acting import run

WIDTH, HEIGHT = 100, 24
"""Of a line in units of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """A team's scores as a line of SVG, `points` as its attribute has them; `from_to` says the same."""

    title: str
    trend: Trend
    points: str
    from_to: str
    findings: str
    certificates: str
    severities: tuple[tuple[Severity, int, str], ...]
    accepted: str


@require_safe
def scores(request: HttpRequest) -> HttpResponse:
    found = run(request, list_scores)
    facts = {
        "lines": [_line(trend) for trend in found.trends],
        "total": found.total,
        "days": DAYS,
        "width": WIDTH,
        "height": HEIGHT,
    }
    return render(request, "findings/scores.html", facts)


def _line(trend: Trend) -> Line:
    row = trend.row
    team = row.scope.removeprefix(TEAM)
    title = {EVERYTHING: _("Everything"), "": _("no team")}.get(team, team)
    filters = {} if row.scope == EVERYTHING else {"team": team or NO_TEAM}
    query = " ".join([*(f"{name}:{value}" for name, value in filters.items()), "managed:yes status:live"])
    counts = ((one, getattr(row, one.value), _findings(filters, DUE, one)) for one in Severity)
    return Line(
        title=title,
        trend=trend,
        points=points_of(trend),
        from_to=_from_to(trend),
        findings=_findings(filters, DUE),
        certificates=f"{reverse('certificates')}?{urlencode({'q': query})}",
        severities=tuple(counts),
        accepted=_findings(filters, "accepted"),
    )


def _findings(filters: dict[str, str], state: str, severity: str = "") -> str:
    given = filters | {"state": state} | ({"severity": str(severity)} if severity else {})
    return f"{reverse('findings')}?{urlencode(given)}"


def points_of(trend: Trend) -> str:
    """From left to right DAYS days, from below to above 0 to 100 percent; empty for less than two."""
    known = [(day, percent) for day, percent in trend.days if percent is not None]
    begin = trend.row.day - timedelta(days=DAYS)
    places = [(WIDTH * (day - begin).days // DAYS, HEIGHT - HEIGHT * percent / 100) for day, percent in known]
    return " ".join(f"{x},{y:.1f}" for x, y in places) if len(places) > 1 else ""


def _from_to(trend: Trend) -> str:
    known = [(day, percent) for day, percent in trend.days if percent is not None]
    if not known:
        return ""
    (first, before), (last, now) = known[0], known[-1]
    said = {"first": f"{first:%Y-%m-%d}", "before": before, "last": f"{last:%Y-%m-%d}", "now": now}
    return _("%(before)s %% on %(first)s, %(now)s %% on %(last)s") % said
