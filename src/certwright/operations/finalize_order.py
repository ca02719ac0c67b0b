"""Finalize an ACME order: one commit holds the order's end, the spent nonce, and the certificate."""

from dataclasses import replace

from ..core import orders
from ..core.access import Actor
from ..core.distinguished_name import COMMON_NAME, DistinguishedName
from ..core.names import Identifier, identifier_in
from ..core.request import CertificateRequest
from ..store.enrolment import Order, with_order_facts
from ..store.ledger import Change
from ..store.snapshot import Endpoint
from .acme_request import Signed
from .context import Context
from .issue import Issued, IssueOrder, issue


async def finalize_order(
    context: Context,
    actor: Actor,
    endpoint: Endpoint,
    order: Order,
    request: CertificateRequest,
    signed: Signed,
) -> tuple[Order, Issued]:
    """Issue what was ordered. The caller has checked that the CSR names what the order names.

    The certificate says what the order does, and nothing else of what the CSR asks for. Raises Conflict
    unless the order is ready, Moved when it was finalized at the same time, and what `issue` raises; the
    order is then as it was.
    """
    identifier = context.ledger.new_id()
    facts = orders.issue(orders.finalize(order.facts, signed.now), signed.now, str(identifier))
    after = with_order_facts(order.row, facts)._replace(certificate=identifier)
    also = Change(replaced=[(order.row, after)])
    also.join(signed.spent)
    identifiers = order.facts.identifiers
    subject = _proven(request.subject, identifiers)
    wanted = replace(request, subject=subject, identifiers=identifiers, not_after=order.row.not_after)
    issued = await issue(
        context,
        IssueOrder(
            actor,
            wanted,
            profile=order.row.profile,
            endpoint=endpoint,
            replaces=order.row.replaces,
            also=also,
            identifier=identifier,
            tells_refusal=False,  # it goes with the nonce that the refused request has spent
        ),
    )
    return Order(after._replace(version=order.row.version + 1), facts, order.authorizations), issued


def _proven(subject: DistinguishedName, identifiers: tuple[Identifier, ...]) -> DistinguishedName:
    """Of a CSR's subject the common names that are among the order's: of nothing else the account has shown
    that it may speak for it."""
    named = [identifier_in(value) for value in subject.values(COMMON_NAME)]
    proven = dict.fromkeys(one.value for one in named if one in identifiers)
    return DistinguishedName(tuple([((COMMON_NAME, value),) for value in proven]))
