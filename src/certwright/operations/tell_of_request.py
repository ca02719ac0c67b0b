"""What people are told of a request that waits for approval: who may decide, and who has asked."""

from ..core.access import Actor
from ..core.approval import RequestFacts, current_step
from ..core.notices import Telling, names_told, told
from ..store.enrolment import read_identifiers
from ..store.ledger import Change
from ..store.people_rows import CertificateRequestRow
from .context import Context
from .tell import Crowd, deciders, tell

REQUESTS = "/console/requests/"
HOURLY_MAX = 30
"""Of so many waiting requests an approver is told one by one within an hour: whoever may open an ACME account
can make many, and fill no mailbox with them."""


def request_link(identifier: int) -> str:
    """The path of its page in the console."""
    return f"{REQUESTS}{identifier}/"


async def tell_deciders(
    context: Context, change: Change, row: CertificateRequestRow, facts: RequestFacts
) -> None:
    """That the request has come to the step that it is at now. Nobody decides twice, or on their own."""
    number = current_step(facts)
    if number is None:
        return
    step = facts.steps[number]
    text = told(
        Telling.REQUEST_WAITS,
        {"requester": row.requester_user or row.requester, "names": _names(row), "step": step.name},
    )
    spent = {name for one in facts.decided for name in (one.person, one.instead_of)} | facts.requesters
    but = {name.removeprefix("user:") for name in spent if name.startswith("user:")}
    holders = deciders(context.snapshot, row, step.approvers, context.clock())
    crowd = Crowd(HOURLY_MAX, REQUESTS, told(Telling.REQUESTS_WAIT, {}), REQUESTS)
    await tell(context, change, holders, text, request_link(row.id), but, crowd)


async def tell_requester(
    context: Context,
    change: Change,
    row: CertificateRequestRow,
    telling: Telling,
    reason: str = "",
    by: Actor | None = None,
) -> None:
    """What has become of their request, unless they did it themselves; nobody where no account has asked."""
    asked = row.requester_user
    if asked and (by is None or by.user != asked):
        text = told(telling, {"names": _names(row), "reason": reason})
        await tell(context, change, [f"user:{asked}"], text, request_link(row.id))


def _names(row: CertificateRequestRow) -> str:
    names = [name.value for name in read_identifiers(row.names)]
    return names_told(names or [row.subject] if row.subject else names)
