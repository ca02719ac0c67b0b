"""An installation in the test's own process whose clock can be moved."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import get_type_hints

from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.revoke import revoke_certificate
from certwright.store.databases import RowType
from certwright.store.rows import CertificateRow, columns_of
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


def row_of(row_type: type[RowType], at: datetime, **known: object) -> RowType:
    """A row with these values, and plain ones in the other columns."""
    plain: dict[object, object] = {int: 0, str: "", bytes: b"", bool: False, datetime: at}
    hints = get_type_hints(row_type)
    return row_type(*(known.get(column, plain.get(hints[column])) for column in columns_of(row_type)))


def later(clock: MovableClock, **period: float) -> None:
    clock.offset += timedelta(**period)
