"""Accounts for whom others vouch: made, found again, given what their groups give, and no more."""

import asyncio

import pytest

from certwright.core.access import Grant, Role
from certwright.core.errors import Conflict, Forbidden, Malformed
from certwright.operations.context import Context
from certwright.operations.enter_from_source import Source, Vouched, enter_from_source
from certwright.operations.grant_role import grant_role
from certwright.operations.list_events import EventFilter, list_events
from certwright.operations.manage_teams import add_member, create_team
from certwright.operations.manage_users import NewUser, create_user, disable_user, set_password
from certwright.operations.withdraw_role import withdraw_role
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

RULES = {"admins": ("administrator",), "pay": ("team:pay", "operator@team:pay", "team:not-made")}
LDAP = Source("ldap", True, RULES)
ALICE = Vouched("1", "Alice", "Alice A.", "alice@example.test", ("pay", "others"))
OPERATOR = Grant(Role.OPERATOR, "team:pay")


async def enter(context: Context, vouched: Vouched = ALICE, source: Source = LDAP) -> str:
    return (await enter_from_source(context, source, vouched, "192.0.2.9")).name


async def kinds(context: Context) -> list[str]:
    rows = await list_events(context.database, ADMINISTRATOR, EventFilter(), 100)
    return [row.kind for row in rows if row.actor == "source:ldap"]


def test_groups_come_and_go_and_what_was_given_here_stays(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await create_team(context, ADMINISTRATOR, "pay")
        assert await enter(context) == "alice"
        assert context.snapshot.grants["user:alice"] == (OPERATOR,)
        assert context.snapshot.teams_of["alice"] == ("pay",)
        assert sorted(await kinds(context)) == ["grant.given", "team.member-added", "user.created"]
        await enter(context)
        assert len(await kinds(context)) == 3
        await grant_role(context, ADMINISTRATOR, "user:alice", OPERATOR)
        await grant_role(context, ADMINISTRATOR, "user:alice", Grant(Role.AUDITOR))
        await add_member(context, ADMINISTRATOR, "pay", "alice")
        await enter(context, Vouched("1", "alice", groups=("admins",)))
        assert set(context.snapshot.grants["user:alice"]) == {
            OPERATOR,
            Grant(Role.AUDITOR),
            Grant(Role.ADMINISTRATOR),
        }
        assert context.snapshot.teams_of["alice"] == ("pay",)
        await enter(context, Vouched("1", "alice"))
        assert set(context.snapshot.grants["user:alice"]) == {OPERATOR, Grant(Role.AUDITOR)}

    with_installation(database, body)


def test_a_name_is_no_key(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await create_user(context, ADMINISTRATOR, NewUser("alice", email="alice@example.test"))
        for source in (LDAP, Source("oidc:corp", True)):
            with pytest.raises(Conflict, match="there is an account alice already"):
                await enter(context, source=source)
        assert await enter(context, Vouched("2", "bob", email="alice@example.test")) == "bob"
        with pytest.raises(Conflict):
            await enter(context, Vouched("3", "bob"))
        with pytest.raises(Conflict):
            await enter(context, Vouched("2", "bob"), Source("oidc:corp", True))
        assert await enter(context, Vouched("2", "robert", groups=("admins",))) == "bob"
        assert "user:robert" not in context.snapshot.grants

    with_installation(database, body)


def test_who_has_no_account_or_a_disabled_one_stays_out(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        with pytest.raises(Forbidden, match="no account here"):
            await enter(context, source=Source("ldap"))
        for name in ("al ice", "", "a" * 101, "-alice", "alice\n"):
            with pytest.raises(Malformed):
                await enter(context, Vouched("1", name))
        await enter(context)
        assert await enter(context, source=Source("ldap")) == "alice"
        with pytest.raises(Conflict, match="no password here"):
            await set_password(context, ADMINISTRATOR, "alice", "hashed")
        await disable_user(context, ADMINISTRATOR, "alice")
        with pytest.raises(Forbidden, match="disabled"):
            await enter(context, Vouched("1", "alice", groups=("admins",)))
        assert "user:alice" not in context.snapshot.grants

    with_installation(database, body)


def test_the_first_log_in_twice_at_once_makes_one_account(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        vouched = Vouched("1", "alice", groups=("admins",))
        assert await asyncio.gather(*(enter(context, vouched) for _ in range(4))) == ["alice"] * 4
        assert sorted(await kinds(context)) == ["grant.given", "user.created"]
        await withdraw_role(context, ADMINISTRATOR, "user:alice", Grant(Role.ADMINISTRATOR))
        assert "user:alice" not in context.snapshot.grants

    with_installation(database, body)


def test_an_account_may_be_made_ahead_for_whom_a_source_means(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        ahead = NewUser("al", origin="ldap", external_id="1")
        await create_user(context, ADMINISTRATOR, ahead)
        assert await enter(context, source=Source("ldap", groups=RULES)) == "al"
        with pytest.raises(Conflict, match="has an account already"):
            await create_user(context, ADMINISTRATOR, NewUser("other", origin="ldap", external_id="1"))
        for wrong in (
            NewUser("x", origin="ldap"),
            NewUser("x", external_id="2"),
            NewUser("x", origin="oidc:", external_id="2"),
            NewUser("x", origin="saml:Corp", external_id="2"),
            NewUser("x", origin="ldap", external_id="a\nb"),
            NewUser("x", origin="ldap", external_id="2", service=True),
            NewUser("x", origin="ldap", external_id="2", password="hashed"),
        ):
            with pytest.raises(Malformed):
                await create_user(context, ADMINISTRATOR, wrong)

    with_installation(database, body)
