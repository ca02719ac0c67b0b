"""What a successor has of the certificate before it: what it is used in, and what is in fields of our own.

Who answers for it is not among this: that is decided anew with each order.
"""

from ..store.ledger import Change
from ..store.rows import CertificateFieldRow, CertificateRow
from .context import Context


async def inherit(context: Context, change: Change, replaced: int) -> None:
    """Add it to the change that puts the successor, its first row, on record. Raises Unavailable."""
    row = change.inserted[0]
    assert isinstance(row, CertificateRow)
    for before in await context.database.select(CertificateRow, '"id" = ?', replaced):
        change.inserted[0] = row._replace(environment=before.environment)
    fields = await context.database.select(CertificateFieldRow, '"certificate_id" = ?', replaced)
    change.inserted += [field._replace(certificate_id=row.id) for field in fields]
