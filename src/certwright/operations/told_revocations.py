"""What authorities say of their certificates becomes their status here, where they have the say.

That is: for certificates that are not ours, as told by who has signed them. A source shows whose word it is
by the certificate that comes next in the chain; what that one's key has not signed stays as it is.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.revocation import Reason
from ..core.told_status import ToldStatus, has_issued, next_status
from ..store.among import among, chunks
from ..store.changed_rows import Mark
from ..store.rows import CertificateRow
from .context import Context


@dataclass(frozen=True, slots=True)
class Told:
    """A status that was told of a certificate, and the certificate of who tells it (DER)."""

    status: ToldStatus
    certificate: bytes = field(repr=False)
    issuer: bytes = field(repr=False)


async def told_marks(context: Context, told: Mapping[int, Told]) -> list[Mark]:
    """What changes in the rows of known certificates, by identifier. Raises Unavailable."""
    marks = []
    for some in chunks(sorted(told)):
        condition, values = among("id", some)
        sql = f'{condition} AND "generation_id" IS NULL'
        for row in await context.database.select(CertificateRow, sql, *values):
            reason = None if row.revocation_reason is None else Reason(row.revocation_reason)
            columns = told_columns(context, ToldStatus(row.revoked_at, reason), told[row.id])
            if columns:
                marks.append(Mark(CertificateRow, columns, [row.id]))
    return marks


def told_columns(context: Context, current: ToldStatus, told: Told) -> dict[str, Any]:
    """The columns of a certificate's row that change, none where nothing does."""
    after = next_status(current, told.status)
    if after == current or _is_ours(context, told.issuer) or not has_issued(told.issuer, told.certificate):
        return {}
    return {
        "revoked_at": after.revoked_at,
        "revocation_reason": None if after.reason is None else int(after.reason),
    }


def _is_ours(context: Context, certificate: bytes) -> bool:
    """Of our authorities nobody else says what they have revoked."""
    digest = hashlib.sha256(certificate).digest()
    own = (one.row.certificate for one in context.snapshot.generations.values())
    return any(one is not None and hashlib.sha256(one).digest() == digest for one in own)
