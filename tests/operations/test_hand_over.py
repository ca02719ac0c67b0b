"""What an account answers for when its person leaves: all of it is handed over, however often it is begun."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Conflict, Forbidden, Malformed, NotFound, Unavailable
from certwright.core.responsibility import Assignment
from certwright.operations.assign_owner import assign_owner
from certwright.operations.context import Context
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.operations.hand_over import HandedOver, hand_over
from certwright.operations.manage_users import HAND_OVER, disable_user
from certwright.operations.take_outbox import waiting_work
from certwright.store.rows import AuditEventRow, CertificateRow
from certwright.worker.outbox import KINDS
from tests.faults.interposed import BEGIN, Interposed, nothing, raising
from tests.operations.installed import issued
from tests.operations.test_assign_owner import many, people, row_now
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened

ENDPOINT = EndpointOrder("acme", "default", "issuing", ("tls-server",), {}, {}, "web", "alice")
Body = Callable[[Context, Interposed], Awaitable[None]]


def installed(database: Database, body: Body) -> None:
    async def main() -> None:
        held: list[Interposed] = []

        def interpose(inner):  # type: ignore[no-untyped-def]
            held.append(Interposed(inner))
            return held[0]

        async with opened(database.url, Secrets(), MovableClock(), wrap=interpose) as context:
            await found(context)
            await people(context)
            await body(context, held[0])

    asyncio.run(main())


async def owned(context: Context, *names: str) -> list[CertificateRow]:
    rows = [await issued(context, f"{name}.example.test") for name in names]
    reference = [row.fingerprint.hex() for row in rows]
    return await assign_owner(context, ADMINISTRATOR, reference, Assignment("web", "alice"))


def test_all_of_an_account_is_handed_over(database: Database) -> None:
    async def body(context: Context, _: Interposed) -> None:
        rows = await owned(context, "a", "b")
        other = await issued(context, "c.example.test")
        await save_endpoint(context, ADMINISTRATOR, ENDPOINT)
        for team, owner in (("", "nobody"), ("nothing", "")):
            with pytest.raises(NotFound):
                await hand_over(context, ADMINISTRATOR, "alice", owner, team)
        with pytest.raises(NotFound):
            await hand_over(context, ADMINISTRATOR, "nobody", "bob", "")
        for owner in ("", "alice"):
            with pytest.raises(Malformed):
                await hand_over(context, ADMINISTRATOR, "alice", owner, "")
        done = await hand_over(context, ADMINISTRATOR, "alice", "bob", "")
        assert done == HandedOver(2, 1, 0)
        for row in rows:
            after = await row_now(context, row)
            assert (after.team, after.owner) == ("web", "bob")
        assert (await row_now(context, other)).owner == ""
        endpoint = context.snapshot.endpoint("acme", "default").row
        assert (endpoint.team, endpoint.owner) == ("web", "bob")
        assert await hand_over(context, ADMINISTRATOR, "alice", "bob", "") == HandedOver(0, 0, 0)
        assert await hand_over(context, ADMINISTRATOR, "bob", "", "mail") == HandedOver(2, 1, 0)
        assert {(one.team, one.owner) for one in [await row_now(context, row) for row in rows]} == {
            ("mail", "")
        }

    installed(database, body)


def test_only_what_the_actor_may_is_handed_over(database: Database) -> None:
    async def body(context: Context, _: Interposed) -> None:
        rows = await owned(context, "a", "b")
        await save_endpoint(context, ADMINISTRATOR, replace(ENDPOINT, team="mail"))
        await assign_owner(context, ADMINISTRATOR, [rows[0].fingerprint.hex()], Assignment(team="mail"))
        officer = Actor("token:x", (Grant(Role.AUDITOR), Grant(Role.OPERATOR, "team:web")))
        assert await hand_over(context, officer, "alice", "bob", "") == HandedOver(1, 0, 2)

    installed(database, body)


def test_disabling_tells_what_is_left_and_who_succeeds(database: Database) -> None:
    async def body(context: Context, _: Interposed) -> None:
        await owned(context, "a", "b")
        await disable_user(context, ADMINISTRATOR, "carol")
        for owner, team, error in (("carol", "", Conflict), ("alice", "", Conflict), ("", "none", NotFound)):
            with pytest.raises(error):
                await disable_user(context, ADMINISTRATOR, "alice", owner, team)
        with pytest.raises(Forbidden):
            await disable_user(context, Actor("token:x", (Grant(Role.OPERATOR),)), "alice", "bob")
        waiting = [work for work in await waiting_work(context.database) if work.row.kind == HAND_OVER]
        assert waiting == []
        done = await disable_user(context, ADMINISTRATOR, "alice", "bob", "mail")
        assert done.certificates == 2
        assert done.row.disabled_at is not None
        [work] = [work for work in await waiting_work(context.database) if work.row.kind == HAND_OVER]
        await KINDS[HAND_OVER](context, json.loads(work.row.payload))
        found = await context.database.select(CertificateRow, """ "owner" = 'bob' AND "team" = 'mail' """)
        assert len(found) == 2
        events = await context.database.select(
            AuditEventRow, """ "kind" = 'certificate.assigned' ORDER BY "id" DESC LIMIT 2 """
        )
        assert {event.actor for event in events} == {"local:test"}

    installed(database, body)


@pytest.mark.parametrize("lost", range(1, 4))
def test_a_worker_that_dies_in_the_middle_leaves_the_rest_to_the_next(database: Database, lost: int) -> None:
    """Each commit of the work is lost once: the endpoint's, and those of both chunks."""

    async def body(context: Context, interposed: Interposed) -> None:
        rows = await many(context, 250)
        references = [row.fingerprint.hex() for row in rows]
        await assign_owner(context, ADMINISTRATOR, references, Assignment(owner="alice"))
        await save_endpoint(context, ADMINISTRATOR, ENDPOINT)
        await disable_user(context, ADMINISTRATOR, "alice", "bob")
        [work] = [work for work in await waiting_work(context.database) if work.row.kind == HAND_OVER]
        payload = json.loads(work.row.payload)
        interposed.at(BEGIN, *[nothing] * (lost - 1), raising(Unavailable("gone")))
        with pytest.raises(Unavailable):
            await KINDS[HAND_OVER](context, payload)
        await KINDS[HAND_OVER](context, payload)
        await KINDS[HAND_OVER](context, payload)
        assert await context.database.select(CertificateRow, """ "owner" = 'alice' """) == []
        assert len(await context.database.select(CertificateRow, """ "owner" = 'bob' """)) == len(rows)
        assert context.snapshot.endpoint("acme", "default").row.owner == "bob"
        handed = await context.database.query(
            """SELECT count(*) FROM "audit_event" WHERE "kind" = 'certificate.assigned' """
        )
        assert handed[0][0] == 2 * len(rows)

    installed(database, body)


def test_nobody_comes_to_more_by_handing_an_endpoint_over(database: Database) -> None:
    async def body(context: Context, _: Interposed) -> None:
        await save_endpoint(context, ADMINISTRATOR, ENDPOINT)
        gains = Actor("token:x", (Grant(Role.OPERATOR, "team:web"), Grant(Role.ADMINISTRATOR, "team:mail")))
        assert await hand_over(context, gains, "alice", "", "mail") == HandedOver(0, 0, 1)
        row = context.snapshot.endpoint("acme", "default").row
        assert (row.team, row.owner) == ("web", "alice")
        assert await hand_over(context, gains, "alice", "bob", "") == HandedOver(0, 1, 0)

    installed(database, body)
