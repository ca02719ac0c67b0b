"""Dangerous acts by two persons: proposed, confirmed, done once, on record with both names."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certwright.core.access import Actor, Grant, Role, Subject, Verb
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Conflict, Forbidden, NotFound, SecondPersonNeeded
from certwright.core.keys import KeyAlgorithm
from certwright.core.revocation import Reason
from certwright.core.rules_toml import rules_from_toml
from certwright.core.second_person import CHOSEN, Act, Kind, Rule, State
from certwright.operations.break_glass import break_glass, end_break_glass, end_expired_break_glass
from certwright.operations.carry_out import carry_out
from certwright.operations.context import Context
from certwright.operations.decide_proposal import confirm_proposal, withdraw_proposal
from certwright.operations.delegate_approval import delegate_approval
from certwright.operations.found_authority import (
    AuthorityOrder,
    found_authority,
    retire_authority,
    sign_subordinate,
)
from certwright.operations.grant_role import grant_role
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.manage_teams import add_member, create_team
from certwright.operations.manage_tokens import create_token
from certwright.operations.manage_users import (
    NewUser,
    create_user,
    disable_user,
    find_user,
    remove_factors,
    set_password,
)
from certwright.operations.read_proposals import list_proposals, proposal_document
from certwright.operations.revoke import revoke_certificate
from certwright.operations.revoke_chosen import revoke_chosen
from certwright.operations.save_policy import save_policy
from certwright.operations.save_second_person import save_second_person
from certwright.operations.second_person import permission
from certwright.operations.withdraw_role import withdraw_role
from certwright.store.rows import AuditEventRow, CertificateRow
from tests.faults.interposed import COMMIT, COMMITTED, Interposed
from tests.operations.approving import ONE_STEP
from tests.operations.installed import issued, later, with_installation
from tests.operations.test_rights import authority_certificate, some_request
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, opened
from tests.real.pki import found as found_all

Body = Callable[[Context, MovableClock], Awaitable[None]]
Doing = Callable[[Context, Actor], Coroutine[Any, Any, object]]
AUDITOR = Grant(Role.AUDITOR)
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def person(name: str, *grants: Grant) -> Actor:
    return Actor(f"user:{name}", grants or (Grant(Role.ADMINISTRATOR),), "192.0.2.1", name)


ALICE, BOB = person("alice"), person("bob")


def with_rule(database: Database, body: Body, kinds: tuple[Kind, ...] = CHOSEN) -> None:
    """An installation with Alice, Bob, Carol and a service, where a second person is needed."""

    async def ruled(context: Context, clock: MovableClock) -> None:
        await people(context)
        await save_second_person(context, ADMINISTRATOR, Rule(frozenset(kinds)))
        await body(context, clock)

    with_installation(database, ruled)


async def people(context: Context) -> None:
    for name in ("alice", "bob", "carol", "robot"):
        await create_user(context, ADMINISTRATOR, NewUser(name, service=name == "robot"))
    await create_team(context, ADMINISTRATOR, "ops")
    await create_team(context, ADMINISTRATOR, "plain")
    await grant_role(context, ADMINISTRATOR, "team:ops", AUDITOR)


async def proposed(doing: Coroutine[Any, Any, object]) -> int:
    """The number of the proposal that comes of it."""
    with pytest.raises(SecondPersonNeeded) as needed:
        await doing
    return needed.value.number


async def events(context: Context, kind: str) -> list[dict[str, Any]]:
    rows = await context.database.select(AuditEventRow, '"kind" = ? ORDER BY "id"', kind)
    return [json.loads(row.body) for row in rows]


def found(context: Context, actor: Actor) -> Coroutine[Any, Any, object]:
    name = parse_name("CN=New")
    order = AuthorityOrder("new", "issuing", name, KeyAlgorithm.ECDSA_P256, "software", "root")
    return found_authority(context, actor, order)


OUTSIDE = some_request("CN=Outside")


async def revoke_two(context: Context, actor: Actor) -> None:
    rows = await context.database.select(CertificateRow, '"profile" = ? ORDER BY "id"', "tls-server")
    references = [row.fingerprint.hex() for row in rows[:2]]
    outcome = await revoke_chosen(context, actor, references, Reason.SUPERSEDED)
    assert outcome.done == 2, outcome


async def revoke_authority(context: Context, actor: Actor) -> None:
    reference = (await authority_certificate(context, "issuing")).fingerprint.hex()
    await revoke_certificate(context, actor, reference, Reason.SUPERSEDED, context.clock())


ACTS: dict[str, Doing] = {
    "found": found,
    "sign": lambda context, actor: sign_subordinate(context, actor, "root", OUTSIDE, "issuing-authority"),
    "retire": lambda context, actor: retire_authority(context, actor, "issuing"),
    "revoke authority": revoke_authority,
    "policy": lambda context, actor: save_policy(context, actor, rules_from_toml(ONE_STEP), "because"),
    "give": lambda context, actor: grant_role(context, actor, "user:carol", AUDITOR),
    "withdraw": lambda context, actor: withdraw_role(context, actor, "team:ops", AUDITOR),
    "member": lambda context, actor: add_member(context, actor, "ops", "carol"),
    "outsider": lambda context, actor: add_member(context, actor, "plain", "carol"),
    "token": lambda context, actor: create_token(context, actor, "robots", (AUDITOR,), None, "robot"),
    "deputy": lambda context, actor: delegate_approval(context, actor, "bob", TOMORROW, user="carol"),
    "revoke two": revoke_two,
    "password": lambda context, actor: set_password(context, actor, "carol", "hashed"),
    "factors": lambda context, actor: remove_factors(context, actor, "carol"),
    "relax": lambda context, actor: save_second_person(context, actor, Rule()),
}


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_done_once_by_two_persons(database: Database, name: str) -> None:
    doing = ACTS[name]

    async def body(context: Context, clock: MovableClock) -> None:
        await issued(context, "one.example.test")
        await issued(context, "two.example.test")
        number = await proposed(doing(context, ALICE))
        assert await proposed(doing(context, ALICE)) == number
        with pytest.raises(Forbidden, match="same person"):
            await confirm_proposal(context, ALICE, number)
        row = await confirm_proposal(context, BOB, number)
        assert proposal_document(row, clock())["touches"]
        assert await proposed(doing(context, BOB)) != number
        await doing(context, ALICE)
        [done] = await events(context, "proposal.carried-out")
        assert done["actor"] == "user:alice"
        assert done["detail"]["confirmed_by"] == "user:bob"
        assert done["detail"]["digest"] == row.digest.hex()
        with pytest.raises(CertwrightError) as again:
            await confirm_proposal(context, BOB, number)
        assert isinstance(again.value, Conflict)

    with_rule(database, body)


@pytest.mark.parametrize("point", [COMMIT, COMMITTED])
def test_killed_between_confirmation_and_act_it_is_done_once_or_still_to_be_done(
    database: Database, point: str
) -> None:
    kept, clock = Secrets(), MovableClock()

    async def confirmed() -> None:
        async with opened(database.url, kept, clock) as context:
            await found_all(context)
            await people(context)
            await save_second_person(context, ADMINISTRATOR, Rule(frozenset(CHOSEN)))
            await confirm_proposal(context, BOB, await proposed(ACTS["give"](context, ALICE)))

    async def killed() -> None:
        async with opened(database.url, kept, clock, wrap=Interposed) as context:
            there = context.database
            assert isinstance(there, Interposed)
            there.at(point, die)
            await ACTS["give"](context, ALICE)

    async def afterwards() -> None:
        async with opened(database.url, kept, clock) as context:
            if point == COMMIT:
                assert not await events(context, "proposal.carried-out")
                await ACTS["give"](context, ALICE)
            with pytest.raises(Conflict, match="already"):
                await ACTS["give"](context, ALICE)
            given = [one for one in await events(context, "grant.given") if one["subject"] == "user:carol"]
            assert len(given) == len(await events(context, "proposal.carried-out")) == 1

    asyncio.run(confirmed())
    child = os.fork()
    if not child:
        try:
            asyncio.run(killed())
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    asyncio.run(afterwards())


async def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_two_confirm_and_two_carry_out_at_the_same_moment(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        number = await proposed(ACTS["policy"](context, ALICE))
        carol = person("carol")
        both = [confirm_proposal(context, one, number) for one in (BOB, carol)]
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True]
        both = [carry_out(context, ALICE, number) for _ in range(2)]
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True]
        assert len(await events(context, "policy.saved")) == 1

    with_rule(database, body)


def test_who_comes_too_late_to_carry_out_proposes_nothing_anew(database: Database) -> None:
    """The other one was done between the look at the proposal and the act."""

    async def body(context: Context, clock: MovableClock) -> None:
        number = await proposed(ACTS["policy"](context, ALICE))
        await confirm_proposal(context, BOB, number)
        await carry_out(context, ALICE, number)
        act = Act(Kind.CHANGE_POLICY, Verb.MANAGE_POLICY, (Subject(),), {"as": "before"})
        with pytest.raises(Conflict, match="this proposal is done"):
            await permission(replace(context, carries_out=number), ALICE, act)
        assert len(await events(context, "proposal.made")) == 1

    with_rule(database, body)


@pytest.mark.parametrize("name", sorted(set(ACTS) - {"found", "sign", "password", "token", "deputy"}))
def test_what_the_proposal_holds_whole_is_carried_out_from_it(database: Database, name: str) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await issued(context, "one.example.test")
        await issued(context, "two.example.test")
        number = await proposed(ACTS[name](context, ALICE))
        with pytest.raises(Conflict, match="waiting"):
            await carry_out(context, ALICE, number)
        await confirm_proposal(context, BOB, number)
        with pytest.raises(Forbidden, match="user:alice has proposed"):
            await carry_out(context, BOB, number)
        done = await carry_out(context, ALICE, number)
        assert proposal_document(done, clock())["state"] == State.DONE

    with_rule(database, body)


def test_rules_that_changed_meanwhile_are_a_conflict(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        number = await proposed(ACTS["policy"](context, ALICE))
        await confirm_proposal(context, BOB, number)
        await break_glass(context, ADMINISTRATOR, "urgent")
        await save_policy(
            context, BOB, rules_from_toml('[[rule]]\nname = "x"\nrefuse = "no"\n'), "", anyway=True
        )
        await end_break_glass(context, ADMINISTRATOR)
        with pytest.raises(Conflict, match="at version 1, these were made from 0"):
            await carry_out(context, ALICE, number)
        assert await proposed(ACTS["policy"](context, ALICE)) != number

    with_rule(database, body)


def test_withdrawn_expired_and_from_a_disabled_account(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        number = await proposed(ACTS["give"](context, ALICE))
        await withdraw_proposal(context, BOB, number)
        for doing in (confirm_proposal, withdraw_proposal):
            with pytest.raises(Conflict, match="withdrawn"):
                await doing(context, BOB, number)
        late = await proposed(ACTS["give"](context, ALICE))
        later(clock, hours=25)
        with pytest.raises(Conflict, match="expired"):
            await confirm_proposal(context, BOB, late)
        last = await proposed(ACTS["give"](context, ALICE))
        assert len({number, late, last}) == 3
        await disable_user(context, BOB, "alice")
        with pytest.raises(Conflict, match="disabled"):
            await confirm_proposal(context, BOB, last)

    with_rule(database, body)


def test_programs_neither_propose_nor_confirm(database: Database) -> None:
    administrator = (Grant(Role.ADMINISTRATOR),)
    programs = Actor("token:x", administrator), Actor("token:y", administrator, user="robot")

    async def body(context: Context, clock: MovableClock) -> None:
        number = await proposed(ACTS["give"](context, ALICE))
        for program in programs:
            with pytest.raises(Forbidden, match="log in, or use a token of your own account"):
                await ACTS["give"](context, program)
            with pytest.raises(Forbidden):
                await confirm_proposal(context, program, number)
        own = Actor("token:alices", administrator, user="alice")
        assert await proposed(ACTS["give"](context, own)) == number
        with pytest.raises(Forbidden, match="same person"):
            await confirm_proposal(context, own, number)

    with_rule(database, body)


def test_who_may_not_do_it_sees_no_proposal(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        number = await proposed(ACTS["retire"](context, ALICE))
        other = person("carol", Grant(Role.SECURITY_OFFICER, "authority:root"))
        assert await list_proposals(context.database, other) == []
        with pytest.raises(NotFound):
            await confirm_proposal(context, other, number)
        within = person("carol", Grant(Role.SECURITY_OFFICER, "authority:issuing"))
        assert [row.id for row in await list_proposals(context.database, within)] == [number]
        await confirm_proposal(context, within, number)

    with_rule(database, body)


def test_an_authority_is_not_certified_by_another_way(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        with pytest.raises(Conflict, match="sign-csr"):
            await issue(context, IssueOrder(ALICE, OUTSIDE, "root", "issuing-authority"))

    with_rule(database, body)


def test_many_are_revoked_by_two_persons_and_one_by_one(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        row = await issued(context)
        reference = row.fingerprint.hex()
        outcome = await revoke_chosen(context, ALICE, [reference], Reason.SUPERSEDED)
        assert outcome.done == 1
        authority = (await authority_certificate(context, "issuing")).fingerprint.hex()
        with pytest.raises(Conflict, match="by itself"):
            await revoke_chosen(context, ALICE, [reference, authority], Reason.SUPERSEDED)

    with_rule(database, body)


# -- break-glass ---------------------------------------------------------------------------------


def test_the_glass_is_broken_loudly_and_for_a_time(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for actor in (ALICE, Actor("token:x", (Grant(Role.ADMINISTRATOR),))):
            with pytest.raises(Forbidden, match="machine itself"):
                await break_glass(context, actor, "no")
        opened = await break_glass(context, ADMINISTRATOR, "nobody else is here", administrator=True)
        with pytest.raises(Conflict, match="open already"):
            await break_glass(context, ADMINISTRATOR, "again")
        await ACTS["give"](context, ALICE)
        [used] = await events(context, "break-glass.used")
        assert (used["actor"], used["detail"]["act"]) == ("user:alice", "change-roles")
        assert not await end_expired_break_glass(context)
        name = opened.row.account
        assert context.snapshot.user_actor(name, "").grants[0].role is Role.ADMINISTRATOR
        later(clock, hours=1)
        await proposed(ACTS["policy"](context, ALICE))
        assert await end_expired_break_glass(context)
        assert not await end_expired_break_glass(context)
        assert (await find_user(context.database, name)).disabled_at is not None
        assert all(grant.role is Role.OWNER for grant in context.snapshot.user_actor(name, "").grants)
        assert len(await events(context, "break-glass.ended")) == 1

    with_rule(database, body)


def test_it_can_be_ended_before_and_opened_again(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        with pytest.raises(Conflict, match="not open"):
            await end_break_glass(context, ADMINISTRATOR)
        await break_glass(context, ADMINISTRATOR, "one", timedelta(hours=2))
        await end_break_glass(context, ADMINISTRATOR)
        await proposed(ACTS["policy"](context, ALICE))
        await break_glass(context, ADMINISTRATOR, "two")
        later(clock, hours=2)
        await break_glass(context, ADMINISTRATOR, "three")
        assert len(await events(context, "break-glass.ended")) == 2

    with_rule(database, body)
