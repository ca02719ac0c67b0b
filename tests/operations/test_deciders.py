"""Who decides on requests while accounts, roles and rules change, and while others do the same elsewhere."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.approval import RequestStatus, request_status
from certwright.core.errors import CertwrightError, Conflict, Forbidden, NotFound
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request, reject_request
from certwright.operations.grant_role import grant_role
from certwright.operations.manage_tokens import create_token, revoke_token
from certwright.operations.manage_users import NewUser, create_user, disable_user
from certwright.operations.withdraw_role import withdraw_role
from certwright.store.approvals import load_request
from certwright.store.people_rows import ApprovalDecisionRow
from certwright.store.rows import CertificateNameRow
from tests.operations.approving import ONE_STEP, TWO_STEPS, rules, waiting
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened

OFFICER = Grant(Role.RA_OFFICER)
Body = Callable[[Context, Context], Awaitable[None]]


def with_two(database: Database, body: Body) -> None:
    """Two processes on one database, where alice, bob and carol have accounts; the first two are officers."""

    async def main() -> None:
        async with _two(database) as (here, there):
            for name in ("alice", "bob", "carol"):
                await create_user(here, ADMINISTRATOR, NewUser(name))
            for name in ("alice", "bob"):
                await grant_role(here, ADMINISTRATOR, f"user:{name}", OFFICER)
            await there.snapshots.refresh()
            await body(here, there)

    asyncio.run(main())


@asynccontextmanager
async def _two(database: Database) -> AsyncIterator[tuple[Context, Context]]:
    kept, clock = Secrets(), MovableClock()
    async with opened(database.url, kept, clock) as here:
        await found(here)
        async with opened(database.url, kept, clock) as there:
            yield here, there


def account(context: Context, name: str) -> Actor:
    return context.snapshot.user_actor(name, "")


async def status(context: Context, number: int) -> RequestStatus:
    return request_status((await load_request(context.database, number)).facts, context.clock())


def test_an_approver_who_is_disabled_after_their_step_has_approved(database: Database) -> None:
    async def body(here: Context, there: Context) -> None:
        await rules(here, TWO_STEPS.replace("quorum = 2, ", ""))
        number = (await waiting(here)).row.id
        await approve_request(here, account(here, "alice"), number)
        await disable_user(here, ADMINISTRATOR, "alice")
        done = await approve_request(there, account(there, "carol"), number)
        assert await status(here, number) is RequestStatus.ISSUED
        assert [one.person for one in done.decisions] == ["user:alice", "user:carol"]

    with_two(database, body)


async def _disable(context: Context) -> None:
    await disable_user(context, ADMINISTRATOR, "alice")


async def _withdraw(context: Context) -> None:
    await withdraw_role(context, ADMINISTRATOR, "user:alice", OFFICER)


@pytest.mark.parametrize(("act", "error"), [(_disable, Forbidden), (_withdraw, NotFound)])
def test_who_has_lost_it_elsewhere_a_moment_ago_decides_nothing(
    database: Database, act: Callable[[Context], Awaitable[None]], error: type[CertwrightError]
) -> None:
    """The process that they ask has not heard of it yet."""

    async def body(here: Context, there: Context) -> None:
        await rules(here, ONE_STEP)
        await there.snapshots.refresh()
        number = (await waiting(here)).row.id
        alice = account(there, "alice")
        await act(here)
        with pytest.raises(error):
            await approve_request(there, alice, number)
        with pytest.raises(CertwrightError):
            await reject_request(there, alice, number, "no")
        assert await here.database.select(ApprovalDecisionRow, "1 = 1") == []
        assert await status(here, number) is RequestStatus.WAITING

    with_two(database, body)


def test_a_token_that_was_revoked_elsewhere_a_moment_ago_decides_nothing(database: Database) -> None:
    async def body(here: Context, there: Context) -> None:
        await rules(here, ONE_STEP)
        made = await create_token(here, ADMINISTRATOR, "deputy", (OFFICER,), None)
        await there.snapshots.refresh()
        number = (await waiting(here)).row.id
        digest = hashlib.sha256(made.secret.encode()).digest()
        token = there.snapshot.token_actor(digest, there.clock(), "")
        assert token is not None
        await revoke_token(here, ADMINISTRATOR, "deputy")
        with pytest.raises(Forbidden, match="revoked meanwhile"):
            await approve_request(there, token, number)
        assert await status(here, number) is RequestStatus.WAITING

    with_two(database, body)


def test_a_role_given_elsewhere_a_moment_ago_counts(database: Database) -> None:
    async def body(here: Context, there: Context) -> None:
        await rules(here, ONE_STEP)
        await there.snapshots.refresh()
        number = (await waiting(here)).row.id
        carol = account(there, "carol")
        await grant_role(here, ADMINISTRATOR, "user:carol", OFFICER)
        await approve_request(there, carol, number)
        assert await status(here, number) is RequestStatus.ISSUED

    with_two(database, body)


def test_of_two_processes_one_issues(database: Database) -> None:
    """The last approval comes to both at the same instant, or a rejection with it."""

    async def body(here: Context, there: Context) -> None:
        await rules(here, ONE_STEP)
        await there.snapshots.refresh()
        number = (await waiting(here)).row.id
        results = await asyncio.gather(
            approve_request(here, account(here, "alice"), number),
            approve_request(there, account(there, "bob"), number),
            return_exceptions=True,
        )
        [told] = [one for one in results if isinstance(one, BaseException)]
        assert isinstance(told, Conflict)
        assert await status(here, number) is RequestStatus.ISSUED
        assert len((await load_request(here.database, number)).decisions) == 1
        names = await here.database.select(CertificateNameRow, '"value" = ?', "a.pay.test")
        assert len(names) == 1

    with_two(database, body)


def test_an_approval_and_a_rejection_at_the_same_instant(database: Database) -> None:
    async def body(here: Context, there: Context) -> None:
        await rules(here, ONE_STEP)
        await there.snapshots.refresh()
        number = (await waiting(here)).row.id
        results = await asyncio.gather(
            approve_request(here, account(here, "alice"), number),
            reject_request(there, account(there, "bob"), number, "no"),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Conflict) for one in results) == 1
        [decision] = (await load_request(here.database, number)).decisions
        ends = RequestStatus.ISSUED if decision.approved else RequestStatus.REJECTED
        assert await status(here, number) is ends

    with_two(database, body)
