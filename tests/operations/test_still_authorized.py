"""An ACME order that people approve late: what it stood on must stand at issuance, and CAA is asked anew."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from certwright.core.approval import RequestStatus, request_status
from certwright.core.caa import CaaRecord, CaaSet
from certwright.core.egress import Unreached
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.operations.issue_approved import issue_approved
from certwright.operations.purge_expired import ENROLMENT_KEPT, purge_expired
from certwright.store.approvals import Request
from certwright.store.people_rows import CertificateRequestRow
from certwright.store.rows import AcmeAuthorizationRow
from tests.operations.approving import ALICE, rules
from tests.operations.installed import later, with_installation
from tests.protocols.acme.in_process import InProcess
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, make_csr

NAME = "shop.pay.test"
PATIENT = """
[[rule]]
name = "pay"
when.names.dns = [".pay.test"]
approval = [{ step = "pki", from = ["role:ra-officer"], expires = "300d" }]
"""
OURS, OTHERS = (CaaSet(NAME, (CaaRecord(0, "issue", issuer),)) for issuer in ("ca.test", "other.test"))


@dataclass(slots=True)
class Zone:
    """The CAA records that are found, or why none are; and the names that were looked up."""

    found: CaaSet | Unreached = OURS
    asked: list[str] = field(default_factory=list)

    async def find(self, name: str) -> CaaSet:
        self.asked.append(name)
        if isinstance(self.found, Unreached):
            raise self.found
        return self.found


@dataclass(slots=True)
class Waiting:
    """An order that is processing since its request waits."""

    context: Context
    clock: MovableClock
    acme: InProcess
    zone: Zone
    url: str
    authorization: str
    number: int

    async def approve(self) -> Request:
        return await approve_request(self.context, ALICE, self.number)

    async def order(self) -> dict[str, object]:
        self.acme._nonce = ""  # it has run out meanwhile
        found: dict[str, object] = (await self.acme.post(self.url)).json
        return found

    def status(self, request: Request) -> RequestStatus:
        return request_status(request.facts, self.clock())


def with_waiting(database: Database, body: Callable[[Waiting], Awaitable[None]]) -> None:
    async def run(context: Context, clock: MovableClock) -> None:
        zone = Zone()
        context.find_caa, context.services = zone.find, ("https://localhost",)
        settings = {"check_caa": True, "caa_identities": ["ca.test"]}
        await save_endpoint(
            context,
            ADMINISTRATOR,
            EndpointOrder("acme", "default", "issuing", ("tls-server",), {}, settings),
        )
        await rules(context, PATIENT)
        acme = InProcess(context, find_caa=zone.find)
        await acme.register()
        placed = await acme.order(NAME)
        [authorization] = placed.json["authorizations"]
        await acme.respond(authorization)
        await acme.checked()
        finalized = await acme.finalize(placed.json, make_csr(NAME))
        assert finalized.json["status"] == "processing", finalized.content
        [row] = await context.database.select(CertificateRequestRow, "1 = 1")
        zone.asked.clear()
        url = placed.headers["location"]
        await body(Waiting(context, clock, acme, zone, url, authorization, row.id))

    with_installation(database, run)


def test_within_eight_hours_nobody_is_asked(database: Database) -> None:
    async def body(order: Waiting) -> None:
        later(order.clock, hours=7)
        order.zone.found = OTHERS
        assert order.status(await order.approve()) is RequestStatus.ISSUED
        assert order.zone.asked == []
        assert (await order.order())["status"] == "valid"

    with_waiting(database, body)


def test_after_eight_hours_the_records_are_asked_for_and_permit(database: Database) -> None:
    async def body(order: Waiting) -> None:
        later(order.clock, hours=8)
        assert order.status(await order.approve()) is RequestStatus.ISSUED
        assert order.zone.asked == [NAME]

    with_waiting(database, body)


def test_a_domain_that_does_not_permit_it_any_more_gets_nothing(database: Database) -> None:
    async def body(order: Waiting) -> None:
        later(order.clock, hours=9)
        order.zone.found = OTHERS
        failed = await order.approve()
        assert order.status(failed) is RequestStatus.FAILED
        assert "do not name ca.test" in failed.row.problem
        found = await order.order()
        assert found["status"] == "invalid"
        assert found["error"]["type"] == "urn:ietf:params:acme:error:caa"  # type: ignore[index]

    with_waiting(database, body)


def test_a_look_up_that_fails_is_tried_again(database: Database) -> None:
    async def body(order: Waiting) -> None:
        later(order.clock, hours=9)
        order.zone.found = Unreached("caa", "no answer")
        assert order.status(await order.approve()) is RequestStatus.APPROVED
        assert (await order.order())["status"] == "processing"
        order.zone.found = OURS
        await issue_approved(order.context, order.number)
        assert (await order.order())["status"] == "valid"

    with_waiting(database, body)


def test_an_authorization_that_was_given_up_is_none(database: Database) -> None:
    async def body(order: Waiting) -> None:
        await order.acme.post(order.authorization, {"status": "deactivated"})
        failed = await order.approve()
        assert order.status(failed) is RequestStatus.FAILED
        assert f"the authorization for dns:{NAME} has ended" in failed.row.problem
        error = (await order.order())["error"]
        assert error["type"] == "urn:ietf:params:acme:error:unauthorized"  # type: ignore[index]

    with_waiting(database, body)


@pytest.mark.parametrize(
    ("days", "ends"), [(29, RequestStatus.ISSUED), (31, RequestStatus.FAILED), (200, RequestStatus.FAILED)]
)
def test_an_authorization_that_has_run_out_is_none(
    database: Database, days: int, ends: RequestStatus
) -> None:
    """However long that is ago, it stays on record while the order waits."""

    async def body(order: Waiting) -> None:
        later(order.clock, days=days)
        while await purge_expired(order.context):
            pass
        assert order.status(await order.approve()) is ends
        assert (await order.order())["status"] == ("valid" if ends is RequestStatus.ISSUED else "invalid")
        later(order.clock, days=300 + ENROLMENT_KEPT.days)
        while await purge_expired(order.context):
            pass
        assert await order.context.database.select(AcmeAuthorizationRow, "1 = 1") == []

    with_waiting(database, body)
