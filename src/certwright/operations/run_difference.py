"""What has changed since the run before of the same scope: what has come, what is gone, what is another."""

from dataclasses import dataclass
from typing import Any

from ..core.access import Actor
from ..core.errors import Malformed
from ..store.among import AT_ONCE, among
from ..store.databases import Database
from ..store.discovery_rows import DiscoveryRunRow, SightingRow
from .context import Context
from .discovery_runs import find_run

CHANGES = ("new", "gone", "changed")
LOOKED_MAX = 2_000
"""Sightings that are looked at for one page, however few of them it shows."""
BETWEEN_MAX = 50
"""Runs that were cut short, since the one that was not, of which what they saw last is taken for gone."""
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """`before` is the newest earlier run of the scope that came to its end, None where there is none: then
    all is new. `rows` have a place and a certificate, changed ones also the certificate `before`. `next` goes
    on after what was looked at, None at the end; of `looked` sightings `rows` are those of this kind."""

    run: DiscoveryRunRow
    before: DiscoveryRunRow | None
    rows: list[Document]
    looked: int
    next: int | None


async def run_difference(
    context: Context, actor: Actor, identifier: int, kind: str, after: int = 0, limit: int = 50
) -> Difference:
    """A page of changes of one of CHANGES, after the sighting of that identifier. What was seen again after a
    time is told as neither. Raises Forbidden, NotFound, Malformed."""
    if kind not in CHANGES:
        raise Malformed(f"changes are {', '.join(CHANGES)}")
    row = await find_run(context.database, actor, identifier)
    earlier = await _earlier(context.database, row)
    before = earlier[-1] if earlier else None
    if before is None and kind != "new":
        return Difference(row, None, [], 0, None)
    runs = [one.id for one in earlier]
    looked = await _looked(context.database, row, runs, kind, after)
    wanted = kind == "changed"
    chosen = [identifier for identifier, replaced in looked if bool(replaced) == wanted][:limit]
    last = chosen[-1] if len(chosen) == limit else looked[-1][0] if len(looked) == LOOKED_MAX else None
    rows = await _documents(context.database, chosen, runs if wanted else [])
    return Difference(row, before, rows, len(looked), last)


async def _earlier(database: Database, row: DiscoveryRunRow) -> list[DiscoveryRunRow]:
    """The newest earlier run of the scope that came to its end, last, and those after it; none without it."""
    if not row.scope_id:
        return []
    sql = f'"scope_id" = ? AND "id" < ? ORDER BY "id" DESC LIMIT {BETWEEN_MAX}'
    found = await database.select(DiscoveryRunRow, sql, row.scope_id, row.id)
    for number, one in enumerate(found):
        if one.ended_at is not None and not one.problem and not one.cancelled_by:
            return found[: number + 1]
    return []


async def _looked(
    database: Database, row: DiscoveryRunRow, runs: list[int], kind: str, after: int
) -> list[tuple[int, Any]]:
    """Sightings that begin with the run, or that it has not seen any more; and for each whether another
    certificate was at its place before, or is there now."""
    if not runs:
        sql = 'SELECT "id", 0 FROM "sighting" WHERE "first_run" = ? AND "id" > ?'
        return await _few(database, sql, row.id, after)
    earlier, values = among("last_run", runs)
    if kind == "gone":
        other = 'SELECT 1 FROM "sighting" n WHERE n."place" = s."place" AND n."first_run" = ?'
        sql = (
            f'SELECT s."id", EXISTS ({other}) FROM "sighting" s WHERE s.{earlier} '
            'AND s."ended_at" IS NOT NULL AND s."scope_id" = ? AND s."id" > ?'
        )
        return await _few(database, sql, row.id, *values, row.scope_id, after)
    other = (
        f'SELECT 1 FROM "sighting" o WHERE o."place" = s."place" AND o.{earlier} AND o."ended_at" IS NOT NULL'
    )
    sql = f'SELECT s."id", EXISTS ({other}) FROM "sighting" s WHERE s."first_run" = ? AND s."id" > ?'
    return await _few(database, sql, *values, row.id, after)


async def _few(database: Database, sql: str, *values: Any) -> list[tuple[int, Any]]:
    return [(row[0], row[1]) for row in await database.query(f"{sql} ORDER BY 1 LIMIT {LOOKED_MAX}", *values)]


async def _documents(database: Database, identifiers: list[int], runs: list[int]) -> list[Document]:
    """`runs` are those that may have seen another certificate at the place, none where that is not asked."""
    if not identifiers:
        return []
    assert len(identifiers) <= AT_ONCE
    condition, values = among("id", identifiers)
    rows = sorted(await database.select(SightingRow, condition, *values), key=lambda one: one.id)
    earlier: dict[bytes, SightingRow] = {}
    if runs:
        there, places = among("place", [one.place for one in rows])
        then, numbers = among("last_run", runs)
        sql = f'{there} AND {then} AND "ended_at" IS NOT NULL ORDER BY "id"'
        found = await database.select(SightingRow, sql, *places, *numbers)
        earlier = {bytes(one.place): one for one in found}
    told = await _certificates(database, [*rows, *earlier.values()])
    return [_document(one, earlier.get(bytes(one.place)), told) for one in rows]


async def _certificates(database: Database, rows: list[SightingRow]) -> dict[int, Document]:
    wanted, found = sorted({one.certificate_id for one in rows}), {}
    for start in range(0, len(wanted), AT_ONCE):
        condition, values = among("id", wanted[start : start + AT_ONCE])
        columns = '"id", "fingerprint", "subject", "issuer", "not_after"'
        sql = f'SELECT {columns} FROM "certificate" WHERE {condition}'
        for identifier, fingerprint, subject, issuer, not_after in await database.query(sql, *values):
            found[identifier] = {
                "fingerprint": bytes(fingerprint).hex(),
                "subject": subject,
                "issuer": issuer,
                "not_after": str(not_after)[:10],
            }
    return found


def _document(row: SightingRow, earlier: SightingRow | None, told: dict[int, Document]) -> Document:
    place = {name: getattr(row, name) for name in ("zone", "kind", "host", "port", "name")}
    certificate = told.get(row.certificate_id, {})
    before = told.get(earlier.certificate_id) if earlier else None
    return {"place": place, **certificate, "before": before, "last_seen_at": row.last_seen_at}
