"""What waits for somebody: what `core.approval` would let them decide on, and nothing else, page by page."""

from itertools import product

from certwright.core.access import Actor, Grant, Role
from certwright.core.approval import approve
from certwright.core.errors import CertwrightError
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request
from certwright.operations.delegate_approval import delegate_approval
from certwright.operations.find_request import people_before
from certwright.operations.grant_role import grant_role
from certwright.operations.manage_users import NewUser, create_user
from certwright.operations.waiting_requests import Place, count_waiting_for, waiting_for
from certwright.store.approvals import load_request
from certwright.store.people_rows import CertificateRequestRow
from tests.operations.approving import ALICE, BOB, CAROL, REQUESTER, TWO_STEPS, person, rules, waiting
from tests.operations.installed import later, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

DORA, SCOPED = person("dora"), Actor("user:scoped", (Grant(Role.RA_OFFICER, "profile:tls-client"),), "", "s")
TOKEN = Actor("token:alices", (Grant(Role.RA_OFFICER),), "", "alice")
BARE = Actor("token:carols", (Grant(Role.REQUESTER),), "", "carol")
OWN = person("olga", Role.RA_OFFICER, Role.REQUESTER)
EVERYBODY = (
    *(ALICE, BOB, CAROL, DORA, SCOPED, TOKEN, BARE, OWN, REQUESTER, ADMINISTRATOR),
    *(person("erin", teams=("board",)), person("nobody"), Actor("local:root")),
)


async def everything(context: Context, actor: Actor, limit: int) -> list[int]:
    found: list[int] = []
    after: Place | None = None
    while True:
        now = context.clock()
        page = await waiting_for(context.database, context.snapshot, actor, now, after, limit)
        assert len(page.requests) <= limit
        found += [one.row.id for one in page.requests]
        after = page.next
        if after is None:
            return found


async def judged(context: Context, actor: Actor) -> set[int]:
    """Told anew, request by request."""
    found = set()
    for row in await context.database.select(CertificateRequestRow, "1 = 1"):
        request = await load_request(context.database, row.id)
        people = people_before(context, actor, row)
        try:
            approve(request.facts, *people, context.clock())
        except CertwrightError:
            continue
        found.add(row.id)
    return found


def test_what_waits_is_what_one_may_decide_on(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for name in ("alice", "dora"):
            await create_user(context, ADMINISTRATOR, NewUser(name))
        await grant_role(context, ADMINISTRATOR, "user:alice", Grant(Role.RA_OFFICER))
        await context.snapshots.refresh()
        ends = context.clock().replace(year=context.clock().year + 1, month=1)
        await delegate_approval(context, context.snapshot.user_actor("alice", ""), "dora", ends)
        await rules(context, TWO_STEPS)
        for number, actor in product(range(2), (REQUESTER, OWN)):
            await waiting(context, f"{number}{actor.name[:3]}.pay.test", actor)
        first = await waiting(context)
        await approve_request(context, ALICE, first.row.id)
        second = await waiting(context, "second.pay.test")
        for officer in (ALICE, BOB):
            await approve_request(context, officer, second.row.id)
        for hours in (0, 25, 48):
            later(clock, hours=hours)
            for actor in EVERYBODY:
                expected = await judged(context, actor)
                for limit in (1, 3, 100):
                    found = await everything(context, actor, limit)
                    assert len(found) == len(set(found))
                    assert set(found) == expected, (actor, limit)
                number = await count_waiting_for(context.database, context.snapshot, actor, clock())
                assert number == len(expected)
            if hours == 0:
                assert len(await judged(context, DORA)) == 4
                assert second.row.id in await judged(context, CAROL)
                assert first.row.id not in await judged(context, DORA)

    with_installation(database, body)
