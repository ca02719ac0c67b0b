"""Rows that guards look at: which must not be there, which must be as they were, and how each is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import CertwrightError, Reason, Refused
from .databases import Transaction
from .rows import (
    AcmeAccountRow,
    AcmeAuthorizationRow,
    AuditCheckpointRow,
    AuditWriterRow,
    CertificateFieldRow,
    CertificateTagRow,
    CounterRow,
    CrlShardRow,
    InstallationRow,
    LeaseRow,
    Row,
    columns_of,
    table_of,
)
from .vetting_rows import MailboxProofRow, OrganizationRow

_Ending = AcmeAccountRow | AcmeAuthorizationRow
Kept = _Ending | OrganizationRow | MailboxProofRow
"""What a change may stand on without changing it."""


@dataclass(frozen=True, slots=True)
class Absent:
    """No row of the table has this value in this column; if one has, `otherwise` is raised, or is why the
    change is refused."""

    row_type: type[Row]
    column: str
    value: Any
    otherwise: CertwrightError | Reason

    def error(self) -> CertwrightError:
        """What to raise where there is such a row."""
        return Refused((self.otherwise,)) if isinstance(self.otherwise, Reason) else self.otherwise


# How a row is found, and the column that says whether it moved; other tables: id, and version.
_KEYS: dict[type[Row], tuple[tuple[str, ...], str]] = {
    CrlShardRow: (("generation_id", "shard"), "number"),
    InstallationRow: (("id",), "revision"),
    CounterRow: (("name",), "value"),
    LeaseRow: (("name",), "expires_at"),
    AuditWriterRow: (("id",), "sequenced"),
    AuditCheckpointRow: (("size",), "note"),
    CertificateTagRow: (("certificate_id", "tag"), "tag"),
    CertificateFieldRow: (("certificate_id", "field"), "value"),
}
_BY_VERSION = (("id",), "version")


def key_and_guard(row_type: type[Row]) -> tuple[tuple[str, ...], str]:
    """The columns by which a row is found, and the one that differs when it has moved."""
    return _KEYS.get(row_type, _BY_VERSION)


def place_of(row: Row) -> tuple[Any, ...]:
    """Its table and key: rows are changed in this order."""
    row_type = type(row)
    keys, _ = key_and_guard(row_type)
    values = dict(zip(columns_of(row_type), row, strict=True))
    return (table_of(row_type), *[values[column] for column in keys])


async def moved_of(transaction: Transaction, kept: Sequence[Kept]) -> set[Kept]:
    """Those that are not as they were read any more; one question, however many there are."""
    if not kept:
        return set()
    wanted: dict[type[Row], set[int]] = {}
    for row in kept:
        wanted.setdefault(type(row), set()).add(row.id)
    versions = await transaction.versions(wanted)
    return {row for row in kept if versions.get((type(row), row.id)) != row.version}


def ends_standing(before: Row, after: Row) -> bool:
    """Does an account or an authorization end by this, does an account get another key, is an organization
    vetted otherwise than before, or a proof taken away?"""
    if isinstance(before, OrganizationRow):
        return True
    if isinstance(before, MailboxProofRow) and isinstance(after, MailboxProofRow):
        return before.taken_away_at != after.taken_away_at
    if isinstance(before, AcmeAccountRow) and isinstance(after, AcmeAccountRow):
        return _ends(before, after) or before.thumbprint != after.thumbprint
    if isinstance(before, AcmeAuthorizationRow) and isinstance(after, AcmeAuthorizationRow):
        return _ends(before, after)
    return False


def _ends(before: _Ending, after: _Ending) -> bool:
    return (before.deactivated_at, before.revoked_at) != (after.deactivated_at, after.revoked_at)
