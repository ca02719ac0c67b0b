"""Rules of issuance in the store: saved in order, by whom, and in force for what comes after."""

import asyncio

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.approval import ApprovalNeeded
from certwright.core.errors import Conflict, Forbidden, NotFound, Refused
from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.issue import Issued, issue
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.read_policy import policy_history, read_policy
from certwright.operations.save_policy import save_policy
from tests.faults.interposed import BEGIN, Interposed
from tests.operations.approving import ONE_STEP, order, rules
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened

NOTHING = '[[rule]]\nname = "nothing"\nrefuse = "Nothing today."\n'


def test_versions_and_their_history(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert (await read_policy(context.database, context.snapshot, ADMINISTRATOR)).row is None
        await rules(context, ONE_STEP)
        await rules(context, ONE_STEP + NOTHING)
        with pytest.raises(Conflict, match="which are in force"):
            await rules(context, ONE_STEP + NOTHING)
        newest, first = await policy_history(context.database, ADMINISTRATOR)
        assert ([row.number for row, _ in (newest, first)]) == [2, 1]
        assert [rule.name for rule in newest[1].added] == ["nothing"]
        [older] = await policy_history(context.database, ADMINISTRATOR, before=2)
        assert older == first
        earlier = await read_policy(context.database, context.snapshot, ADMINISTRATOR, 1)
        assert earlier.rules == rules_from_toml(ONE_STEP)
        with pytest.raises(NotFound):
            await read_policy(context.database, context.snapshot, ADMINISTRATOR, 9)

    with_installation(database, body)


def test_whoever_manages_policy_within_everything_saves_it(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for grant in (Grant(Role.RA_OFFICER), Grant(Role.SECURITY_OFFICER, "authority:issuing")):
            with pytest.raises(Forbidden):
                await save_policy(context, Actor("token:x", (grant,)), rules_from_toml(ONE_STEP), "")
        scoped = Actor("token:x", (Grant(Role.AUDITOR, "authority:issuing"),))
        with pytest.raises(Forbidden):
            await read_policy(context.database, context.snapshot, scoped)
        officer = Actor("token:x", (Grant(Role.SECURITY_OFFICER),))
        assert (await save_policy(context, officer, rules_from_toml(ONE_STEP), "")).created_by == "token:x"

    with_installation(database, body)


def test_two_save_at_the_same_moment(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        texts = [ONE_STEP, NOTHING]
        saved = await asyncio.gather(
            *(
                save_policy(context, ADMINISTRATOR, rules_from_toml(text), "", based_on=0, anyway=True)
                for text in texts
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Conflict) for one in saved) == 1
        assert len(await policy_history(context.database, ADMINISTRATOR)) == 1

    with_installation(database, body)


def test_a_certificate_does_not_come_after_rules_that_refuse_it(database: Database) -> None:
    """Rules that are saved between its decision and its commit count."""

    async def main() -> None:
        clock = MovableClock()
        async with (
            opened(database.url, kept := Secrets(), clock, wrap=Interposed) as context,
            opened(database.url, kept, clock) as other,
        ):
            await found(context)
            await other.snapshots.refresh()

            async def overtake() -> None:
                await rules(other, NOTHING)

            context.database.at(BEGIN, overtake)  # type: ignore[attr-defined]
            with pytest.raises(Refused, match="Nothing today"):
                await issue(context, order("free.test"))

    asyncio.run(main())


def test_what_the_rules_do_not_speak_of(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, NOTHING)
        assert await issue_ocsp_signer(context, context.snapshot.issuing("issuing"))
        with pytest.raises(Refused):
            await issue(context, order("free.test"))
        await rules(context, ONE_STEP)
        assert isinstance(await issue(context, order("free.test")), Issued)
        with pytest.raises(ApprovalNeeded):
            await issue(context, order())

    with_installation(database, body)
