"""Note which of others' certificates have taken the place of which."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from ..core.lineage import Held, predecessor
from ..core.names import Identifier, IdentifierKind
from ..store.among import among, chunks
from ..store.changed_rows import Mark
from ..store.databases import Database, moment_of
from ..store.ledger import Change
from ..store.rows import CertificateNameRow, CertificateRow, Row


async def note_lineage(database: Database, change: Change, followed: Mapping[int, Collection[int]]) -> None:
    """Complete a change: of each certificate that was `followed` by others' lead those that went as it came.

    `followed` has identifiers: of a certificate that has appeared at places, those that went there. What is
    known to have replaced another already stays so, and so does what an authority of ours has issued: those
    who asked for it said what it is. Raises Unavailable.
    """
    if not followed:
        return
    new = {row.id: row for row in change.inserted if isinstance(row, CertificateRow)}
    gone = {identifier for some in followed.values() for identifier in some}
    held, open_ends = await _held(database, gone | followed.keys() - new.keys())
    names = _names((row.certificate_id, row.kind, row.value) for row in _names_of(change.inserted))
    for row in new.values():
        held[row.id] = Held(row.id, row.not_before, row.subject, names.get(row.id, frozenset()))
    found: dict[int, int] = {}
    for identifier in sorted(followed.keys() & (open_ends | new.keys())):
        before = predecessor(held[identifier], [held[one] for one in followed[identifier] if one in held])
        if before is not None:
            found[identifier] = before
    change.inserted[:] = [_completed(row, found) for row in change.inserted]
    change.marked += [
        Mark(CertificateRow, {"replaces": before}, [identifier])
        for identifier, before in found.items()
        if identifier not in new
    ]


def _completed(row: Row, found: Mapping[int, int]) -> Row:
    if isinstance(row, CertificateRow) and row.id in found:
        return row._replace(replaces=found[row.id])
    return row


def _names_of(rows: Iterable[Row]) -> Iterable[CertificateNameRow]:
    return (row for row in rows if isinstance(row, CertificateNameRow))


def _names(rows: Iterable[tuple[int, str, str]]) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for identifier, kind, value in rows:
        found.setdefault(identifier, set()).add(str(Identifier(IdentifierKind(kind), value)))
    return {identifier: frozenset(names) for identifier, names in found.items()}


async def _held(database: Database, identifiers: Collection[int]) -> tuple[dict[int, Held], set[int]]:
    """Those on record, and which of them are others' of whom nothing is known that went before."""
    held: dict[int, Held] = {}
    open_ends: set[int] = set()
    for some in chunks(sorted(identifiers)):
        condition, values = among("certificate_id", some)
        sql = f'SELECT "certificate_id", "kind", "value" FROM "certificate_name" WHERE {condition}'
        names = _names((row[0], row[1], row[2]) for row in await database.query(sql, *values))
        condition, values = among("id", some)
        sql = (
            'SELECT "id", "not_before", "subject", "replaces", "generation_id" FROM "certificate" '
            f"WHERE {condition}"
        )
        for identifier, not_before, subject, replaces, generation in await database.query(sql, *values):
            begun: datetime = moment_of(not_before)
            held[identifier] = Held(identifier, begun, subject, names.get(identifier, frozenset()))
            if replaces is None and generation is None:
                open_ends.add(identifier)
    return held, open_ends
