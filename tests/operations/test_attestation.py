"""Campaigns: everybody is asked once, answers count until the end, and who is silent is told of."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.attestation import Answer
from certwright.core.errors import Conflict, Forbidden, Malformed, NotFound, TooLarge, Unavailable
from certwright.core.responsibility import Assignment
from certwright.operations import remind as module
from certwright.operations.assign_owner import assign_owner
from certwright.operations.attestation import (
    ANSWERS_MAX,
    FILL,
    CampaignOrder,
    answer_items,
    attestation_record,
    close_campaign,
    find_campaign,
    list_campaigns,
    open_campaign,
    read_filter,
    write_filter,
)
from certwright.operations.context import Context
from certwright.operations.grant_role import grant_role
from certwright.operations.list_certificates import CertificateFilter
from certwright.operations.remind import remind
from certwright.operations.take_outbox import settle_work, waiting_work
from certwright.store.people_rows import AttestationCampaignRow, AttestationItemRow, NoticeRow
from certwright.store.rows import AuditEventRow, CertificateRow
from certwright.worker.outbox import KINDS
from tests.faults.interposed import BEGIN, COMMIT, nothing, raising
from tests.operations.installed import issued, later, revoked, with_installation
from tests.operations.test_assign_owner import Pair, beside, pair, people, row_now
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

ALL = CertificateFilter(profile="tls-server")
points = pytest.mark.parametrize("point", [BEGIN, COMMIT])
Body = Callable[[Context, MovableClock], Awaitable[None]]


def installed(database: Database, body: Body) -> None:
    async def act(context: Context, clock: MovableClock) -> None:
        await people(context)
        await body(context, clock)

    with_installation(database, act)


async def owned(context: Context, name: str, team: str, owner: str) -> CertificateRow:
    row = await issued(context, f"{name}.example.test")
    if not (team or owner):
        return row
    wanted = Assignment(team, owner)
    return (await assign_owner(context, ADMINISTRATOR, [row.fingerprint.hex()], wanted))[0]


async def work_off(context: Context) -> None:
    for work in await waiting_work(context.database):
        if work.row.kind == FILL:
            await KINDS[FILL](context, json.loads(work.row.payload))
            await settle_work(context, [work.row.id])


async def asked(context: Context, days: float = 30, repeat: int | None = None) -> AttestationCampaignRow:
    due = context.clock() + timedelta(days=days)
    row = await open_campaign(context, ADMINISTRATOR, CampaignOrder("Spring", "Needed?", ALL, due, repeat))
    await work_off(context)
    return await find_campaign(context.database, row.id)


async def notices(context: Context) -> set[tuple[str, str]]:
    """To whom since this was asked last; each at most once at a time."""
    rows = await context.database.select(NoticeRow, """ "read_at" IS NULL AND "text" LIKE 'Spring: %' """)
    told = [(row.account, row.team) for row in rows]
    assert len(told) == len(set(told))
    assert all(row.link for row in rows)
    now = context.clock()
    if rows:
        from certwright.store.ledger import Change

        await context.ledger.commit(Change(replaced=[(row, row._replace(read_at=now)) for row in rows]))
    return set(told)


def test_a_campaign_from_its_opening_to_its_record(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        a, b = await owned(context, "a", "web", "alice"), await owned(context, "b", "web", "")
        c, gone = await owned(context, "c", "", ""), await owned(context, "gone", "web", "bob")
        await revoked(context, gone)
        row = await asked(context)
        assert row.filled_at
        items = await context.database.select(AttestationItemRow, '"campaign_id" = ?', row.id)
        assert {item.certificate_id for item in items} == {a.id, b.id, c.id}
        assert await notices(context) == {("alice", ""), ("bob", "")}
        alice, bob = (context.snapshot.user_actor(name, "") for name in ("alice", "bob"))
        carol = context.snapshot.user_actor("carol", "")
        assert await answer_items(context, alice, row.id, [a.id], Answer.NEEDED, "The shop") == 1
        assert await answer_items(context, bob, row.id, [a.id, b.id], Answer.NOT_NEEDED) == 2
        for actor, error in (
            (carol, NotFound),
            (Actor("token:r", (Grant(Role.AUDITOR),)), Forbidden),
        ):
            with pytest.raises(error):
                await answer_items(context, actor, row.id, [b.id, a.id], Answer.NEEDED)
        with pytest.raises(NotFound):
            await answer_items(context, ADMINISTRATOR, row.id, [gone.id], Answer.NEEDED)
        with pytest.raises(TooLarge):
            await answer_items(context, bob, row.id, [a.id] * (ANSWERS_MAX + 1), Answer.NEEDED)
        assert (await row_now(context, b)).revoked_at is None  # it is proposed, not done
        record = await attestation_record(context.database, ADMINISTRATOR, row.id)
        told = {(line.fingerprint, line.answer, line.answered_by) for line in record}
        assert told == {
            (a.fingerprint.hex(), "not-needed", "user:bob"),
            (b.fingerprint.hex(), "not-needed", "user:bob"),
            (c.fingerprint.hex(), "", ""),
        }
        assert len(await attestation_record(context.database, alice, row.id)) == 1
        events = await context.database.select(AuditEventRow, """ "kind" = 'attestation.answered' """)
        assert len(events) == 3
        with pytest.raises(Forbidden):
            await close_campaign(context, bob, row.id)
        await close_campaign(context, ADMINISTRATOR, row.id)
        with pytest.raises(Conflict, match="closed"):
            await answer_items(context, alice, row.id, [a.id], Answer.NEEDED)
        with pytest.raises(Conflict, match="closed"):
            await close_campaign(context, ADMINISTRATOR, row.id)
        later(clock, days=100)
        assert await remind(context) == 0

    installed(database, body)


def test_who_is_silent_is_reminded_and_told_of(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await grant_role(context, ADMINISTRATOR, "user:carol", Grant(Role.SECURITY_OFFICER))
        a, _ = await owned(context, "a", "web", "alice"), await owned(context, "b", "web", "bob")
        await owned(context, "c", "", "")
        row = await asked(context, days=20)
        assert await notices(context) == {("alice", ""), ("bob", "")}
        alice = context.snapshot.user_actor("alice", "")
        await answer_items(context, alice, row.id, [a.id], Answer.NOT_MINE)
        for days, expected in (
            (5, set()),
            (5, {("bob", "")}),
            (7, {("bob", "")}),
            (3, {("alice", ""), ("bob", "")}),
            (3, {("carol", "")}),
            (30, set()),
        ):
            later(clock, days=days)
            assert await remind(context) == bool(expected)
            assert await remind(context) == 0
            assert await notices(context) == expected
        events = await context.database.select(AuditEventRow, """ "kind" = 'attestation.reminded' """)
        assert len(events) == 4

    installed(database, body)


def test_who_was_away_does_the_last_reminder_alone(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await owned(context, "a", "web", "alice")
        await asked(context, days=20)
        assert await notices(context) == {("alice", "")}
        later(clock, days=21)
        assert await remind(context) == 1
        assert await notices(context) == {("alice", ""), ("bob", "")}

    installed(database, body)


def test_a_campaign_is_repeated_once_until_it_is_told_not_to(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        first = await asked(context, days=1, repeat=30)
        await close_campaign(context, ADMINISTRATOR, first.id)
        later(clock, days=31)
        assert await remind(context) == 1
        assert await remind(context) == 0
        second, old = await list_campaigns(context.database, ADMINISTRATOR)
        assert (second.follows, old.id) == (first.id, first.id)
        assert second.due_at - second.opened_at == first.due_at - first.opened_at
        await work_off(context)
        await close_campaign(context, ADMINISTRATOR, second.id, repeat=False)
        later(clock, days=60)
        assert await remind(context) == 0

    installed(database, body)


@pytest.mark.parametrize("lost", range(1, 4))
def test_filling_goes_on_where_it_was_lost(
    database: Database, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)

    async def body(two: Pair) -> None:
        rows = [await owned(two.ours, f"h{place}", "web", "") for place in range(3)]
        order = CampaignOrder("Spring", "", ALL, two.ours.clock() + timedelta(days=30))
        row = await open_campaign(two.ours, ADMINISTRATOR, order)
        two.database.at(BEGIN, *[nothing] * (lost - 1), raising(Unavailable("gone")))
        with pytest.raises(Unavailable):
            await KINDS[FILL](two.ours, {"campaign": row.id})
        await asyncio.gather(
            *(KINDS[FILL](context, {"campaign": row.id}) for context in (two.ours, two.other)),
            return_exceptions=True,
        )
        await KINDS[FILL](two.ours, {"campaign": row.id})
        items = await two.ours.database.select(AttestationItemRow, "1 = 1")
        assert sorted(item.certificate_id for item in items) == sorted(one.id for one in rows)
        assert await notices(two.ours) == {("alice", ""), ("bob", "")}

    pair(database, body)


@points
def test_no_answer_comes_after_the_end(database: Database, point: str) -> None:
    async def body(two: Pair) -> None:
        a = await owned(two.ours, "a", "web", "alice")
        row = await asked(two.ours)
        theirs = close_campaign(two.other, ADMINISTRATOR, row.id)
        ours = answer_items(two.ours, ADMINISTRATOR, row.id, [a.id], Answer.NEEDED)
        with pytest.raises(Conflict):  # whoever is second hears of it
            await beside(two, point, theirs, ours)
        [item] = await two.ours.database.select(AttestationItemRow, "1 = 1")
        closed = (await find_campaign(two.ours.database, row.id)).closed_at is not None
        assert (item.answer == "needed") is not closed

    pair(database, body)


def test_what_makes_no_campaign_is_refused(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        now = clock()
        month = now + timedelta(days=30)
        for order in (
            CampaignOrder("", "", ALL, month),
            CampaignOrder("a\nb", "", ALL, month),
            CampaignOrder("x", "y" * 5001, ALL, month),
            CampaignOrder("x", "y\x00", ALL, month),
            CampaignOrder("x", "", CertificateFilter(name="no name"), month),
            CampaignOrder("x", "", ALL, now),
            CampaignOrder("x", "", ALL, now + timedelta(days=400)),
            CampaignOrder("x", "", ALL, month, 3),
        ):
            with pytest.raises(Malformed):
                await open_campaign(context, ADMINISTRATOR, order)
        officer = Actor("token:x", (Grant(Role.OPERATOR, "team:web"),))
        with pytest.raises(Forbidden):
            await open_campaign(context, officer, CampaignOrder("x", "", ALL, month))
        with pytest.raises(NotFound):
            await close_campaign(context, ADMINISTRATOR, 1)
        full = CertificateFilter(profile="p", revoked=False, expires_after=now, unowned=True, tag="t")
        assert read_filter(write_filter(full)) == full
        assert read_filter(write_filter(CertificateFilter())) == CertificateFilter()

    installed(database, body)
