"""Show the exact certificate that a request would become: every decision and check, and no signature."""

from typing import Any

from ..core.access import require_for_certificate, speaks_for_issuer
from ..core.approval import ApprovalNeeded
from ..core.approval_steps import approval_step_to_document
from ..core.crl import shard_of
from ..core.plan import SERIAL_OCTETS, describe, make_plan, make_serial
from ..core.policy import Approved, evaluate
from ..core.seal import AUTHORITY_KINDS, Seal
from ..core.template import fast_tbs
from ..store.rows import CompromisedKeyRow
from ..store.snapshot import Generation
from .check_key import check_approved
from .context import Context, decide_again
from .issue import (
    IssueOrder,
    not_compromised,
    resolve,
    responsible,
    rule,
    subject_of_issuance,
)
from .vetting_reached import OnRecord, on_record_for


async def preview(context: Context, order: IssueOrder) -> dict[str, Any]:
    """The certificate in words and plain values (`core.plan.describe`), with what the lints remark and who
    would have to approve it.

    The serial number is one of those it might get. Raises as `issue` does: Refused with every reason.
    """
    return await decide_again(context, lambda: _preview(context, order))


async def _preview(context: Context, order: IssueOrder) -> dict[str, Any]:
    generation, profile, policy = resolve(context, order)
    order = responsible(order)
    subject = subject_of_issuance(generation, profile, order)
    require_for_certificate(order.actor, order.verb, subject, speaks_for_issuer(profile))
    issuer = generation.as_issuer
    assert generation.public_key is not None
    approved = evaluate(order.request, profile, issuer, context.clock(), policy)
    check_approved(context, approved)
    vetted = await on_record_for(context, profile, order.team, order.actor.user)
    approval = _approval(context, generation, order, approved, vetted)
    serial = make_serial(context.random(SERIAL_OCTETS))
    plan = make_plan(approved, serial, shard_of(serial, generation.authority.crl_shards))
    sealed = Seal(issuer.name, generation.public_key, AUTHORITY_KINDS).seal_certificate(plan, fast_tbs(plan))
    await _check_not_compromised(context, plan.spki)
    remarks = [
        {"code": finding.code, "severity": finding.severity.value, "text": finding.text}
        for finding in sealed.findings
    ]
    return describe(plan) | {"findings": remarks, "approval": approval}


def _approval(
    context: Context,
    generation: Generation,
    order: IssueOrder,
    approved: Approved,
    vetted: OnRecord,
) -> dict[str, Any] | None:
    """The rules that want it approved, and the steps; None where it would just be issued. Raises Refused."""
    try:
        rule(context, generation, order, approved, vetted, context.clock())
    except ApprovalNeeded as found:
        steps = [approval_step_to_document(step) for step in found.needed.steps]
        return {"rules": list(found.needed.rules), "steps": steps}
    return None


async def _check_not_compromised(context: Context, spki: bytes) -> None:
    """What guards the commit of `issue`, asked now. Raises Refused."""
    guard = not_compromised(spki)
    if await context.database.select(CompromisedKeyRow, f'"{guard.column}" = ?', guard.value):
        raise guard.error()
