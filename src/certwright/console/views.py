"""The first page after log-in: everything in numbers, each of which leads to the rows."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ..core.access import Actor, Verb
from ..core.audit import EventKind
from ..core.health import KINDS, Severity
from ..operations.bridge import bridge
from ..operations.count_certificates import Numbers
from ..operations.shown import has_anywhere, seen_scopes
from .acting import actor_of
from .overview import overview
from .requests.waiting import waiting_number

WEEKS = 53
DAYS_SHOWN = 30
TOP = 10
MANAGED = "managed:yes"
TOLD = {
    "key.weak": gettext_lazy("Weak keys"),
    "signature.weak": gettext_lazy("Weak signatures"),
    "served.revoked": gettext_lazy("Revoked, yet served"),
    "served.expired": gettext_lazy("Ended, yet served"),
    "served.name-mismatch": gettext_lazy("Served under another name"),
    "served.chain-incomplete": gettext_lazy("Served with links missing"),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A number, what it counts, and where its rows are."""

    title: str
    value: int | str
    address: str
    colour: str = ""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    now, actor = bridge().context.clock(), actor_of(request)
    seen = overview(actor, now)
    today, numbers = now.date(), seen.numbers
    context = {
        "seen": seen,
        "numbers": _headline(actor, numbers, today),
        "wrong": _wrong(numbers),
        "days": [(day, numbers.ends[day.isoformat()], _ending(day, 1)) for day in _days(today, WEEKS * 7)],
        "past": [
            (day, numbers.issued[day.isoformat()], numbers.failed[day.isoformat()]) for day in _past(today)
        ],
        "failures": seen_scopes(actor) is None,
        "may_ask": has_anywhere(actor, (Verb.ISSUE,)),
        "authorities": _top(numbers.authorities, "authority"),
        "teams": _top(numbers.teams, "team"),
    }
    return render(request, "console/home.html", context)


def _headline(actor: Actor, numbers: Numbers, today: date) -> list[Number]:
    ending = [
        Number(_("End within %d days") % days, _within(numbers, today, days), _ending(today, days), colour)
        for days, colour in ((7, "red"), (30, "yellow"), (90, ""))
    ]
    waiting = waiting_number(actor)
    for_me = [Number(_("Wait for your decision"), waiting, reverse("requests"), "yellow")] if waiting else []
    return [
        *for_me,
        Number(_("Live"), numbers.live, _rows(status="live", q=MANAGED)),
        *ending,
        Number(_("Issued today"), numbers.issued[today.isoformat()], _rows(order="newest")),
        Number(_("Without owner"), numbers.unowned, _rows(status="live", owner="-", team="-", q=MANAGED)),
        Number(_("Revoked"), numbers.revoked, _rows(status="revoked")),
        Number(_("On hold"), numbers.hold, _rows(status="hold")),
        Number(_("Found, not managed"), numbers.found, _rows(status="live", q="standing:found")),
        *(_refused(numbers, today) if seen_scopes(actor) is None else ()),
    ]


def _refused(numbers: Numbers, today: date) -> list[Number]:
    """Counted for everything alone, from the audit log, where they stand."""
    count = sum(numbers.failed[day.isoformat()] for day in _past(today))
    kind = EventKind.CERTIFICATE_REFUSED.value
    there = f"{reverse('audit')}?{urlencode({'kind': kind})}"
    return [Number(_("Refused in %d days") % DAYS_SHOWN, count, there)]


def _wrong(numbers: Numbers) -> list[Number]:
    """Open findings by severity, and those that stand for much: weak keys and signatures, and what is
    presented although clients refuse it."""
    found: Counter[Severity] = Counter()
    for code, count in numbers.findings.items():
        if code in KINDS:
            found[KINDS[code].severity] += count
    return [
        Number(_("Critical findings"), found[Severity.CRITICAL], _findings(severity="critical"), "red"),
        Number(_("Warnings"), found[Severity.WARNING], _findings(severity="warning")),
        *(
            Number(str(title), numbers.findings[code], _findings(code=code), "red")
            for code, title in TOLD.items()
        ),
    ]


def _findings(**filters: str) -> str:
    return f"{reverse('findings')}?{urlencode(filters)}"


def _within(numbers: Numbers, today: date, days: int) -> int:
    return sum(numbers.ends[day.isoformat()] for day in _days(today, days))


def _days(today: date, count: int) -> list[date]:
    return [today + timedelta(days=number) for number in range(count)]


def _past(today: date) -> list[date]:
    return [today - timedelta(days=number) for number in range(DAYS_SHOWN - 1, -1, -1)]


def _ending(first: date, days: int) -> str:
    """Rows that end from this day on, within so many days."""
    before = first + timedelta(days=days)
    days_shown = {"expires_after": first.isoformat(), "expires_before": before.isoformat()}
    return _rows(status="live", q=MANAGED, **days_shown)


def _top(names: dict[str, int], filtered: str) -> list[Number]:
    found = sorted(names.items(), key=lambda pair: -pair[1])[:TOP]
    return [
        Number(name or _("none"), count, _rows(status="live", q=f"{MANAGED} {filtered}:{name or 'none'}"))
        for name, count in found
    ]


def _rows(**filters: str) -> str:
    return f"{reverse('certificates')}?{urlencode(filters)}"
