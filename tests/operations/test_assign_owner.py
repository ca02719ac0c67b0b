"""Team, owner and tags of certificates: of some by name, of all that a filter selects, and beside others."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Conflict, Forbidden, Malformed, NotFound, TooLarge, Unavailable
from certwright.core.responsibility import Assignment
from certwright.core.revocation import Reason
from certwright.operations import assign_owner as module
from certwright.operations.assign_owner import REFERENCES_MAX, assign_owner, assign_selected
from certwright.operations.context import Context
from certwright.operations.find_certificate import tags_of
from certwright.operations.list_certificates import CertificateFilter, list_certificates
from certwright.operations.manage_teams import add_member, create_team
from certwright.operations.manage_users import NewUser, create_user, disable_user
from certwright.operations.revoke import revoke_certificate
from certwright.store.ledger import Change
from certwright.store.rows import AuditEventRow, CertificateRow, CertificateTagRow
from tests.faults.interposed import BEGIN, COMMIT, Interposed, nothing, raising
from tests.operations.installed import issued, row_of, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened

points = pytest.mark.parametrize("point", [BEGIN, COMMIT])


async def people(context: Context) -> None:
    for name in ("alice", "bob", "carol"):
        await create_user(context, ADMINISTRATOR, NewUser(name))
    for team in ("web", "mail"):
        await create_team(context, ADMINISTRATOR, team)
    for name in ("alice", "bob"):
        await add_member(context, ADMINISTRATOR, "web", name)


def installed(database: Database, body: Callable[[Context], Awaitable[None]]) -> None:
    async def act(context: Context, clock: MovableClock) -> None:
        await people(context)
        await body(context)

    with_installation(database, act)


async def many(context: Context, number: int) -> list[CertificateRow]:
    now = context.clock()
    rows = [
        row_of(
            CertificateRow,
            now,
            id=-number + place,
            fingerprint=place.to_bytes(32, "big"),
            serial=place.to_bytes(16, "big"),
            generation_id=None,
            profile="bulk",
            replaces=None,
            revoked_at=None,
            revocation_reason=None,
            invalidity_date=None,
            version=1,
        )
        for place in range(number)
    ]
    await context.ledger.commit(Change(inserted=[*rows]))
    return rows


async def row_now(context: Context, row: CertificateRow) -> CertificateRow:
    [found] = await context.database.select(CertificateRow, '"id" = ?', row.id)
    return found


async def events(context: Context, row: CertificateRow | None = None) -> list[AuditEventRow]:
    kinds = """ "kind" IN ('certificate.assigned', 'certificate.tagged') """
    if row is None:
        return await context.database.select(AuditEventRow, kinds)
    subject = f"certificate:{row.fingerprint.hex()}"
    return await context.database.select(AuditEventRow, f'{kinds} AND "subject" = ? ORDER BY "id"', subject)


def test_a_certificate_is_given_to_people_and_tagged(database: Database) -> None:
    async def body(context: Context) -> None:
        row = await issued(context)
        reference = row.fingerprint.hex()
        wanted = Assignment("web", "alice", frozenset({"shop", "live"}))
        [after] = await assign_owner(context, ADMINISTRATOR, [reference], wanted)
        found = await row_now(context, row)
        assert (found.team, found.owner, found.version) == ("web", "alice", row.version + 1)
        assert (after.team, after.owner) == ("web", "alice")
        assert await tags_of(context.database, row.id) == {"shop", "live"}
        assert [one.kind for one in await events(context, row)] == [
            "certificate.assigned",
            "certificate.tagged",
        ]
        wanted = Assignment(tagged=frozenset({"new"}), untagged=frozenset({"shop", "not-there"}))
        await assign_owner(context, ADMINISTRATOR, [reference, row.serial.hex()], wanted)
        assert await tags_of(context.database, row.id) == {"new", "live"}
        await assign_owner(context, ADMINISTRATOR, [reference], wanted)
        assert len(await events(context, row)) == 3  # the last time nothing was to be done
        await assign_owner(context, ADMINISTRATOR, [reference], Assignment(owner=""))
        found = await row_now(context, row)
        assert (found.team, found.owner) == ("web", "")

    installed(database, body)


def test_who_is_named_must_be_there(database: Database) -> None:
    async def body(context: Context) -> None:
        row = await issued(context)
        reference = [row.fingerprint.hex()]
        await disable_user(context, ADMINISTRATOR, "carol")
        for wanted, error in (
            (Assignment(team="none"), NotFound),
            (Assignment(owner="nobody"), NotFound),
            (Assignment(owner="carol"), Conflict),
            (Assignment(), Malformed),
        ):
            with pytest.raises(error):
                await assign_owner(context, ADMINISTRATOR, reference, wanted)
            with pytest.raises(error):
                await assign_selected(context, ADMINISTRATOR, CertificateFilter(profile="tls-server"), wanted)
        with pytest.raises(TooLarge):
            await assign_owner(
                context, ADMINISTRATOR, reference * (REFERENCES_MAX + 1), Assignment(team="web")
            )
        assert await row_now(context, row) == row

    installed(database, body)


def test_of_some_by_name_all_or_none(database: Database) -> None:
    async def body(context: Context) -> None:
        own, other = await issued(context), await issued(context, "other.example.test")
        await assign_owner(context, ADMINISTRATOR, [own.fingerprint.hex()], Assignment(team="web"))
        officer = Actor("token:x", (Grant(Role.AUDITOR), Grant(Role.OPERATOR, "team:web")))
        both = [own.fingerprint.hex(), other.fingerprint.hex()]
        with pytest.raises(Forbidden, match="manage-owners"):
            await assign_owner(context, officer, both, Assignment(owner="bob"))
        assert (await row_now(context, own)).owner == ""
        await assign_owner(context, officer, both[:1], Assignment(owner="bob"))
        blind = Actor("token:x", (Grant(Role.OPERATOR, "team:mail"),))
        with pytest.raises(NotFound):
            await assign_owner(context, blind, both[:1], Assignment(owner="alice"))
        bob = context.snapshot.user_actor("bob", "")
        await assign_owner(context, bob, both[:1], Assignment(owner="alice"))
        with pytest.raises(NotFound):  # not his any more
            await assign_owner(context, bob, both[:1], Assignment(owner="bob"))
        alice = context.snapshot.user_actor("alice", "")
        with pytest.raises(Forbidden):
            await assign_owner(context, alice, both[:1], Assignment(owner="carol"))

    installed(database, body)


def test_all_that_a_filter_selects_chunk_by_chunk(database: Database) -> None:
    async def body(context: Context) -> None:
        rows = await many(context, module.CHUNK * 2 + 7)
        told: list[tuple[int, int]] = []
        selected, wanted = CertificateFilter(profile="bulk", unowned=True), Assignment("web", "bob")
        officer = Actor("token:o", (Grant(Role.OPERATOR, "profile:bulk"),))
        tried = await assign_selected(context, officer, selected, wanted, rehearse=True)
        assert (tried.total, tried.changed, tried.next) == (len(rows), len(rows), None)
        assert await events(context) == []
        before = context.ledger.commits
        first = await assign_selected(
            context, officer, selected, wanted, progress=lambda *at: told.append(at), limit=module.CHUNK + 3
        )
        assert (first.changed, first.next) == (module.CHUNK + 3, rows[module.CHUNK + 2].id)
        assert context.ledger.commits == before + 2
        assert told == [(module.CHUNK, len(rows)), (module.CHUNK + 3, len(rows))]
        rest = await assign_selected(context, officer, selected, wanted, after=first.next)
        assert (rest.total, rest.changed, rest.next) == (module.CHUNK + 4, module.CHUNK + 4, None)
        assert len(await events(context)) == len(rows)
        again = await assign_selected(context, officer, CertificateFilter(profile="bulk"), wanted)
        assert (again.changed, again.unchanged, again.refused) == (0, len(rows), 0)
        reader = Actor("token:r", (Grant(Role.AUDITOR),))
        none = await assign_selected(context, reader, CertificateFilter(team="web"), Assignment(team=""))
        assert (none.total, none.changed, none.refused) == (len(rows), 0, len(rows))
        with pytest.raises(Malformed, match="every certificate"):
            await assign_selected(context, ADMINISTRATOR, CertificateFilter(), wanted)

    installed(database, body)


def test_lists_are_filtered_by_who_answers(database: Database) -> None:
    async def body(context: Context) -> None:
        rows = await many(context, 6)
        for row, team, owner, tag in zip(
            rows, ("", "web", "", "web"), ("", "", "bob", "bob"), ("", "x", "x", "y"), strict=False
        ):
            tagged = frozenset({tag} if tag else ())
            if team or owner:
                wanted = Assignment(team or None, owner or None, tagged)
                await assign_owner(context, ADMINISTRATOR, [row.fingerprint.hex()], wanted)

        async def places(**wanted: object) -> set[int]:
            selected = CertificateFilter(profile="bulk", **wanted)  # type: ignore[arg-type]
            page = await list_certificates(context.database, ADMINISTRATOR, selected, context.clock())
            return {rows.index(one._replace(team="", owner="", version=1)) for one in page.rows}

        assert await places(team="web") == {1, 3}
        assert await places(owner="bob") == {2, 3}
        assert await places(unowned=True) == {0, 4, 5}
        assert await places(unowned=False) == {1, 2, 3}
        assert await places(tag="x") == {1, 2}
        assert await places(tag="x", owner="bob") == {2}
        assert await places(key_algorithm="rsa-2048") == set()

    installed(database, body)


# -- beside others ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Pair:
    """Two processes on one database; the first can be stepped into."""

    ours: Context
    other: Context
    database: Interposed


def pair(database: Database, body: Callable[[Pair], Awaitable[None]]) -> None:
    async def main() -> None:
        kept, clock, held = Secrets(), MovableClock(), list[Interposed]()

        def interpose(inner):  # type: ignore[no-untyped-def]
            held.append(Interposed(inner))
            return held[0]

        async with opened(database.url, kept, clock, wrap=interpose) as ours:
            await found(ours)
            await people(ours)
            async with opened(database.url, kept, clock) as other:
                await body(Pair(ours, other, held[0]))

    asyncio.run(main())


async def beside(two: Pair, point: str, theirs: Awaitable[object], ours: Awaitable[object]) -> None:
    """They act when we reach the point; we go on when they are done, or evidently wait for us."""
    tasks: list[asyncio.Future[object]] = []

    async def step() -> None:
        tasks.append(asyncio.ensure_future(theirs))
        await asyncio.wait(tasks, timeout=0.5)

    two.database.at(point, step)
    await ours
    await asyncio.gather(*tasks)


@points
@pytest.mark.parametrize("by_filter", [False, True], ids=["by-name", "by-filter"])
def test_a_revocation_at_the_same_moment_is_not_lost(database: Database, point: str, by_filter: bool) -> None:
    async def body(two: Pair) -> None:
        row = await issued(two.ours)
        reference, now = row.fingerprint.hex(), two.ours.clock()
        theirs = revoke_certificate(two.other, ADMINISTRATOR, reference, Reason.SUPERSEDED, now)
        wanted = Assignment("web", "bob", frozenset({"x"}))
        selected = CertificateFilter(profile="tls-server")
        ours = (
            assign_selected(two.ours, ADMINISTRATOR, selected, wanted)
            if by_filter
            else assign_owner(two.ours, ADMINISTRATOR, [reference], wanted)
        )
        await beside(two, point, theirs, ours)
        after = await row_now(two.ours, row)
        assert after.revoked_at is not None
        assert (after.team, after.owner, after.version) == ("web", "bob", row.version + 2)

    pair(database, body)


@points
def test_an_assignment_during_a_revocation_is_not_lost(database: Database, point: str) -> None:
    async def body(two: Pair) -> None:
        row = await issued(two.ours)
        reference, now = row.fingerprint.hex(), two.ours.clock()
        theirs = assign_owner(two.other, ADMINISTRATOR, [reference], Assignment("web", "bob"))
        ours = revoke_certificate(two.ours, ADMINISTRATOR, reference, Reason.SUPERSEDED, now)
        await beside(two, point, theirs, ours)
        after = await row_now(two.ours, row)
        assert after.revoked_at is not None
        assert (after.team, after.owner) == ("web", "bob")

    pair(database, body)


@points
def test_two_who_tag_at_the_same_moment_both_do(database: Database, point: str) -> None:
    async def body(two: Pair) -> None:
        row = await issued(two.ours)
        reference = [row.fingerprint.hex()]
        theirs = assign_owner(two.other, ADMINISTRATOR, reference, Assignment(tagged=frozenset({"x", "y"})))
        ours = assign_owner(two.ours, ADMINISTRATOR, reference, Assignment(tagged=frozenset({"x", "z"})))
        await beside(two, point, theirs, ours)
        assert await tags_of(two.ours.database, row.id) == {"x", "y", "z"}
        assert len(await two.ours.database.select(CertificateTagRow, "1 = 1")) == 3

    pair(database, body)


@points
def test_nothing_is_given_to_an_account_that_is_disabled_meanwhile(database: Database, point: str) -> None:
    async def body(two: Pair) -> None:
        row = await issued(two.ours)
        theirs = disable_user(two.other, ADMINISTRATOR, "bob")
        ours = assign_owner(two.ours, ADMINISTRATOR, [row.fingerprint.hex()], Assignment(owner="bob"))
        if point == BEGIN:
            with pytest.raises(Conflict, match="bob is disabled"):
                await beside(two, point, theirs, ours)
        else:
            await beside(two, point, theirs, ours)
        assert (await row_now(two.ours, row)).owner == ("" if point == BEGIN else "bob")

    pair(database, body)


def test_whoever_is_interrupted_goes_on(database: Database) -> None:
    async def body(two: Pair) -> None:
        rows = await many(two.ours, module.CHUNK + 5)
        two.database.at(BEGIN, nothing, raising(Unavailable("gone")))
        selected, wanted = CertificateFilter(profile="bulk", unowned=True), Assignment(team="web")
        with pytest.raises(Unavailable):
            await assign_selected(two.ours, ADMINISTRATOR, selected, wanted)
        again = await assign_selected(two.ours, ADMINISTRATOR, selected, wanted)
        assert again.changed == 5
        found = await two.ours.database.select(CertificateRow, """ "profile" = 'bulk' """)
        assert {one.team for one in found} == {"web"}
        assert len(await events(two.ours)) == len(rows)

    pair(database, body)
