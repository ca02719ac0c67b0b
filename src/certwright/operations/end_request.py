"""How a request comes to its end, whichever it is; the ACME order that waits for it ends with it."""

from datetime import datetime

from ..core import orders
from ..core.access import Actor
from ..core.approval import RequestFacts
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.orders import Problem
from ..store.approvals import Request, with_request_facts
from ..store.databases import Database
from ..store.enrolment import order_facts, with_order_facts
from ..store.ledger import Change
from ..store.people_rows import CertificateRequestRow
from ..store.rows import AcmeOrderRow

REASON_SHOWN = 1000


def grown(request: Request, facts: RequestFacts) -> tuple[CertificateRequestRow, CertificateRequestRow]:
    """The request's row as read, and as it shall be."""
    return request.row, with_request_facts(request.row, facts)


def request_event(
    kind: EventKind, request: Request, actor: Actor, now: datetime, detail: dict[str, JsonValue]
) -> Event:
    return Event(kind, now, actor.name, actor.source, f"request:{request.row.id}", detail)


async def ended(
    database: Database,
    request: Request,
    facts: RequestFacts,
    event: tuple[EventKind, Actor],
    now: datetime,
    problem: str,
    problem_type: str = "unauthorized",
) -> Change:
    """The change by which a request ends without a certificate; `problem` says why, to an ACME client too,
    which is told the type as well (RFC 8555 section 6.7)."""
    kind, actor = event
    detail: dict[str, JsonValue] = {"reason": shown(problem, REASON_SHOWN)}
    change = Change(
        replaced=[grown(request, facts)], events=[request_event(kind, request, actor, now, detail)]
    )
    for order in await waiting_order(database, request.row):
        failed = orders.fail_order(order_facts(order, ()), now, Problem(problem_type, problem))
        change.replaced.append((order, with_order_facts(order, failed)))
    return change


async def waiting_order(database: Database, row: CertificateRequestRow) -> list[AcmeOrderRow]:
    """The ACME order that waits for a request, if one does."""
    if row.acme_order is None:
        return []
    condition = '"id" = ? AND "issued_at" IS NULL AND "failed_at" IS NULL'
    return await database.select(AcmeOrderRow, condition, row.acme_order)
