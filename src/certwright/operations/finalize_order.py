"""Finalize an ACME order: one commit holds the order's end, the spent nonce, and the certificate; or, where
the rules want approval, the order in processing, the spent nonce, and the request that it waits for."""

from dataclasses import replace
from datetime import timedelta

from ..core import orders
from ..core.approval import ApprovalNeeded
from ..core.distinguished_name import COMMON_NAME, DistinguishedName
from ..core.errors import Moved
from ..core.names import Identifier, identifier_in
from ..core.request import CertificateRequest
from ..store.databases import Duplicate
from ..store.enrolment import Order, with_order_facts
from ..store.guarded_rows import Kept
from ..store.ledger import Change
from ..store.rows import AcmeAccountRow, AcmeOrderRow
from ..store.snapshot import Endpoint
from .acme_accounts import account_actor
from .acme_request import Signed
from .context import Context
from .issue import IssueOrder, issue
from .request_certificate import make_request, require_room
from .tell_of_request import tell_deciders


async def finalize_order(
    context: Context,
    account: AcmeAccountRow,
    endpoint: Endpoint,
    order: Order,
    request: CertificateRequest,
    signed: Signed,
) -> Order:
    """Issue what was ordered, or let it wait for approval: the order as it is then.

    The caller has judged account, order and authorizations as they are given here, and that the CSR names
    what the order names. The certificate says what the order does, and nothing else of what the CSR asks for.
    Raises Conflict unless the order is ready, Moved when any of what was judged has changed, or another order
    has replaced the same certificate meanwhile, Reconfigured, and what `issue` raises; the order is then as
    it was.
    """
    identifier = context.ledger.new_id()
    facts = orders.issue(orders.finalize(order.facts, signed.now), signed.now, str(identifier))
    after = with_order_facts(order.row, facts)._replace(certificate=identifier)
    identifiers = order.facts.identifiers
    subject = _proven(request.subject, identifiers)
    wanted = replace(request, subject=subject, identifiers=identifiers, not_after=order.row.not_after)
    issuance = IssueOrder(
        account_actor(account, endpoint, signed.source),
        wanted,
        profile=order.row.profile,
        endpoint=endpoint,
        replaces=order.row.replaces,
        also=_ending(account, order, after, signed),
        identifier=identifier,
        tells_refusal=False,  # it goes with the nonce that the refused request has spent
    )
    try:
        await issue(context, issuance)
    except Duplicate as error:
        if order.row.replaces is None:
            raise
        raise Moved("another order may have replaced the same certificate meanwhile") from error
    except ApprovalNeeded as needed:
        return await _wait(context, account, order, signed, issuance, needed)
    return Order(after._replace(version=order.row.version + 1), facts, order.authorizations)


def _ending(account: AcmeAccountRow, order: Order, after: AcmeOrderRow, signed: Signed) -> Change:
    """What is committed with the certificate or the request: all that was judged is as it was."""
    kept: list[Kept] = [account, *(one.row for one in order.authorizations)]
    change = Change(replaced=[(order.row, after)], kept=kept, revision=signed.revision)
    change.join(signed.spent)
    return change


async def _wait(
    context: Context,
    account: AcmeAccountRow,
    order: Order,
    signed: Signed,
    issuance: IssueOrder,
    needed: ApprovalNeeded,
) -> Order:
    """The order is processing until people have decided. It is kept for as long as they may take."""
    facts = orders.finalize(order.facts, signed.now)
    longest = signed.now + timedelta(seconds=sum(step.expires for step in needed.needed.steps))
    facts = replace(facts, expires_at=max(facts.expires_at, longest))
    after = with_order_facts(order.row, facts)._replace(expires_at=facts.expires_at)
    await require_room(context, issuance.actor)
    request, change = make_request(context, issuance, needed, acme_order=order.row.id)
    await tell_deciders(context, change, request.row, request.facts)
    change.join(_ending(account, order, after, signed))
    await context.ledger.commit(change)
    return Order(after._replace(version=order.row.version + 1), facts, order.authorizations)


def _proven(subject: DistinguishedName, identifiers: tuple[Identifier, ...]) -> DistinguishedName:
    """Of a CSR's subject the common names that are among the order's: of nothing else the account has shown
    that it may speak for it."""
    named = [identifier_in(value) for value in subject.values(COMMON_NAME)]
    proven = dict.fromkeys(one.value for one in named if one in identifiers)
    return DistinguishedName(tuple([((COMMON_NAME, value),) for value in proven]))
