"""An installation in the test's own process whose clock can be moved."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.revoke import revoke_certificate
from certwright.store.rows import CertificateRow
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened

Body = Callable[[Context, MovableClock], Awaitable[None]]


def with_installation(database: Database, body: Body, crl_shards: int = 1) -> None:
    """Run `body` on a root and an issuing authority with OCSP signers; its clock begins now."""

    async def main() -> None:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            await found(context, crl_shards=crl_shards)
            await body(context, clock)

    asyncio.run(main())


async def issued(context: Context, name: str = "host.example.test") -> CertificateRow:
    request = parse_csr(make_csr(name))
    return (await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))).row


async def revoked(
    context: Context, row: CertificateRow, reason: Reason = Reason.SUPERSEDED
) -> CertificateRow:
    return await revoke_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), reason, context.clock())


def later(clock: MovableClock, **period: float) -> None:
    clock.offset += timedelta(**period)
