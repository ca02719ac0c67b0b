"""Audit events by filters and text, with a bound on what one page looks at: nothing is lost on the way."""

import asyncio
from datetime import UTC, datetime

import pytest

from certwright.core.access import Actor
from certwright.core.audit import Event, EventKind
from certwright.core.errors import Forbidden, NotFound
from certwright.operations import find_events as finding
from certwright.operations.context import Context
from certwright.operations.find_events import find_events, read_event
from certwright.operations.list_events import EventFilter, Place
from certwright.store.ledger import Change
from certwright.store.rows import AuditEventRow
from tests.operations.audit_logs import AUDITOR
from tests.real import pki
from tests.real.databases import Database

EVENTS = 60
KINDS = (EventKind.PROFILE_SAVED, EventKind.CRL_PUBLISHED, EventKind.PROFILE_SAVED)
WISHES = {
    "all": (EventFilter(), ""),
    "kind": (EventFilter(kind="crl.published"), ""),
    "actor": (EventFilter(actor="user:two"), ""),
    "text": (EventFilter(), "Needle"),
    "subject and text": (EventFilter(subject="thing:1"), "needle"),
    "a pattern is no pattern": (EventFilter(), "need_e%"),
    "none": (EventFilter(kind="crl.published", actor="user:two"), "needle 3!"),
}


def note(number: int) -> Event:
    """Every third is of one kind, every fourth by one actor, every fifth has the text."""
    text = "a NEEDLE" if number % 5 == 0 else "need_e%" if number == 7 else "hay"
    actor = "user:two" if number % 4 == 0 else "user:one"
    return Event(
        KINDS[number % 3],
        datetime.now(UTC),
        actor,
        "",
        f"thing:{number % 2}",
        {"note": text, "number": number},
    )


async def walked(context: Context, wanted: EventFilter, text: str, limit: int) -> list[int]:
    """Identifiers, page after page to the end."""
    found: list[int] = []
    place: Place | None = None
    for _ in range(1000):
        page = await find_events(context.database, AUDITOR, wanted, text, limit, place)
        assert len(page.rows) <= limit
        found += [row.id for row in page.rows]
        place = page.after
        if place is None:
            return found
    raise AssertionError("the list does not end")


def test_pages_together_are_what_is_looked_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "LOOKED_AT", 7)

    async def main() -> None:
        async with pki.opened(database.url, pki.Secrets(), pki.MovableClock()) as context:
            await context.ledger.commit(Change(events=[note(number) for number in range(EVENTS)]))
            everything = (await find_events(context.database, AUDITOR, EventFilter(), "", 10_000)).rows
            assert len(everything) > EVENTS
            for name, (wanted, text) in WISHES.items():
                expected = [row.id for row in everything if _fits(row, wanted, text)]
                assert bool(expected) == (name != "none")
                for limit in (1, 3, 100):
                    assert await walked(context, wanted, text, limit) == expected, name
            assert await read_event(context.database, AUDITOR, everything[0].id) == everything[0]
            with pytest.raises(NotFound):
                await read_event(context.database, AUDITOR, 1)
            with pytest.raises(Forbidden):
                await find_events(context.database, Actor("local:x"), EventFilter(), "", 1)

    asyncio.run(main())


def _fits(row: AuditEventRow, wanted: EventFilter, text: str) -> bool:
    given = {name: getattr(wanted, name) for name in ("kind", "actor", "subject")}
    return text.lower() in row.body.lower() and all(
        value is None or getattr(row, name) == value for name, value in given.items()
    )
