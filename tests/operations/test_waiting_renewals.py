"""A renewal that waited for approval: what it renews may have ended meanwhile."""

import pytest

from certwright.core.approval import RequestStatus, request_status
from certwright.core.errors import Conflict
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request
from certwright.operations.issue import Issued, issue
from certwright.operations.renew import renewal_of
from certwright.operations.request_certificate import request_certificate
from certwright.operations.resubmit_request import resubmit_request
from certwright.operations.revoke import revoke_certificate
from certwright.operations.withdraw_request import withdraw_request
from certwright.store.approvals import Request
from tests.operations.approving import ALICE, ONE_STEP, REQUESTER, order, rules
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, make_csr


async def revoked_meanwhile(context: Context) -> Request:
    """A renewal that waits, of what has been revoked since."""
    first = (await issue(context, order())).row.fingerprint.hex()
    await rules(context, ONE_STEP)
    again = await renewal_of(context, REQUESTER, first, parse_csr(make_csr("a.pay.test")))
    waiting = await request_certificate(context, again)
    assert not isinstance(waiting, Issued)
    await revoke_certificate(context, ADMINISTRATOR, first, Reason.KEY_COMPROMISE, context.clock())
    return waiting


def test_approval_of_a_renewal_brings_nothing_revoked_back(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        waiting = await revoked_meanwhile(context)
        after = await approve_request(context, ALICE, waiting.row.id)
        assert request_status(after.facts, clock()) is RequestStatus.FAILED
        assert "is revoked" in after.row.problem

    with_installation(database, body)


def test_a_renewal_is_not_asked_for_again_once_that_is_revoked(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        waiting = await revoked_meanwhile(context)
        await withdraw_request(context, REQUESTER, waiting.row.id)
        with pytest.raises(Conflict, match="is revoked"):
            await resubmit_request(context, REQUESTER, waiting.row.id)

    with_installation(database, body)
