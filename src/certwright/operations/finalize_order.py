"""Finalize an ACME order: one commit holds the order's end, the spent nonce, and the certificate."""

from dataclasses import replace

from ..core import orders
from ..core.distinguished_name import COMMON_NAME, DistinguishedName
from ..core.errors import Moved
from ..core.names import Identifier, identifier_in
from ..core.request import CertificateRequest
from ..store.databases import Duplicate
from ..store.enrolment import Order, with_order_facts
from ..store.guarded_rows import Kept
from ..store.ledger import Change
from ..store.rows import AcmeAccountRow
from ..store.snapshot import Endpoint
from .acme_accounts import account_actor
from .acme_request import Signed
from .context import Context
from .issue import Issued, IssueOrder, issue


async def finalize_order(
    context: Context,
    account: AcmeAccountRow,
    endpoint: Endpoint,
    order: Order,
    request: CertificateRequest,
    signed: Signed,
) -> tuple[Order, Issued]:
    """Issue what was ordered. The caller has judged account, order and authorizations as they are given here,
    and that the CSR names what the order names.

    The certificate says what the order does, and nothing else of what the CSR asks for. Raises Conflict
    unless the order is ready, Moved when any of what was judged has changed, or another order has replaced
    the same certificate meanwhile, Reconfigured, and what `issue` raises; the order is then as it was.
    """
    identifier = context.ledger.new_id()
    facts = orders.issue(orders.finalize(order.facts, signed.now), signed.now, str(identifier))
    after = with_order_facts(order.row, facts)._replace(certificate=identifier)
    kept: list[Kept] = [account, *(one.row for one in order.authorizations)]
    also = Change(replaced=[(order.row, after)], kept=kept, revision=signed.revision)
    also.join(signed.spent)
    identifiers = order.facts.identifiers
    subject = _proven(request.subject, identifiers)
    wanted = replace(request, subject=subject, identifiers=identifiers, not_after=order.row.not_after)
    issuance = IssueOrder(
        account_actor(account, endpoint, signed.source),
        wanted,
        profile=order.row.profile,
        endpoint=endpoint,
        replaces=order.row.replaces,
        also=also,
        identifier=identifier,
        tells_refusal=False,  # it goes with the nonce that the refused request has spent
    )
    try:
        issued = await issue(context, issuance)
    except Duplicate as error:
        if order.row.replaces is None:
            raise
        raise Moved("another order may have replaced the same certificate meanwhile") from error
    return Order(after._replace(version=order.row.version + 1), facts, order.authorizations), issued


def _proven(subject: DistinguishedName, identifiers: tuple[Identifier, ...]) -> DistinguishedName:
    """Of a CSR's subject the common names that are among the order's: of nothing else the account has shown
    that it may speak for it."""
    named = [identifier_in(value) for value in subject.values(COMMON_NAME)]
    proven = dict.fromkeys(one.value for one in named if one in identifiers)
    return DistinguishedName(tuple([((COMMON_NAME, value),) for value in proven]))
