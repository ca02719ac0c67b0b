"""Requests that wait for people, on a real database: made, decided, issued, ended."""

import asyncio
import json

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.approval import ApprovalNeeded, RequestStatus, request_status
from certwright.core.errors import (
    CertwrightError,
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    Unavailable,
)
from certwright.core.profile_document import to_document
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request, reject_request
from certwright.operations.expire_requests import ask_for_approved, expire_requests
from certwright.operations.find_request import request_before
from certwright.operations.issue import Issued, issue
from certwright.operations.issue_approved import ISSUE_APPROVED, issue_approved
from certwright.operations.preview import preview
from certwright.operations.request_certificate import Words, request_certificate
from certwright.operations.resubmit_request import resubmit_request
from certwright.operations.save_profile import save_profile
from certwright.operations.withdraw_request import withdraw_request
from certwright.store.approvals import Request, load_request
from certwright.store.rows import AuditEventRow, CertificateNameRow, CertificateRow, OutboxRow
from tests.faults.interposed import BEGIN, Interposed, nothing, raising
from tests.operations.approving import (
    ALICE,
    BOB,
    CAROL,
    ONE_STEP,
    REQUESTER,
    TWO_STEPS,
    order,
    person,
    rules,
    waiting,
)
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened


def status(context: Context, request: Request) -> RequestStatus:
    return request_status(request.facts, context.clock())


async def told(context: Context, request: Request) -> list[str]:
    """Kinds of the audit events about a request, in order."""
    rows = await context.database.select(
        AuditEventRow, '"subject" = ? ORDER BY "at", "id"', f"request:{request.row.id}"
    )
    return [row.kind for row in rows]


async def certificates(context: Context, name: str = "a.pay.test") -> int:
    return len(await context.database.select(CertificateNameRow, '"value" = ?', name))


def test_a_request_is_approved_and_issued_in_the_same_call(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP)
        assert isinstance(await request_certificate(context, order("free.test")), Issued)
        with pytest.raises(ApprovalNeeded, match=r"pki \(1 of role:ra-officer\)"):
            await issue(context, order())
        request = await waiting(context)
        assert status(context, request) is RequestStatus.WAITING
        assert not await certificates(context)
        done = await approve_request(context, ALICE, request.row.id, "as agreed")
        assert status(context, done) is RequestStatus.ISSUED
        [row] = await context.database.select(CertificateRow, '"id" = ?', done.row.certificate)
        assert row.requester == REQUESTER.name
        assert await told(context, request) == ["request.made", "request.approved"]
        [event] = await context.database.select(
            AuditEventRow, '"subject" = ?', f"certificate:{row.fingerprint.hex()}"
        )
        assert json.loads(event.body)["detail"]["request"] == str(request.row.id)

    with_installation(database, body)


def test_steps_quorum_and_who_may(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        request = await waiting(context)
        number = request.row.id
        with pytest.raises(NotFound):
            await approve_request(context, person("dave"), number)
        with pytest.raises(Forbidden, match="step pki is decided by role:ra-officer"):
            await approve_request(context, CAROL, number)
        with pytest.raises(Forbidden, match="own request"):
            await approve_request(context, REQUESTER, number)
        await approve_request(context, ALICE, number)
        with pytest.raises(Conflict, match="decided on this request already"):
            await approve_request(context, ALICE, number)
        token = Actor("token:alices", (Grant(Role.RA_OFFICER),), "", "alice")
        with pytest.raises(Conflict, match="decided on this request already"):
            await approve_request(context, token, number)
        assert status(context, await approve_request(context, BOB, number)) is RequestStatus.WAITING
        member = person("erin", teams=("board",))
        assert status(context, await approve_request(context, member, number)) is RequestStatus.ISSUED

    with_installation(database, body)


def test_a_token_does_not_approve_what_its_account_has_asked_for(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP)
        alice = person("alice", Role.RA_OFFICER, Role.REQUESTER)
        request = await waiting(context, actor=alice)
        token = Actor("token:alices", (Grant(Role.RA_OFFICER),), "", "alice")
        with pytest.raises(Forbidden, match="own request"):
            await approve_request(context, token, request.row.id)
        with pytest.raises(Forbidden, match="own request"):
            await reject_request(context, token, request.row.id, "no")

    with_installation(database, body)


def test_two_approvers_at_the_same_instant(database: Database) -> None:
    """Of a quorum of two each counts once; the step after is nobody's by accident."""

    async def body(context: Context, clock: MovableClock) -> None:
        everybody = TWO_STEPS.replace('"user:carol", "team:board"', '"role:ra-officer"')
        await rules(context, everybody)
        request = await waiting(context)
        people = [ALICE, BOB, person("dan", Role.RA_OFFICER), person("eve", Role.RA_OFFICER)]
        results = await asyncio.gather(
            *(approve_request(context, one, request.row.id) for one in people), return_exceptions=True
        )
        refused = [one for one in results if isinstance(one, BaseException)]
        assert len(refused) == 2
        assert all(isinstance(one, Conflict) and "others have decided" in str(one) for one in refused)
        found = await load_request(context.database, request.row.id)
        assert [one.step for one in found.decisions] == [0, 0]
        assert status(context, found) is RequestStatus.WAITING

    with_installation(database, body)


def test_a_rejection_ends_it_and_it_can_be_made_again(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        request = await waiting(context)
        ended = await reject_request(context, ALICE, request.row.id, "which team pays?")
        assert status(context, ended) is RequestStatus.REJECTED
        assert ended.row.problem == "which team pays?"
        with pytest.raises(Conflict, match="is rejected, not waiting"):
            await approve_request(context, BOB, request.row.id)
        with pytest.raises(Forbidden, match=r"request of local:asker"):
            await resubmit_request(context, ALICE, request.row.id)
        again = await resubmit_request(context, REQUESTER, request.row.id, "team shop does")
        assert isinstance(again, Request)
        assert again.row.resubmits == request.row.id
        assert again.row.public_key == request.row.public_key
        assert await told(context, request) == ["request.made", "request.rejected"]

    with_installation(database, body)


def test_an_officer_rejects_at_any_step(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS.replace("role:ra-officer", "user:zoe").replace("quorum = 2, ", ""))
        request = await waiting(context)
        with pytest.raises(Forbidden, match="step pki is decided by user:zoe"):
            await approve_request(context, ALICE, request.row.id)
        auditor = person("ann", Role.AUDITOR)
        with pytest.raises(Forbidden):
            await reject_request(context, auditor, request.row.id, "no")
        ended = await reject_request(context, ALICE, request.row.id, "no")
        assert status(context, ended) is RequestStatus.REJECTED

    with_installation(database, body)


def test_one_withdraws_ones_own(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP)
        request = await waiting(context)
        with pytest.raises(Forbidden):
            await withdraw_request(context, ALICE, request.row.id)
        gone = await withdraw_request(context, REQUESTER, request.row.id)
        assert status(context, gone) is RequestStatus.WITHDRAWN
        with pytest.raises(Conflict):
            await withdraw_request(context, REQUESTER, request.row.id)

    with_installation(database, body)


def test_what_nobody_decides_expires(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        request = await waiting(context)
        later(clock, hours=23)
        await approve_request(context, ALICE, request.row.id)
        await approve_request(context, BOB, request.row.id)
        later(clock, days=1, hours=23)
        assert await expire_requests(context) == 0
        later(clock, hours=2)
        found = await load_request(context.database, request.row.id)
        assert status(context, found) is RequestStatus.EXPIRED
        with pytest.raises(Conflict, match="is expired"):
            await approve_request(context, CAROL, request.row.id)
        assert await expire_requests(context) == 1
        assert await expire_requests(context) == 0
        assert (await told(context, request))[-1] == "request.expired"

    with_installation(database, body)


def test_rules_that_changed_meanwhile_are_asked_again(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP)
        first, second, third = [await waiting(context, f"{one}.pay.test") for one in "abc"]
        await rules(context, TWO_STEPS.replace("quorum = 2, ", ""))
        extended = await approve_request(context, ALICE, first.row.id)
        assert status(context, extended) is RequestStatus.WAITING
        assert [step.name for step in extended.facts.steps] == ["pki", "board"]
        assert (await request_before(context, CAROL, first.row.id)).row.approved_at is None
        assert status(context, await approve_request(context, CAROL, first.row.id)) is RequestStatus.ISSUED
        refusing = '[[rule]]\nname = "none"\nwhen.names.dns = [".pay.test"]\nrefuse = "Use another name."\n'
        await rules(context, refusing)
        failed = await approve_request(context, ALICE, second.row.id)
        assert status(context, failed) is RequestStatus.FAILED
        assert "Use another name." in failed.row.problem
        await rules(context, "")
        assert status(context, await approve_request(context, ALICE, third.row.id)) is RequestStatus.ISSUED

    with_installation(database, body)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"extended_key_usage": {"purposes": ["serverAuth", "clientAuth"]}}, "extensions"),
        ({"subject": {"attributes": [{"type": "O", "source": "fixed", "value": "Other"}]}}, "subject"),
        ({"lifetime": {"default": "95d", "maximum": "100d"}}, "lifetime"),
        ({"must_staple": "always"}, "extensions"),
    ],
)
def test_a_profile_that_changed_meanwhile_issues_nothing_else_than_was_approved(
    database: Database, change: dict[str, object], found: str
) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, TWO_STEPS)
        first, second = await waiting(context), await waiting(context, "b.pay.test")
        await approve_request(context, ALICE, first.row.id)
        await approve_request(context, BOB, first.row.id)
        before = to_document(context.snapshot.profile("tls-server"))
        await save_profile(context, ADMINISTRATOR, {**before, **change})
        failed = await approve_request(context, CAROL, first.row.id)
        assert status(context, failed) is RequestStatus.FAILED
        text = (
            f"{found} would not be as approved, since profile tls-server has changed; make the request again"
        )
        assert text in failed.row.problem
        assert not await certificates(context)
        as_it_was = {**before, "version": context.snapshot.profile("tls-server").version}
        as_it_was["description"], as_it_was["server_made_keys"] = "other words", True
        await save_profile(context, ADMINISTRATOR, as_it_was)
        for who in (ALICE, BOB, CAROL):
            done = await approve_request(context, who, second.row.id)
        assert status(context, done) is RequestStatus.ISSUED

    with_installation(database, body)


def test_whoever_asked_must_still_be_somebody(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP)
        gone = Actor("token:gone", (Grant(Role.REQUESTER),))
        request = await waiting(context, actor=gone)
        failed = await approve_request(context, ALICE, request.row.id)
        assert status(context, failed) is RequestStatus.FAILED
        assert "token gone has expired or was revoked" in failed.row.problem
        assert not await certificates(context)

    with_installation(database, body)


def test_the_worker_finishes_what_was_approved(database: Database) -> None:
    """The database goes away between the approval and the certificate: the outbox has it, and the clock asks
    again."""

    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock, wrap=Interposed) as context:
            await found(context)
            await rules(context, ONE_STEP)
            request = await waiting(context)
            away = [raising(Unavailable("the database is away"))] * 4
            context.database.at(BEGIN, nothing, *away)  # type: ignore[attr-defined]
            approved = await approve_request(context, ALICE, request.row.id)
            assert status(context, approved) is RequestStatus.APPROVED
            context.database.steps.clear()  # type: ignore[attr-defined]
            await worked_off(context, request)

    asyncio.run(main())


async def worked_off(context: Context, request: Request) -> None:
    [work] = await context.database.select(OutboxRow, '"kind" = ?', ISSUE_APPROVED)
    assert await ask_for_approved(context) == 0  # it waits there already
    for _ in range(2):
        await issue_approved(context, int(json.loads(work.payload)["request"]))
    assert status(context, await load_request(context.database, request.row.id)) is RequestStatus.ISSUED
    assert await certificates(context) == 1


def test_two_who_issue_the_same_make_one_certificate(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP)
        request = await waiting(context)
        await asyncio.gather(
            approve_request(context, ALICE, request.row.id),
            *(issue_approved(context, request.row.id) for _ in range(3)),
            return_exceptions=True,
        )
        await asyncio.gather(
            *(issue_approved(context, request.row.id) for _ in range(3)), return_exceptions=True
        )
        assert await certificates(context) == 1

    with_installation(database, body)


def test_preview_tells_who_would_approve(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert (await preview(context, order()))["approval"] is None
        await rules(context, ONE_STEP)
        assert (await preview(context, order("free.test")))["approval"] is None
        approval = (await preview(context, order()))["approval"]
        assert approval["rules"] == ["pay"]
        assert [step["step"] for step in approval["steps"]] == ["pki"]
        await rules(context, '[[rule]]\nname = "none"\nrefuse = "Not today."\nwhen.origins = ["cli"]\n')
        with pytest.raises(Refused, match="Not today"):
            await preview(context, order())

    with_installation(database, body)


@pytest.mark.parametrize("wrong", ["x" * 2001, "bell\a"])
def test_a_comment_is_bounded(database: Database, wrong: str) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        with pytest.raises(CertwrightError, match="comment has at most"):
            await request_certificate(context, order(), Words(wrong))

    with_installation(database, body)
