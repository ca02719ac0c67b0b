"""Notices: who is told of what, in the commit that it tells of; and mails, before a real server."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Forbidden
from certwright.core.responsibility import Assignment
from certwright.operations.assign_owner import assign_owner, assign_selected
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request, reject_request
from certwright.operations.delegate_approval import delegate_approval
from certwright.operations.expire_requests import expire_requests
from certwright.operations.grant_role import grant_role
from certwright.operations.issue import IssueOrder
from certwright.operations.list_certificates import CertificateFilter
from certwright.operations.manage_teams import add_member, change_team, create_team
from certwright.operations.manage_users import NewUser, change_user, create_user, disable_user
from certwright.operations.read_notices import (
    choose_mail,
    count_unread,
    list_notices,
    mark_read,
    wants_mail,
)
from certwright.operations.request_certificate import request_certificate
from certwright.operations.send_notices import AGAIN, FAILURES_MAX, Post, send_notices
from certwright.operations.tell_of_request import HOURLY_MAX
from certwright.plugins.notifiers.smtp import SmtpNotifier, SmtpSettings
from certwright.store.approvals import Request
from certwright.store.ledger import Change
from certwright.store.people_rows import NoticeRow
from certwright.store.rows import AuditEventRow
from tests.operations.approving import TWO_STEPS, order, rules
from tests.operations.installed import issued, later, with_installation
from tests.operations.test_assign_owner import Pair, pair
from tests.real.databases import Database
from tests.real.mail_server import Mailbox, mail_server
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.real.processes import free_port

Body = Callable[[Context, MovableClock], Awaitable[None]]
STRANGER = (Grant(Role.REQUESTER),)
NAMES = ("alice", "bob", "carol", "dave", "robert")


async def people(context: Context) -> None:
    """alice and bob are RA officers, carol and dave on the board, robert asks."""
    for name in NAMES:
        await create_user(context, ADMINISTRATOR, NewUser(name, email=f"{name}@example.test"))
    await create_user(context, ADMINISTRATOR, NewUser("robot", email="robot@example.test", service=True))
    await create_team(context, ADMINISTRATOR, "board")
    for name in ("dave", "robot"):
        await add_member(context, ADMINISTRATOR, "board", name)
    for name in ("alice", "bob"):
        await grant_role(context, ADMINISTRATOR, f"user:{name}", Grant(Role.RA_OFFICER))
    await grant_role(context, ADMINISTRATOR, "user:robert", Grant(Role.REQUESTER))


def installed(database: Database, body: Body) -> None:
    async def act(context: Context, clock: MovableClock) -> None:
        await people(context)
        await body(context, clock)

    with_installation(database, act)


def user(context: Context, name: str) -> Actor:
    return context.snapshot.user_actor(name, "")


async def asked(context: Context, by: str = "robert") -> Request:
    wanted: IssueOrder = order("a.pay.test", user(context, by))
    made = await request_certificate(context, wanted)
    assert isinstance(made, Request)
    return made


async def news(context: Context) -> list[tuple[str, str]]:
    """To whom (`@team` for a team's mail address) and what, of those not read; they are read then."""
    rows = await context.database.select(NoticeRow, '"read_at" IS NULL ORDER BY "account", "team"')
    now = context.clock()
    if rows:
        await context.ledger.commit(Change(replaced=[(row, row._replace(read_at=now)) for row in rows]))
    return [(row.account or f"@{row.team}", row.text) for row in rows]


async def news_of(context: Context) -> list[tuple[str, str]]:
    """The same, and they stay unread."""
    rows = await context.database.select(NoticeRow, '"read_at" IS NULL ORDER BY "account", "team"')
    return [(row.account or f"@{row.team}", row.text) for row in rows]


def post(port: int, **more: Any) -> Post:
    settings = SmtpSettings("127.0.0.1", port, "none", "certwright@pki.test", "pki.test", seconds=5.0, **more)
    return Post(SmtpNotifier(settings), "https://pki.test:8443")


# -- who is told ---------------------------------------------------------------------------------


def test_strangers_who_ask_for_much_fill_no_mailbox(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        await grant_role(context, ADMINISTRATOR, "user:robert", Grant(Role.RA_OFFICER))
        for number in range(HOURLY_MAX + 3):
            await request_certificate(context, order(f"{number}.pay.test", Actor("acme:x", STRANGER)))
        for name in ("alice", "bob", "robert"):
            found = [text for who, text in await news_of(context) if who == name]
            assert len(found) == HOURLY_MAX
            assert sum("waits for your approval" in text for text in found) == HOURLY_MAX - 1
            assert sum("Many requests wait for your approval." in text for text in found) == 1
        await grant_role(context, ADMINISTRATOR, "user:carol", Grant(Role.RA_OFFICER))
        await news(context)
        await asked(context)
        assert [who for who, _ in await news(context)] == ["carol"]
        later(clock, seconds=3601)
        await asked(context)
        assert [who for who, _ in await news(context)] == ["alice", "bob", "carol"]

    installed(database, body)


def test_a_request_is_told_to_those_who_may_decide_and_its_end_to_who_asked(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        await change_team(context, ADMINISTRATOR, "board", "", "board@example.test")
        request = await asked(context)
        found = await news(context)
        assert [name for name, _ in found] == ["alice", "bob"]
        assert found[0][1] == "A request of robert for a.pay.test waits for your approval (step pki)."
        await approve_request(context, user(context, "alice"), request.row.id)
        assert await news(context) == []
        await approve_request(context, user(context, "bob"), request.row.id)
        found = await news(context)
        assert [name for name, _ in found] == ["@board", "carol", "dave"]
        assert "(step board)" in found[0][1]
        await approve_request(context, user(context, "dave"), request.row.id)
        [(name, text)] = await news(context)
        assert (name, "its certificate is issued" in text) == ("robert", True)

    installed(database, body)


def test_ends_without_a_certificate_are_told_with_their_reason(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        first, second = await asked(context), await asked(context)
        await news(context)
        await reject_request(context, user(context, "alice"), first.row.id, "not\nlike that")
        [(name, text)] = await news(context)
        assert (name, text.endswith("was rejected: not\N{REPLACEMENT CHARACTER}like that")) == (
            "robert",
            True,
        )
        later(clock, days=2)
        assert await expire_requests(context) == 1
        [(name, text)] = await news(context)
        assert (name, "has expired" in text) == ("robert", True)
        links = {row.link for row in await context.database.select(NoticeRow, "1 = 1")}
        assert links == {f"/console/requests/{one.row.id}/" for one in (first, second)}

    installed(database, body)


def test_nobody_is_asked_about_their_own_and_deputies_are(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        await delegate_approval(context, user(context, "bob"), "carol", clock() + timedelta(days=1))
        await asked(context, "alice")
        assert [name for name, _ in await news(context)] == ["bob", "carol"]
        await disable_user(context, ADMINISTRATOR, "carol")
        await asked(context)
        assert [name for name, _ in await news(context)] == ["alice", "bob"]

    installed(database, body)


def test_who_gets_certificates_is_told_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        rows = [await issued(context, f"h{number}.example.test") for number in range(3)]
        references = [row.fingerprint.hex() for row in rows]
        await assign_owner(context, ADMINISTRATOR, references, Assignment("board", "alice"))
        [(name, text)] = await news(context)
        assert (name, "has handed certificates over to you" in text) == ("alice", True)
        await assign_owner(context, ADMINISTRATOR, references, Assignment("board", "alice"))
        assert await news(context) == []
        every = CertificateFilter(owner="alice")
        await assign_selected(context, ADMINISTRATOR, every, Assignment(owner=""), rehearse=True)
        await assign_selected(context, ADMINISTRATOR, every, Assignment(owner=""))
        assert await news(context) == []
        nobodys = CertificateFilter(team="board")
        await assign_selected(context, ADMINISTRATOR, nobodys, Assignment(owner="bob"))
        assert [name for name, _ in await news(context)] == ["bob"]

    installed(database, body)


# -- one's own -----------------------------------------------------------------------------------


def test_one_reads_ones_own_alone(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        for _ in range(3):
            await asked(context)
        alice, dave = user(context, "alice"), user(context, "dave")
        rows, after = await list_notices(context, alice, limit=2)
        more, end = await list_notices(context, alice, after)
        assert ([row.id for row in rows], len(more), end) == (
            sorted((r.id for r in rows), reverse=True),
            1,
            None,
        )
        assert (await count_unread(context, alice), await count_unread(context, dave)) == (3, 0)
        assert await mark_read(context, dave, [rows[0].id]) == 0
        assert await mark_read(context, alice, [rows[0].id]) == 1
        assert await mark_read(context, alice) == 2
        assert (await count_unread(context, alice), await count_unread(context, user(context, "bob"))) == (
            0,
            3,
        )
        token = Actor("token:alices", (Grant(Role.ADMINISTRATOR),), "", "alice")
        for act in (list_notices, mark_read, wants_mail):
            with pytest.raises(Forbidden):
                await act(context, token)

    installed(database, body)


# -- mail ----------------------------------------------------------------------------------------


async def told_of(context: Context, *names: str) -> None:
    """A notice for each."""
    row = await issued(context)
    for name in names:
        await assign_owner(context, ADMINISTRATOR, [row.fingerprint.hex()], Assignment(owner=name))


async def failures(context: Context) -> int:
    return len(await context.database.select(AuditEventRow, """ "kind" = 'notice.failed' """))


def with_mail(database: Database, body: Callable[[Context, MovableClock, Mailbox], Awaitable[None]]) -> None:
    async def act(context: Context, clock: MovableClock) -> None:
        async with mail_server() as box:
            await body(context, clock, box)

    installed(database, act)


def test_each_is_mailed_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        await change_user(context, ADMINISTRATOR, "carol", "Carol <b>", "carol@example.test")
        await choose_mail(context, user(context, "bob"), wanted=False)
        await change_user(context, ADMINISTRATOR, "dave", "", "")
        await told_of(context, "alice", "bob", "carol", "dave")
        assert await send_notices(context, post(box.port)) == 4
        assert await send_notices(context, post(box.port)) == 0
        assert sorted(one.rcpt_tos[0] for one in box.envelopes) == [
            "alice@example.test",
            "carol@example.test",
        ]
        carols = next(mail for mail in box.mails() if mail["To"] == "carol@example.test")
        text = carols.get_content()
        assert "Hello Carol <b>," in text
        assert "https://pki.test:8443/console/certificates/?status=live&owner=carol" in text
        assert len({mail["Message-ID"] for mail in box.mails()}) == 2
        assert await failures(context) == 0
        await choose_mail(context, user(context, "bob"), wanted=True)
        assert await wants_mail(context, user(context, "bob"))
        assert await send_notices(context, post(box.port)) == 0

    with_mail(database, body)


def test_not_now_is_tried_again_a_bounded_number_of_times(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        box.answers = ["450 4.2.0 greylisted", "451 4.3.0 later", "250 OK"]
        await told_of(context, "alice")
        for pause, mails in ((timedelta(), 0), (AGAIN[0], 0), (AGAIN[1], 1), (AGAIN[2], 1)):
            clock.offset += pause - timedelta(seconds=1)
            assert await send_notices(context, post(box.port)) == 0
            clock.offset += timedelta(seconds=2)
            await send_notices(context, post(box.port))
            assert len(box.envelopes) == mails
        box.answers = ["450 4.2.0 never"]
        await told_of(context, "bob")
        for pause in (timedelta(), *AGAIN):
            assert await failures(context) == 0
            clock.offset += pause + timedelta(seconds=2)
            assert await send_notices(context, post(box.port)) == 1
        assert await failures(context) == 1
        later(clock, days=9)
        assert await send_notices(context, post(box.port)) == 0

    with_mail(database, body)


def test_a_refusal_is_given_up_and_on_record(database: Database) -> None:
    async def body(context: Context, clock: MovableClock, box: Mailbox) -> None:
        box.answers = ["550 5.1.1 there is nobody like that", "250 OK"]
        await change_user(context, ADMINISTRATOR, "carol", "", "a,b@example.test")
        await told_of(context, "alice", "bob", "carol")
        assert await send_notices(context, post(box.port)) == 3
        assert await failures(context) == 2
        assert [one.rcpt_tos for one in box.envelopes] == [["bob@example.test"]]
        later(clock, days=9)
        assert await send_notices(context, post(box.port)) == 0

    with_mail(database, body)


def test_a_server_that_is_away_is_left_in_peace(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await told_of(context, *NAMES)
        away = post(free_port())
        assert await send_notices(context, away) == 0
        tried = await context.database.select(NoticeRow, '"mail_attempts" > 0')
        assert len(tried) == FAILURES_MAX
        later(clock, days=1, seconds=30)  # the others are not news any more
        async with mail_server() as box:
            assert await send_notices(context, post(box.port)) == len(NAMES)
            assert len(box.envelopes) == FAILURES_MAX

    installed(database, body)


def test_of_two_workers_one_sends(database: Database) -> None:
    async def body(two: Pair) -> None:
        await create_user(two.ours, ADMINISTRATOR, NewUser("mailed", email="mailed@example.test"))
        await told_of(two.ours, "mailed")
        async with mail_server() as box:
            await asyncio.gather(*(send_notices(one, post(box.port)) for one in (two.ours, two.other)))
            assert len(box.envelopes) == 1

    pair(database, body)
