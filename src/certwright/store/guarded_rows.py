"""Rows that guards look at: how each is found, what says that it moved, and what may be kept as it is."""

from collections.abc import Sequence
from typing import Any

from .databases import Transaction
from .rows import (
    AcmeAccountRow,
    AcmeAuthorizationRow,
    AuditCheckpointRow,
    AuditWriterRow,
    CounterRow,
    CrlShardRow,
    InstallationRow,
    LeaseRow,
    Row,
    columns_of,
    table_of,
)

Kept = AcmeAccountRow | AcmeAuthorizationRow
"""What a change may stand on without changing it."""

# How a row is found, and the column that says whether it moved; other tables: id, and version.
_KEYS: dict[type[Row], tuple[tuple[str, ...], str]] = {
    CrlShardRow: (("generation_id", "shard"), "number"),
    InstallationRow: (("id",), "revision"),
    CounterRow: (("name",), "value"),
    LeaseRow: (("name",), "expires_at"),
    AuditWriterRow: (("id",), "sequenced"),
    AuditCheckpointRow: (("size",), "note"),
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


async def replace_row(transaction: Transaction, before: Row, after: Row) -> bool:
    """Write the columns that differ, if the row is still as it was read."""
    row_type = type(before)
    keys, guard = key_and_guard(row_type)
    old, new = (
        dict(zip(columns_of(row_type), before, strict=True)),
        dict(zip(columns_of(row_type), after, strict=True)),
    )
    if guard == "version":
        new["version"] = old["version"] + 1
    changed = [column for column in new if new[column] != old[column]]
    settings = ", ".join(f'"{column}" = ?' for column in changed)
    condition = " AND ".join(f'"{column}" = ?' for column in (*keys, guard))
    sql = f'UPDATE "{table_of(row_type)}" SET {settings} WHERE {condition} RETURNING 1'
    values = [*(new[column] for column in changed), *(old[column] for column in (*keys, guard))]
    return bool(await transaction.execute(sql, values))


async def remove_row(transaction: Transaction, row: Row) -> None:
    """Whatever has become of it."""
    row_type = type(row)
    keys, _ = key_and_guard(row_type)
    values = dict(zip(columns_of(row_type), row, strict=True))
    condition = " AND ".join(f'"{column}" = ?' for column in keys)
    await transaction.execute(
        f'DELETE FROM "{table_of(row_type)}" WHERE {condition}', [values[column] for column in keys]
    )


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
    """Does an account or an authorization end by this, or does an account get another key?"""
    if isinstance(before, AcmeAccountRow) and isinstance(after, AcmeAccountRow):
        return _ends(before, after) or before.thumbprint != after.thumbprint
    if isinstance(before, AcmeAuthorizationRow) and isinstance(after, AcmeAuthorizationRow):
        return _ends(before, after)
    return False


def _ends(before: Kept, after: Kept) -> bool:
    return (before.deactivated_at, before.revoked_at) != (after.deactivated_at, after.revoked_at)
