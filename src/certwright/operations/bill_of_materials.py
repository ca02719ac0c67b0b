"""A cryptographic bill of materials of what a query finds, a part at a time."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from .. import __version__
from ..core.access import Actor
from ..core.bill import PLACES_TOLD, Billed, BillWriter, Served, Spoken
from ..core.names import Identifier, IdentifierKind
from ..core.query import Query, parse
from ..core.sightings import KnownPlace
from ..store.among import AT_ONCE, among
from ..store.databases import SqliteDatabase
from ..store.rows import CertificateRow
from .bridge import bridge
from .context import Context
from .search_certificates import NEWEST, Found, Search, search

USUAL = "status:live"
"""What is on the bill where nobody says it."""
NAMES_TOLD = 20


Part = tuple[list[Billed], int | None]
"""Certificates, and what to go on after; None at the end."""


async def bill_part(context: Context, actor: Actor, query: Query, after: int | None = None) -> Part:
    """Up to AT_ONCE certificates that the actor may view, the newest first; perhaps none although others
    follow, for a bounded number is looked at."""
    sqlite = isinstance(context.database, SqliteDatabase)
    found = await _found(context, Search(query, actor, sqlite, context.clock(), NEWEST, after, AT_ONCE))
    if not found.identifiers:
        return [], found.after
    condition, values = among("id", found.identifiers)
    rows = await context.database.select(CertificateRow, f'{condition} ORDER BY "id" DESC', *values)
    names, served = await _names(context, found.identifiers), await _served(context, found.identifiers)
    return [
        replace(_billed(row), names=tuple(names.get(row.id, ())), served=tuple(served.get(row.id, ())))
        for row in rows
    ], found.after


async def _found(context: Context, wanted: Search) -> Found:
    steps = search(wanted)
    try:
        question = next(steps)
        while True:
            question = steps.send(await context.database.query(question.text, *question.values))
    except StopIteration as end:
        found: Found = end.value
        return found


def read_query(text: str) -> Query:
    """Raises Malformed."""
    return parse(text.strip() or USUAL)


def _writer(context: Context, query: Query) -> BillWriter:
    return BillWriter(context.random(16), context.clock(), __version__, str(query))


async def write_bill(context: Context, actor: Actor, query: Query, write: Callable[[str], object]) -> None:
    """The whole bill, piece by piece."""
    writer = _writer(context, query)
    some, after = await bill_part(context, actor, query)
    write(writer.begin() + writer.certificates(some))
    while after is not None:
        some, after = await bill_part(context, actor, query, after)
        write(writer.certificates(some))
    write(writer.end())


def bill_pieces(actor: Actor, query: Query) -> Iterator[str]:
    """The whole bill, piece by piece, for a thread without an event loop. What is wrong with the first part
    is raised at once; a bill that is cut off later lacks its end, and so is no JSON."""
    there = bridge()

    def part(after: int | None) -> Part:
        return there.call(lambda context: bill_part(context, actor, query, after))

    return _pieces(_writer(there.context, query), part, part(None))


def _pieces(writer: BillWriter, part: Callable[[int | None], Part], first: Part) -> Iterator[str]:
    yield writer.begin()
    some, after = first
    while True:
        yield writer.certificates(some)
        if after is None:
            break
        some, after = part(after)
    yield writer.end()


def _billed(row: CertificateRow) -> Billed:
    return Billed(
        row.fingerprint,
        row.subject,
        row.issuer,
        row.not_before,
        row.not_after,
        row.key_algorithm,
        row.signature_algorithm,
        row.spki_sha256,
    )


async def _names(context: Context, identifiers: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    condition, values = among("certificate_id", identifiers)
    sql = (
        f'SELECT "certificate_id", "kind", "value" FROM "certificate_name" WHERE {condition} '
        f'AND "position" < {NAMES_TOLD} ORDER BY "certificate_id", "position"'
    )
    for identifier, kind, value in await context.database.query(sql, *values):
        found.setdefault(identifier, []).append(str(Identifier(IdentifierKind(kind), value)))
    return found


async def _served(context: Context, identifiers: list[int]) -> dict[int, list[Served]]:
    """The first PLACES_TOLD places of each, however many there are."""
    found: dict[int, list[Served]] = {}
    condition, values = among("certificate_id", identifiers)
    numbered = (
        'SELECT "certificate_id", "zone", "kind", "host", "port", "name", "facts", '
        'row_number() OVER (PARTITION BY "certificate_id" ORDER BY "id") AS "nth" FROM "sighting" '
        f"""WHERE {condition} AND "ended_at" IS NULL AND "kind" <> 'import'"""
    )
    sql = f'SELECT * FROM ({numbered}) s WHERE "nth" <= {PLACES_TOLD} ORDER BY "certificate_id", "nth"'
    for identifier, zone, kind, host, port, name, facts, _ in await context.database.query(sql, *values):
        place = KnownPlace(zone, kind, host, port, name)
        found.setdefault(identifier, []).append(Served(place.location, _spoken(json.loads(facts))))
    return found


def _spoken(facts: dict[str, Any]) -> Spoken:
    texts = (facts.get(name) for name in ("version", "cipher", "group"))
    return Spoken(*(text if isinstance(text, str) else "" for text in texts))
