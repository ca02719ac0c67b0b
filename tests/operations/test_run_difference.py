"""What has changed between two runs of a scope, and how many findings there are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Forbidden, Malformed
from certwright.operations import run_difference as module
from certwright.operations.context import Context
from certwright.operations.count_certificates import count_certificates
from certwright.operations.count_networks import SeenNetworks, count_networks, list_networks
from certwright.operations.discovery_runs import DiscoveryOrder, ask_discovery, cancel_run, last_runs
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.findings import FindingFilter, accept_finding, count_findings, list_findings
from certwright.operations.note_findings import check_health
from certwright.operations.run_difference import run_difference
from certwright.operations.run_discovery import note_gone
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.discovery_rows import DiscoveryRunRow
from certwright.store.ledger import Change
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, opened
from tests.real.toy_chains import BEGIN, ToyAuthority

ROOT = ToyAuthority("Corp Root")
LEAVES = [ROOT.sign(f"n{number}", None, f"n{number}.example.test") for number in range(6)]
Body = Callable[[Context, MovableClock], Awaitable[None]]


def run(database: Database, body: Body) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            await body(replace(context, open_source=source_opener(Configuration.load())), clock)

    asyncio.run(main())


async def looked(
    context: Context, scope: int, name: str, leaves: Sequence[tuple[int, int]], *, whole: bool = True
) -> int:
    """A run that saw these leaves (number of the place, number of the leaf) and ended, or was cut short."""
    row = await run_scope(context, ADMINISTRATOR, name)
    seen = [Sighting(Place("tls", f"192.0.2.{place}", 443), BEGIN, (LEAVES[leaf],)) for place, leaf in leaves]
    look = Look(row.id, scope)
    await take_sightings(context, look, seen)
    if whole:
        await note_gone(context, look)
        after = row._replace(ended_at=context.clock())
        await context.ledger.commit(Change(replaced=[(row, after)]))
    else:
        await cancel_run(context, ADMINISTRATOR, row.id)
    return row.id


async def scope_of(context: Context) -> int:
    look = DiscoveryOrder("network", ("192.0.2.0/24",))
    return (await save_scope(context, ADMINISTRATOR, ScopeOrder("dmz", look))).id


def test_networks_are_counted_with_what_ends_first(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert await list_networks(context, ADMINISTRATOR) == SeenNetworks()
        hosts = ("192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1", "2001:db8:0:0:1::1", "a.test")
        seen = [
            Sighting(Place("tls", host, 443), BEGIN, (ROOT.sign(host, None, days=90 - number),))
            for number, host in enumerate(hosts)
        ]
        await take_sightings(context, Look(1, 0, "dmz"), seen)
        await take_sightings(context, Look(1), [replace(seen[0], place=Place("file", "192.0.2.9"))])
        assert await count_networks(context) == 3
        await count_certificates(context)
        assert await count_networks(context) == 3
        found = await list_networks(context, ADMINISTRATOR)
        assert [(one.zone, one.network, one.places, one.first) for one in found.networks] == [
            ("dmz", "2001:db8::/64", 2, "2001:db8:0:0:1::1"),
            ("dmz", "198.51.100.0/24", 1, "198.51.100.1"),
            ("dmz", "192.0.2.0/24", 2, "192.0.2.200"),
        ]
        assert (found.total, found.networks[0].ends) == (3, (BEGIN + timedelta(days=86)).date())
        with pytest.raises(Forbidden):
            await list_networks(context, Actor("user:narrow", (Grant(Role.OPERATOR, "team:web"),)))

    run(database, body)


def test_findings_are_counted_for_the_overview(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        leaf = Sighting(Place("tls", "192.0.2.1", 443), BEGIN, (LEAVES[0],))
        await take_sightings(context, Look(1), [leaf])
        await check_health(context)
        counted = (await count_certificates(context))["*"].findings
        assert counted["certificate.untrusted"] == 1
        [finding] = await list_findings(context, ADMINISTRATOR, FindingFilter(code="certificate.untrusted"))
        until = context.clock() + timedelta(days=1)
        await accept_finding(context, ADMINISTRATOR, finding.id, until, "for now")
        assert (await count_certificates(context))["*"].findings["certificate.untrusted"] == 0
        clock.offset += timedelta(days=2)
        assert (await count_certificates(context))["*"].findings["certificate.untrusted"] == 1

    run(database, body)


def test_a_look_that_nobody_keeps_takes_no_secrets(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        order = DiscoveryOrder("files", ("/etc/ssl",), settings={"passwords": ["changeit"]})
        with pytest.raises(Malformed, match="only a scope keeps secrets"):
            await ask_discovery(context, ADMINISTRATOR, order)

    run(database, body)


async def changes(context: Context, identifier: int) -> dict[str, list[tuple[str, str]]]:
    """Places and subjects by kind of change."""
    found = {}
    for kind in module.CHANGES:
        rows = (await run_difference(context, ADMINISTRATOR, identifier, kind)).rows
        found[kind] = [(one["place"]["host"].rpartition(".")[2], one["subject"]) for one in rows]
    return found


def test_new_gone_and_changed_are_told_apart(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        scope = await scope_of(context)
        first = await looked(context, scope, "dmz", [(1, 1), (2, 2), (3, 3)])
        assert await changes(context, first) == {
            "new": [("1", "CN=n1"), ("2", "CN=n2"), ("3", "CN=n3")],
            "gone": [],
            "changed": [],
        }
        clock.offset += timedelta(hours=1)
        second = await looked(context, scope, "dmz", [(1, 1), (2, 4), (5, 5)])
        assert await changes(context, second) == {
            "new": [("5", "CN=n5")],
            "gone": [("3", "CN=n3")],
            "changed": [("2", "CN=n4")],
        }
        found = await run_difference(context, ADMINISTRATOR, second, "changed")
        assert found.before is not None
        assert found.before.id == first
        assert found.rows[0]["before"]["subject"] == "CN=n2"
        third = await looked(context, scope, "dmz", [(1, 1), (2, 4), (5, 5)])
        assert await changes(context, third) == {"new": [], "gone": [], "changed": []}
        assert await changes(context, second) == {
            "new": [("5", "CN=n5")],
            "gone": [("3", "CN=n3")],
            "changed": [("2", "CN=n4")],
        }
        newest = await last_runs(context.database, ADMINISTRATOR, [scope, scope + 1])
        assert {key: row.id for key, row in newest.items()} == {scope: third}

    run(database, body)


def test_a_run_that_was_cut_short_is_nothing_to_compare_with(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        scope = await scope_of(context)
        first = await looked(context, scope, "dmz", [(1, 1), (2, 2)])
        short = await looked(context, scope, "dmz", [(1, 1)], whole=False)
        assert (await changes(context, short))["gone"] == []
        last = await looked(context, scope, "dmz", [(4, 4)])
        found = await run_difference(context, ADMINISTRATOR, last, "gone")
        assert found.before is not None
        assert found.before.id == first
        assert (await changes(context, last))["gone"] == [("1", "CN=n1"), ("2", "CN=n2")]

    run(database, body)


def test_pages_go_on_where_they_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few of what is looked at for one page are of the kind that is asked for."""
    monkeypatch.setattr(module, "LOOKED_MAX", 2)

    async def body(context: Context, clock: MovableClock) -> None:
        scope = await scope_of(context)
        await looked(context, scope, "dmz", [(1, 1)])
        second = await looked(context, scope, "dmz", [(2, 2), (3, 3), (4, 4), (5, 5), (1, 0)])
        subjects: dict[str, list[str]] = {"new": [], "changed": []}
        for kind, found in subjects.items():
            after: int | None = 0
            while after is not None:
                page = await run_difference(context, ADMINISTRATOR, second, kind, after, 1)
                assert len(page.rows) <= 1
                found += [one["subject"] for one in page.rows]
                after = page.next
        assert subjects == {"new": ["CN=n2", "CN=n3", "CN=n4", "CN=n5"], "changed": ["CN=n0"]}

    run(database, body)


def test_who_may_not_view_everything_sees_no_run(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        scope = await scope_of(context)
        first = await looked(context, scope, "dmz", [(1, 1)])
        narrow = Actor("user:narrow", (Grant(Role.OPERATOR, "team:web"),))
        with pytest.raises(Forbidden):
            await run_difference(context, narrow, first, "new")
        with pytest.raises(Forbidden):
            await last_runs(context.database, narrow, [scope])
        with pytest.raises(Malformed, match="new, gone, changed"):
            await run_difference(context, ADMINISTRATOR, first, "odd")
        assert len(await context.database.select(DiscoveryRunRow, "1 = 1")) == 1

    run(database, body)


def test_findings_are_counted_as_they_are_listed(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        scope = await scope_of(context)
        await looked(context, scope, "dmz", [(number, number) for number in range(6)])
        await check_health(context)
        listed = await list_findings(context, ADMINISTRATOR, FindingFilter())
        counted = await count_findings(context, ADMINISTRATOR, FindingFilter())
        assert counted.looked is None
        assert sum(counted.by_severity.values()) == len(listed) >= 6
        for state in ("open", "accepted", "closed"):
            wanted = FindingFilter(state=state)
            several = await list_findings(context, ADMINISTRATOR, wanted)
            found = await count_findings(context, ADMINISTRATOR, wanted)
            assert sum(found.by_severity.values()) == len(several)
        narrow = Actor("user:narrow", (Grant(Role.OPERATOR, "team:web"), Grant(Role.OPERATOR, "tag:x")))
        assert (await count_findings(context, narrow, FindingFilter())).by_severity == {}
        nobody = Actor("user:nobody")
        assert (await count_findings(context, nobody, FindingFilter())).by_severity == {}

    run(database, body)
