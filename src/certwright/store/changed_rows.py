"""How rows are changed: one that is still as it was read, or columns of many at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .databases import Transaction
from .guarded_rows import key_and_guard, place_of
from .rows import Row, columns_of, table_of

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Mark:
    """These columns of the rows with these identifiers are set, whatever else has become of the rows. Not for
    what a decision stands on: there is no guard, and no version grows."""

    row_type: type[Row]
    columns: Mapping[str, Any]
    identifiers: Sequence[int]


async def set_marks(transaction: Transaction, marks: Sequence[Mark]) -> None:
    """In the order of tables and identifiers, so that no two processes wait for each other's rows."""
    for mark in sorted(marks, key=lambda mark: (table_of(mark.row_type), min(mark.identifiers, default=0))):
        settings = ", ".join(f'"{column}" = ?' for column in mark.columns)
        for some in _chunks(sorted(mark.identifiers)):
            places = ", ".join("?" * len(some))
            sql = f'UPDATE "{table_of(mark.row_type)}" SET {settings} WHERE "id" IN ({places})'
            await transaction.execute(sql, [*mark.columns.values(), *some])


def _chunks(identifiers: list[int]) -> Iterator[list[int]]:
    """AT_ONCE in each, the last one filled up with its own last, so that the question is one of two."""
    for start in range(0, len(identifiers), AT_ONCE):
        some = identifiers[start : start + AT_ONCE]
        yield some if len(some) == 1 else some + some[-1:] * (AT_ONCE - len(some))


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
    table, *values = place_of(row)
    condition = " AND ".join(f'"{column}" = ?' for column in key_and_guard(type(row))[0])
    await transaction.execute(f'DELETE FROM "{table}" WHERE {condition}', values)
