"""The numbers on the first page, for whoever looks at it."""

from dataclasses import dataclass
from datetime import datetime

from ..core.access import EVERYTHING, Actor
from ..operations.count_certificates import COLUMNS, Numbers, Window, count, numbers_from
from ..operations.shown import seen_scopes
from ..store.models import Certificate, Finding, Overview

MOST = 2000
"""How many certificates of one owner, or with one tag, are counted while somebody waits."""
KEPT = ("authority", "profile", "endpoint", "team")


@dataclass(frozen=True, slots=True)
class Seen:
    """`at` is when the oldest of the numbers was counted, None for now. They are `estimated` where one
    certificate may be counted twice, within two scopes, or not all were counted."""

    numbers: Numbers
    at: datetime | None
    estimated: bool


def overview(actor: Actor, now: datetime) -> Seen:
    """All that the actor may see, in numbers."""
    scopes = seen_scopes(actor)
    names = {EVERYTHING} if scopes is None else {f"{kind}:{name}" for kind, name in scopes if kind in KEPT}
    rows = list(Overview.objects.filter(scope__in=names))
    seen = Numbers()
    for row in rows:
        seen.add(numbers_from(row.document))
    live = [_counted(kind, name, now) for kind, name in scopes or () if kind not in KEPT]
    for numbers in live:
        seen.add(numbers)
    parts = [numbers for numbers in live if numbers.total]
    many = len(rows) + len(parts) > 1 or any(numbers.total >= MOST for numbers in live)
    return Seen(seen, min((row.at for row in rows), default=None), many)


def _counted(kind: str, name: str, now: datetime) -> Numbers:
    """What one owns, or what has a tag: found by an index."""
    numbers, window = Numbers(), Window(now)
    if kind == "owner":
        rows = Certificate.objects.filter(owner=name).exclude(owner="")
    else:
        rows = Certificate.objects.filter(certificatetag__tag=name)
    for row in rows.order_by().values_list(*COLUMNS)[:MOST]:
        count(numbers, row, window)
    wrong = Finding.objects.filter(closed_at=None, certificate__in=rows.order_by())
    wrong = wrong.exclude(accepted_until__gt=now)
    numbers.findings.update(wrong.values_list("code", flat=True)[:MOST])
    return numbers
