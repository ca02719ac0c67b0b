"""Rights to approve that were handed on, on a real database."""

from datetime import timedelta

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.approval import RequestStatus, request_status
from certwright.core.errors import Conflict, Forbidden, Malformed, NotFound
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request
from certwright.operations.delegate_approval import (
    delegate_approval,
    list_delegations,
    take_back_approval,
)
from certwright.operations.find_request import request_before
from certwright.operations.grant_role import grant_role
from certwright.operations.manage_users import NewUser, create_user, disable_user
from certwright.store.people_rows import ApprovalDelegationRow
from tests.operations.approving import TWO_STEPS, rules, waiting
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

DAY = timedelta(days=1)


def account(context: Context, name: str) -> Actor:
    """As the snapshot has it now."""
    return context.snapshot.user_actor(name, "")


async def people(context: Context) -> None:
    """Alice and bob are officers, dora and emil nobody."""
    for name in ("alice", "bob", "dora", "emil"):
        await create_user(context, ADMINISTRATOR, NewUser(name))
    for name in ("alice", "bob"):
        await grant_role(context, ADMINISTRATOR, f"user:{name}", Grant(Role.RA_OFFICER))
    await context.snapshots.refresh()


async def handed_on(context: Context, whose: str = "alice", deputy: str = "dora") -> ApprovalDelegationRow:
    return await delegate_approval(context, account(context, whose), deputy, context.clock() + DAY)


def test_a_deputy_decides_once_in_the_place_of_the_other(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        await people(context)
        number = (await waiting(context)).row.id
        with pytest.raises(NotFound):
            await approve_request(context, account(context, "dora"), number)
        await handed_on(context)
        assert (await request_before(context, account(context, "dora"), number)).row.id == number
        done = await approve_request(context, account(context, "dora"), number)
        assert done.decisions[0].instead_of == "user:alice"
        with pytest.raises(Conflict, match="in your place"):
            await approve_request(context, account(context, "alice"), number)
        await approve_request(context, account(context, "bob"), number)
        with pytest.raises(Forbidden, match="step board is decided by"):
            await approve_request(context, ADMINISTRATOR, number)

    with_installation(database, body)


def test_a_right_ends_with_its_time_when_taken_back_and_with_the_account(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS.replace('expires = "1d"', 'expires = "30d"'))
        await people(context)
        number = (await waiting(context)).row.id
        dora = account(context, "dora")
        await handed_on(context)
        later(clock, days=1)
        with pytest.raises(NotFound):
            await approve_request(context, dora, number)
        row = await handed_on(context)
        assert [one.id for one in await list_delegations(context.database, dora, clock())] == [row.id]
        with pytest.raises(NotFound):
            await take_back_approval(context, dora, row.id)
        await take_back_approval(context, account(context, "alice"), row.id)
        with pytest.raises(NotFound):
            await approve_request(context, dora, number)
        await handed_on(context)
        await disable_user(context, ADMINISTRATOR, "alice")
        with pytest.raises(NotFound):
            await approve_request(context, dora, number)
        request = await request_before(context, ADMINISTRATOR, number)
        assert request_status(request.facts, clock()) is RequestStatus.WAITING
        assert not request.decisions

    with_installation(database, body)


def test_who_hands_what_on(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await people(context)
        alice, ends = account(context, "alice"), clock() + DAY
        token = Actor("token:alices", (Grant(Role.RA_OFFICER),), "", "alice")
        with pytest.raises(Forbidden, match="in person"):
            await delegate_approval(context, token, "dora", ends)
        with pytest.raises(Forbidden):
            await delegate_approval(context, alice, "dora", ends, user="bob")
        with pytest.raises(Malformed, match="own deputy"):
            await delegate_approval(context, alice, "alice", ends)
        for wrong in (clock(), clock() + 366 * DAY):
            with pytest.raises(Malformed, match="handed on until"):
                await delegate_approval(context, alice, "dora", wrong)
        with pytest.raises(NotFound):
            await delegate_approval(context, alice, "nobody", ends)
        row = await delegate_approval(context, ADMINISTRATOR, "dora", ends, user="bob")
        assert await list_delegations(context.database, account(context, "emil"), clock()) == []
        gone = await take_back_approval(context, ADMINISTRATOR, row.id)
        assert gone.ends_at <= clock()
        with pytest.raises(Conflict, match="ended already"):
            await take_back_approval(context, ADMINISTRATOR, row.id)

    with_installation(database, body)
