"""Scopes: who sets them, when they run, what of them is secret; and findings that people answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Conflict, Forbidden, Malformed, NotFound
from certwright.operations.context import Context
from certwright.operations.discovery_runs import DiscoveryOrder, list_runs
from certwright.operations.discovery_scopes import (
    ScopeOrder,
    begin_due_runs,
    find_scope,
    list_scopes,
    remove_scope,
    run_scope,
    save_scope,
    scope_document,
)
from certwright.operations.findings import (
    FindingFilter,
    State,
    accept_finding,
    acknowledge_finding,
    find_finding,
    list_findings,
    state_of,
)
from certwright.operations.note_findings import check_health
from certwright.operations.run_discovery import next_run
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.rows import AuditEventRow
from tests.real.databases import Database
from tests.real.pki import MovableClock, Secrets, opened
from tests.real.toy_chains import BEGIN, ToyAuthority

ORDER = ScopeOrder("dmz", DiscoveryOrder("network", ("192.0.2.0/24",), settings={"ports": "443"}), 60)
OPERATOR = Actor("user:op", (Grant(Role.OPERATOR),))
Body = Callable[[Context, MovableClock], Awaitable[None]]


def run(database: Database, body: Body) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            await body(replace(context, open_source=source_opener(Configuration.load())), clock)

    asyncio.run(main())


async def kinds(context: Context) -> list[str]:
    rows = await context.database.select(AuditEventRow, '1 = 1 ORDER BY "number"')
    return [json.loads(row.body)["kind"] for row in rows]


def test_a_scope_is_made_changed_and_removed(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await save_scope(context, OPERATOR, ORDER)
        assert (row.version, row.next_run_at is not None) == (1, True)
        with pytest.raises(Conflict, match="read it again"):
            await save_scope(context, OPERATOR, ORDER)
        changed = await save_scope(context, OPERATOR, replace(ORDER, every_minutes=0), row.version)
        assert changed == await find_scope(context.database, OPERATOR, "dmz")
        assert changed.next_run_at is None
        await remove_scope(context, OPERATOR, "dmz")
        assert await list_scopes(context.database, OPERATOR) == []
        with pytest.raises(NotFound):
            await run_scope(context, OPERATOR, "dmz")
        await save_scope(context, OPERATOR, replace(ORDER, name="x" * 100))
        await remove_scope(context, OPERATOR, "x" * 100)
        await save_scope(context, OPERATOR, ORDER)
        assert (await kinds(context))[-6:] == [
            *("discovery.scope-saved", "discovery.scope-saved", "discovery.scope-removed"),
            *("discovery.scope-saved", "discovery.scope-removed", "discovery.scope-saved"),
        ]

    run(database, body)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (replace(ORDER, name="Not a name"), "name a scope"),
        (replace(ORDER, every_minutes=-1), "every_minutes"),
        (replace(ORDER, quiet=("sometimes",)), "quiet time"),
        (replace(ORDER, look=replace(ORDER.look, targets=("::/8",))), "::/8"),
        (replace(ORDER, look=replace(ORDER.look, settings={"ports": "x"})), "port"),
        (replace(ORDER, look=replace(ORDER.look, settings={"policy": {}})), "no setting"),
        (replace(ORDER, look=replace(ORDER.look, settings={"concurrency": "many"})), "concurrency"),
    ],
)
def test_what_cannot_be_is_said_at_once(database: Database, order: ScopeOrder, told: str) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        with pytest.raises(Malformed, match=told):
            await save_scope(context, OPERATOR, order)
        assert await list_scopes(context.database, OPERATOR) == []

    run(database, body)


def test_who_may_not(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await save_scope(context, OPERATOR, ORDER)
        for role in (Role.AUDITOR, Role.RA_OFFICER, Role.REQUESTER):
            actor = Actor("user:x", (Grant(role),))
            for act in (save_scope(context, actor, ORDER), run_scope(context, actor, "dmz")):
                with pytest.raises(Forbidden):
                    await act
            with pytest.raises(Forbidden):
                await remove_scope(context, actor, "dmz")
        with pytest.raises(Forbidden):
            await list_scopes(context.database, Actor("user:x", (Grant(Role.OPERATOR, "team:a"),)))

    run(database, body)


def test_runs_begin_when_they_are_due(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await save_scope(context, OPERATOR, ORDER)
        assert await begin_due_runs(context, "elsewhere") == 0
        assert await begin_due_runs(context, "") == 1
        assert await begin_due_runs(context, "") == 0
        clock.offset += timedelta(minutes=61)
        assert await begin_due_runs(context, "") == 0, "the one before has not ended"
        with pytest.raises(Conflict, match="already"):
            await run_scope(context, OPERATOR, "dmz")
        (row,) = await list_runs(context.database, OPERATOR)
        assert (row.asked_by, row.scope_id > 0) == ("system:schedule", True)

    run(database, body)


def test_nothing_begins_or_goes_on_in_a_quiet_time(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        now = clock()
        span = f"{now - timedelta(minutes=30):%H:%M}-{now + timedelta(hours=2):%H:%M}"
        row = await save_scope(context, OPERATOR, replace(ORDER, quiet=(span,)))
        assert await begin_due_runs(context, "") == 0
        await run_scope(context, OPERATOR, "dmz")
        assert await next_run(context, "") is None
        clock.offset += timedelta(hours=3)
        assert await next_run(context, "") is not None
        assert scope_document(row)["quiet"] == [span]

    run(database, body)


def test_findings_are_known_and_accepted_for_a_time(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        leaf = ToyAuthority("Elsewhere").sign("x", None, "x.example.test")
        await take_sightings(context, Look(1), [Sighting(Place("tls", "192.0.2.1", 443), BEGIN, (leaf,))])
        await check_health(context)
        found = await list_findings(context, OPERATOR, FindingFilter())
        assert {row.code for row in found} == {"certificate.untrusted", "served.chain-incomplete"}
        one, now = found[0], clock()
        assert state_of(one, now) is State.OPEN
        one = await acknowledge_finding(context, OPERATOR, one.id)
        assert state_of(one, now) is State.ACKNOWLEDGED
        for until in (now - timedelta(days=1), now + timedelta(days=401)):
            with pytest.raises(Malformed, match="within"):
                await accept_finding(context, OPERATOR, one.id, until, "it is a test")
        with pytest.raises(Malformed, match="say why"):
            await accept_finding(context, OPERATOR, one.id, now + timedelta(days=1), " ")
        one = await accept_finding(context, OPERATOR, one.id, now + timedelta(days=1), "it is a test")
        assert [
            row.id for row in await list_findings(context, OPERATOR, FindingFilter(state="accepted"))
        ] == [one.id]
        assert state_of(one, now + timedelta(days=2)) is State.ACKNOWLEDGED
        assert (await kinds(context))[-2:] == ["finding.acknowledged", "finding.accepted"]
        stranger = Actor("user:x", (Grant(Role.OPERATOR, "team:a"),))
        assert await list_findings(context, stranger, FindingFilter()) == []
        with pytest.raises(NotFound):
            await find_finding(context.database, stranger, one.id)
        with pytest.raises(Forbidden):
            await acknowledge_finding(context, Actor("user:y", (Grant(Role.AUDITOR),)), one.id)

    run(database, body)
