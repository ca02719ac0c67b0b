"""The list's search, in the threads of the ORM: operations/search_certificates.py says how it finds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ...core.access import Actor
from ...core.query import EVERYTHING, Query
from ...operations.search_certificates import PAGE, Search, answered, search
from ...store.models import Certificate
from ...store.plain_questions import ask, is_sqlite


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to find, and in which order; the empty one is as it suits."""

    query: Query = EVERYTHING
    order: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """`after` goes on; None at the end. `matches` is how many there are in all, where that is known; `looked`
    how many rows were looked at where the page is not full."""

    rows: list[Certificate]
    after: int | None
    matches: int | None = None
    looked: int | None = None


def find(actor: Actor, wanted: Wanted, now: datetime, after: int | None = None, limit: int = PAGE) -> Found:
    """Certificates that the actor may see. Raises Malformed."""
    order = Search(wanted.query, actor, is_sqlite(), now, wanted.order, after, limit)
    found = answered(search(order), ask)
    certificates = Certificate.objects.filter(pk__in=found.identifiers).visible_to(actor)
    rows = {row.pk: row for row in certificates}
    there = [rows[identifier] for identifier in found.identifiers if identifier in rows]
    return Found(there, found.after, found.matches, found.looked)


def everything(actor: Actor, wanted: Wanted, now: datetime) -> Iterator[list[Certificate]]:
    """All that `find` finds, a page after the other; raises Malformed."""
    after: int | None = None
    while True:
        found = find(actor, wanted, now, after, limit=1000)
        yield found.rows
        if found.after is None:
            return
        after = found.after
