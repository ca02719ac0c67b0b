"""Certificates of others are adopted or ignored: by whom, which, and what the audit log says of it."""

import json
from collections.abc import Awaitable, Callable

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Conflict, Forbidden, Malformed, NotFound
from certwright.core.responsibility import Assignment
from certwright.core.standing import Standing
from certwright.operations.assign_owner import Assigned, assign_owner, assign_selected
from certwright.operations.check_records import check_records
from certwright.operations.context import Context
from certwright.operations.find_certificate import tags_of
from certwright.operations.list_certificates import CertificateFilter
from certwright.operations.manage_teams import create_team
from certwright.operations.manage_users import NewUser, create_user
from certwright.operations.read_certificate import read_certificate
from certwright.operations.responsibility_matrix import responsibility_matrix
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place
from certwright.store.ledger import Change
from certwright.store.rows import AuditEventRow
from tests.operations.installed import issued, with_installation
from tests.operations.test_take_sightings import CHAIN, ISSUING, LEAF, OTHER, certificate, seen
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

ADOPTED = Assignment("web", "alice", frozenset({"shop"}), frozenset(), "production", Standing.ADOPTED)
IGNORED = Assignment(standing=Standing.IGNORED, reason="a printer")
FOUND = CertificateFilter(query="standing:found ca:no")


def with_found(database: Database, body: Callable[[Context], Awaitable[None]]) -> None:
    async def act(context: Context, clock: MovableClock) -> None:
        await create_user(context, ADMINISTRATOR, NewUser("alice"))
        await create_team(context, ADMINISTRATOR, "web")
        await take_sightings(
            context, Look(1), [seen(LEAF, *CHAIN), seen(OTHER, place=Place("tls", "192.0.2.2", 443))]
        )
        await body(context)

    with_installation(database, act)


async def reference(context: Context, der: bytes) -> str:
    return (await certificate(context, der)).fingerprint.hex()


async def events(context: Context, der: bytes) -> list[tuple[str, dict[str, object]]]:
    subject = f"certificate:{await reference(context, der)}"
    rows = await context.database.select(AuditEventRow, '"subject" = ? ORDER BY "id"', subject)
    return [(row.kind, json.loads(row.body)["detail"]) for row in rows]


def test_one_is_adopted(database: Database) -> None:
    async def body(context: Context) -> None:
        [after] = await assign_owner(context, ADMINISTRATOR, [await reference(context, LEAF)], ADOPTED)
        row = await certificate(context, LEAF)
        assert (row.standing, row.team, row.owner, row.environment) == (
            "adopted",
            "web",
            "alice",
            "production",
        )
        assert after.standing == "adopted"
        assert await tags_of(context.database, row.id) == {"shop"}
        told = await events(context, LEAF)
        assert [kind for kind, _ in told] == [
            *("certificate.assigned", "certificate.tagged", "certificate.placed", "certificate.adopted"),
        ]
        assert told[-1][1]["before"] == "found"
        await assign_owner(context, ADMINISTRATOR, [await reference(context, LEAF)], ADOPTED)
        assert len(await events(context, LEAF)) == len(told)  # it is so already

    with_found(database, body)


def test_one_is_ignored_and_adopted_after_all(database: Database) -> None:
    async def body(context: Context) -> None:
        name = [await reference(context, LEAF)]
        await assign_owner(context, ADMINISTRATOR, name, IGNORED)
        assert (await certificate(context, LEAF)).standing == "ignored"
        [(kind, detail)] = await events(context, LEAF)
        assert (kind, detail["reason"]) == ("certificate.ignored", "a printer")
        await assign_owner(context, ADMINISTRATOR, name, Assignment(standing=Standing.ADOPTED))
        assert (await events(context, LEAF))[-1][1]["before"] == "ignored"

    with_found(database, body)


def test_what_we_have_issued_is_neither(database: Database) -> None:
    async def body(context: Context) -> None:
        own = await issued(context)
        for wanted in (ADOPTED, IGNORED):
            with pytest.raises(Conflict, match="issued by an authority of ours"):
                await assign_owner(context, ADMINISTRATOR, [own.fingerprint.hex()], wanted)
        everything = CertificateFilter(query="san:*.example.test")
        done = await assign_selected(context, ADMINISTRATOR, everything, IGNORED)
        assert done == Assigned(total=3, changed=2, unchanged=0, refused=1, next=None)

    with_found(database, body)


def test_all_that_a_query_finds(database: Database) -> None:
    async def body(context: Context) -> None:
        done = await assign_selected(context, ADMINISTRATOR, FOUND, ADOPTED, rehearse=True)
        assert (done.total, done.changed) == (2, 2)
        assert (await certificate(context, LEAF)).standing == "found"
        done = await assign_selected(context, ADMINISTRATOR, FOUND, ADOPTED)
        assert (done.changed, done.refused) == (2, 0)
        assert (await assign_selected(context, ADMINISTRATOR, FOUND, ADOPTED)).total == 0

    with_found(database, body)


def test_who_may(database: Database) -> None:
    async def body(context: Context) -> None:
        name = [await reference(context, LEAF)]
        auditor = Actor("user:a", (Grant(Role.AUDITOR),))
        team_only = Actor("user:b", (Grant(Role.OPERATOR, "team:web"),))
        for wanted in (ADOPTED, IGNORED, Assignment(environment="test")):
            with pytest.raises(Forbidden):
                await assign_owner(context, auditor, name, wanted)
            with pytest.raises(NotFound):  # nobody answers for it: only who sees everything sees it
                await assign_owner(context, team_only, name, wanted)
        await assign_owner(context, ADMINISTRATOR, name, ADOPTED)
        owner = Actor("user:alice", (Grant(Role.OWNER, "owner:alice"),), "", "alice", ("web",))
        for wanted in (
            IGNORED,
            Assignment(environment="test"),
            Assignment(owner="alice", environment="test"),
        ):
            with pytest.raises(Forbidden):
                await assign_owner(context, owner, name, wanted)
        await assign_owner(context, team_only, name, Assignment(environment="test"))
        assert (await certificate(context, LEAF)).environment == "test"

    with_found(database, body)


@pytest.mark.parametrize(
    "wanted",
    [
        Assignment(standing=Standing.IGNORED),
        Assignment(standing=Standing.IGNORED, reason=" "),
        Assignment(standing=Standing.IGNORED, reason="a\nb"),
        Assignment(standing=Standing.ADOPTED, reason="x"),
        Assignment(standing=Standing.FOUND),
        Assignment(standing=Standing.ISSUED),
        Assignment(environment="Not A Word"),
    ],
)
def test_what_makes_no_sense(wanted: Assignment) -> None:
    with pytest.raises(Malformed):
        wanted.check()


def test_what_was_found_contradicts_nothing_and_is_nobodys(database: Database) -> None:
    """It is no false alarm where records are checked, and in no number of what somebody answers for."""

    async def body(context: Context) -> None:
        own = await issued(context)
        checked = check_records(context.database, context.snapshot, ADMINISTRATOR)
        assert [one async for one in checked] == []
        lines = await responsibility_matrix(context.database, ADMINISTRATOR, context.clock())
        assert sum(line.live for line in lines if line.profile == own.profile) == 1
        assert all(line.authority for line in lines)
        await assign_owner(context, ADMINISTRATOR, [await reference(context, LEAF)], ADOPTED)
        lines = await responsibility_matrix(context.database, ADMINISTRATOR, context.clock())
        assert [line.live for line in lines if (line.team, line.authority) == ("web", "")] == [1]
        row = await certificate(context, OTHER)
        hidden = row._replace(subject="CN=other")
        await context.ledger.commit(Change(replaced=[(row, hidden)]))
        [wrong] = [one async for one in check_records(context.database, context.snapshot, ADMINISTRATOR)]
        assert wrong.text.endswith("disagree: subject")

    with_found(database, body)


def test_one_tells_where_it_was_seen_and_who_signed_it(database: Database) -> None:
    async def body(context: Context) -> None:
        read = await read_certificate(
            context.database, context.snapshot, ADMINISTRATOR, await reference(context, LEAF)
        )
        assert read.issuer is not None
        assert read.issuer.fingerprint.hex() == await reference(context, ISSUING.certificate)
        assert [(place.host, place.port) for place in read.seen] == [("192.0.2.1", 443)]
        await assign_owner(context, ADMINISTRATOR, [await reference(context, LEAF)], Assignment(team="web"))
        team_only = Actor("user:b", (Grant(Role.OPERATOR, "team:web"),))
        read = await read_certificate(
            context.database, context.snapshot, team_only, await reference(context, LEAF)
        )
        assert read.issuer is None

    with_found(database, body)
