"""What the rules refuse at once, kept for who has asked: in lists, bounded, and judged by a draft."""

import json
from dataclasses import replace

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.approval import RequestStatus
from certwright.core.errors import Refused
from certwright.core.rules_toml import rules_from_toml
from certwright.operations import request_certificate as asking
from certwright.operations.context import Context
from certwright.operations.issue import Issued
from certwright.operations.list_requests import RequestFilter, list_requests
from certwright.operations.look_at_request import look_at_request
from certwright.operations.policy_replays import run_replay
from certwright.operations.purge_expired import purge_expired
from certwright.operations.read_policy import rules_of
from certwright.operations.replay_policy import ReplayOrder
from certwright.operations.request_certificate import Words, request_certificate
from certwright.operations.resubmit_request import resubmit_request
from certwright.store.approvals import Request
from certwright.store.rows import AuditEventRow
from tests.operations.approving import ONE_STEP, REQUESTER, order, person, rules, waiting
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

NO_PAY = '[[rule]]\nname = "no-pay"\nwhen.names.dns = [".pay.test"]\nrefuse = "Ask the <b>pay</b> team."\n'
RITA = person("rita", Role.REQUESTER)
TOKEN = Actor("token:deploy", (Grant(Role.REQUESTER),))
CLIENT = Actor("acme:Zm9v", (Grant(Role.REQUESTER),))


async def refused(
    context: Context, actor: Actor, name: str = "a.pay.test", comment: str = "", profile: str = "tls-server"
) -> str:
    """Ask in vain; why it was."""
    with pytest.raises(Refused) as told:
        await request_certificate(context, replace(order(name, actor), profile=profile), Words(comment))
    return told.value.detail


async def listed(
    context: Context, status: RequestStatus | None = None, actor: Actor = ADMINISTRATOR
) -> list[Request]:
    wanted = RequestFilter(status)
    page = await list_requests(context.database, context.snapshot, actor, wanted, context.clock())
    return list(page.requests)


async def on_record(context: Context) -> list[AuditEventRow]:
    return await context.database.select(AuditEventRow, '"kind" = ?', "certificate.refused")


def test_who_asked_finds_what_and_why(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, NO_PAY)
        detail = await refused(context, RITA, comment="For the shop.")
        [one] = await listed(context, RequestStatus.REFUSED, RITA)
        row = one.row
        assert (row.problem, row.policy, row.comment, row.origin) == (detail, 1, "For the shop.", "console")
        assert "no-pay" in detail
        assert (json.loads(row.names), one.facts.steps) == ([["dns", "a.pay.test"]], ())
        assert [await listed(context, status) for status in RequestStatus if status != "refused"] == [[]] * 7
        assert await listed(context, actor=person("sam")) == []
        look = await look_at_request(context, RITA, row.id)
        assert (look.acts, look.preview, look.obstacle) == ({"resubmit"}, None, "")
        assert len(await on_record(context)) == 1

    with_installation(database, body)


def test_it_is_asked_again_once_the_rules_are_others(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, NO_PAY)
        await refused(context, RITA)
        [first] = await listed(context)
        with pytest.raises(Refused):
            await resubmit_request(context, RITA, first.row.id, "Please.")
        second, _first = await listed(context)
        assert (second.row.resubmits, second.row.comment) == (first.row.id, "Please.")
        await rules(context, ONE_STEP)
        waits = await resubmit_request(context, RITA, second.row.id)
        assert not isinstance(waits, Issued)
        assert waits.row.resubmits == second.row.id
        assert [one.row.id for one in await listed(context, RequestStatus.WAITING)] == [waits.row.id]

    with_installation(database, body)


def test_a_flood_leaves_so_many_a_day(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "REFUSED_MAX", 2)

    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, NO_PAY)
        for number in range(4):
            await refused(context, TOKEN, f"{number}.pay.test")
        await refused(context, RITA)
        assert [one.row.requester for one in await listed(context)] == [
            "user:rita",
            "token:deploy",
            "token:deploy",
        ]
        assert len(await on_record(context)) == 5
        later(clock, days=1, seconds=1)
        await refused(context, TOKEN)
        assert len(await listed(context, RequestStatus.REFUSED)) == 4

    with_installation(database, body)


def test_what_comes_by_a_protocol_or_is_wrong_in_itself_leaves_none(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, NO_PAY)
        await refused(context, CLIENT)
        assert "no-pay" not in await refused(context, RITA, profile="code-signing")
        assert await listed(context) == []
        assert len(await on_record(context)) == 2

    with_installation(database, body)


def test_a_draft_says_which_would_be_refused_no_longer(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, NO_PAY)
        await refused(context, REQUESTER)
        current = await rules_of(context.database, 1)
        draft = ReplayOrder(current, rules_from_toml(ONE_STEP), clock())
        found = await run_replay(context.database, context.snapshot, ADMINISTRATOR, draft, clock())
        requests = found["requests"]
        assert requests["before"] == {"allowed": 0, "approval": 0, "refused": 1}
        assert [(one["change"], one["count"]) for one in requests["changes"]] == [("no-longer-refused", 1)]

    with_installation(database, body)


def test_it_is_kept_as_long_as_others(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, NO_PAY)
        await refused(context, RITA)
        await rules(context, ONE_STEP)
        open_one = await waiting(context)
        later(clock, days=364)
        await purge_expired(context)
        assert len(await listed(context)) == 2
        later(clock, days=2)
        while await purge_expired(context):
            pass
        assert [one.row.id for one in await listed(context)] == [open_one.row.id]

    with_installation(database, body)
