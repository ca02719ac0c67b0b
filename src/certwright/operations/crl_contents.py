"""What a shard's next lists hold, from the list before and from what is on record.

An entry leaves with the first scheduled list after one that was scheduled, named it, and was signed after the
certificate's end (RFC 5280 section 3.3). Every scheduled list looks only at certificates that came to that
point since the one before it.

A list of a later time than the one that follows it was signed while a clock was ahead. It is no base, and
what it took for ended may be valid: the next list is scheduled, and made from what is on record.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from ..core import crl
from ..core.clocks import CLOCK_LAG
from ..core.crl import Buffer, Expected
from ..core.revocation import Reason, RevocationFacts, StatusChange
from ..store.databases import Database
from ..store.rows import CertificateRow, CrlRow, CrlShardRow, StatusChangeRow
from .revoke import facts_of

CHANGES_MAX = 200_000
"""What one list takes up, and a delta holds, at the most."""
PAGE = 5_000
TOGETHER = 500
WALKED_MAX = 500_000
LOOK_UPS_MAX = 16


@dataclass(frozen=True, slots=True)
class Shard:
    """`number` among the shards of an authority generation."""

    generation: int
    number: int


@dataclass(frozen=True, slots=True)
class Base:
    """A scheduled complete list: its row's id, its number, and how far into the status feed it reaches."""

    id: int
    number: int
    covered: int


@dataclass(frozen=True, slots=True)
class Stand:
    """What is on record of a shard: the newest complete list, the newest scheduled one and the one before.

    `this_update` is that of the next lists; `ahead`: the newest list is of a later time. Neither base is.
    """

    row: CrlShardRow | None
    last: CrlRow | None
    base: Base | None
    before: Base | None
    this_update: datetime
    ahead: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """Entries of a complete list that knows of the feed up to `covered`; not `whole`: there is more to know.

    `remade` says that they come from what is on record although there is a list before.
    """

    entries: Buffer
    covered: int
    whole: bool
    expected: Expected
    remade: bool = False


_OF_SHARD = '"generation_id" = ? AND "crl_shard" = ?'


async def read_stand(database: Database, shard: Shard, now: datetime) -> Stand:
    """The shard's own row comes first: it is the guard of what is read after it."""
    where = '"generation_id" = ? AND "shard" = ?'
    rows = await database.select(CrlShardRow, where, shard.generation, shard.number)
    lasts = await database.select(
        CrlRow,
        f'{where} AND "base_number" = 0 ORDER BY "number" DESC LIMIT 1',
        shard.generation,
        shard.number,
    )
    last = lasts[0] if lasts else None
    this_update = _this_update(last, now)
    newest = f'{_BASE} AND "this_update" <= ? {_NEWEST}'
    base = await _base(database, newest, shard.generation, shard.number, this_update)
    before = None
    if base is not None:
        earlier = '"number" < ? AND "this_update" <= (SELECT "this_update" FROM "crl" WHERE "id" = ?)'
        newest = f"{_BASE} AND {earlier} {_NEWEST}"
        before = await _base(database, newest, shard.generation, shard.number, base.number, base.id)
    ahead = last is not None and last.this_update > this_update
    return Stand(rows[0] if rows else None, last, base, before, this_update, ahead)


_BASE = (
    'SELECT "id", "number", "covered_seq" FROM "crl" WHERE "generation_id" = ? AND "shard" = ? '
    'AND "base_number" = 0 AND "scheduled"'
)
_NEWEST = 'ORDER BY "number" DESC LIMIT 1'


async def _base(database: Database, sql: str, *parameters: object) -> Base | None:
    rows = await database.query(sql, *parameters)
    return Base(*rows[0]) if rows else None


def _this_update(last: CrlRow | None, now: datetime) -> datetime:
    """Now, or that of the list before if this clock lags a little: relying parties that hold both lists take
    the one of the later time. Lagging more, the clock has been put right."""
    if last is not None and now < last.this_update <= now + CLOCK_LAG:
        return last.this_update
    return now


async def next_contents(database: Database, shard: Shard, stand: Stand, scheduled: bool) -> Contents:
    """The entries of the list before with what has changed since; from the record where there is none.

    Raises IntegrityError and Malformed when the list before is damaged.
    """
    if stand.last is None:
        return await contents_from_record(database, shard, stand, scheduled)
    changes = await _changes(database, shard, stand.last.covered_seq)
    ended = await _ended(database, shard, stand.base, stand.before) if scheduled and stand.base else ()
    latest = {change.certificate_id: change for change in changes}
    listed = await _listed(database, stand, list(latest))
    count = stand.last.entries - len(ended) - listed + sum(change.revoked for change in latest.values())
    entries = crl.with_changes(crl.entries_of(stand.last.der), values(changes), ended)
    covered = changes[-1].seq if changes else stand.last.covered_seq
    expected = _expected(count, list(latest.values()), ended)
    return Contents(entries, covered, len(changes) < CHANGES_MAX, expected)


async def contents_from_record(database: Database, shard: Shard, stand: Stand, scheduled: bool) -> Contents:
    """The same from the certificates' own rows. What changes while they are read is put in afterwards."""
    newest = await database.query(
        f'SELECT max("seq") FROM "status_change" WHERE {_OF_SHARD}', shard.generation, shard.number
    )
    since = newest[0][0] or 0
    entries = await _recorded_entries(database, shard, stand.base if scheduled else stand.before)
    changes = await _changes(database, shard, since)
    if changes:
        entries = crl.with_changes(entries, values(changes))
    covered = changes[-1].seq if changes else since
    latest = {change.certificate_id: change for change in changes}
    expected = _expected(crl.count_of(entries), list(latest.values()), ())
    return Contents(entries, covered, len(changes) < CHANGES_MAX, expected, remade=stand.last is not None)


async def delta_changes(
    database: Database, shard: Shard, base: Base, covered: int
) -> list[StatusChangeRow] | None:
    """What changed since the base; None when that is too much for a delta."""
    changes = [one for one in await _changes(database, shard, base.covered) if one.seq <= covered]
    return None if len(changes) == CHANGES_MAX else changes


def expected_delta(changes: list[StatusChangeRow]) -> Expected:
    """What a delta list must hold: the last state of each certificate."""
    latest = {change.certificate_id: change for change in changes}
    return _expected(len(latest), [change for change in latest.values() if change.revoked], ())


def values(rows: list[StatusChangeRow]) -> list[StatusChange]:
    return [StatusChange(int.from_bytes(row.serial, "big"), row.at, _facts(row)) for row in rows]


def _facts(row: StatusChangeRow) -> RevocationFacts | None:
    if not row.revoked:
        return None
    return RevocationFacts(row.at, Reason(row.reason), row.invalidity_date)


def _expected(count: int, latest: list[StatusChangeRow], ended: tuple[int, ...]) -> Expected:
    """The newest changes are looked for in the list, as many as that costs little: each is a walk over it."""
    look_ups = max(2, min(LOOK_UPS_MAX, WALKED_MAX // max(1, count)))
    listed, absent = [], list(ended[: look_ups // 2])
    for change in values(latest[-look_ups:]):
        if change.facts is None:
            absent.append(change.serial)
        else:
            listed.append((change.serial, change.facts))
    return Expected(count, tuple(listed), tuple(absent))


async def _changes(database: Database, shard: Shard, after: int) -> list[StatusChangeRow]:
    return await database.select(
        StatusChangeRow,
        f'{_OF_SHARD} AND "seq" > ? ORDER BY "seq" LIMIT {CHANGES_MAX}',
        shard.generation,
        shard.number,
        after,
    )


async def _listed(database: Database, stand: Stand, certificates: list[int]) -> int:
    """How many of these certificates the last list names: those that were revoked as of its place in the
    feed, and have not left."""
    left, parameters = "", [stand.last.covered_seq if stand.last else 0]
    if stand.before is not None:
        left = (
            'AND NOT (s."seq" <= ? AND EXISTS (SELECT 1 FROM "certificate" c '
            'WHERE c."id" = s."certificate_id" AND c."not_after" < '
            '(SELECT "this_update" FROM "crl" WHERE "id" = ?)))'
        )
        parameters += [stand.before.covered, stand.before.id]
    count = 0
    for start in range(0, len(certificates), TOGETHER):
        some = certificates[start : start + TOGETHER]
        rows = await database.query(
            'SELECT count(*) FROM "status_change" s WHERE s."certificate_id" IN '
            f'({",".join("?" * len(some))}) AND s."revoked" AND s."seq" = (SELECT max(p."seq") '
            f'FROM "status_change" p WHERE p."certificate_id" = s."certificate_id" AND p."seq" <= ?) {left}',
            *some,
            *parameters,
        )
        count += rows[0][0]
    return count


async def _ended(database: Database, shard: Shard, base: Base, before: Base | None) -> tuple[int, ...]:
    """Serials that leave: the base named them after their end, and the scheduled list before it could not
    know that, either since they had not ended or since they were revoked later."""
    of_base = '(SELECT "this_update" FROM "crl" WHERE "id" = ?)'
    unchanged = (
        'NOT EXISTS (SELECT 1 FROM "status_change" n WHERE n."certificate_id" = c."id" AND n."seq" > ?)'
    )
    came_to_end = (
        'SELECT c."serial" FROM "certificate" c WHERE c."generation_id" = ? AND c."crl_shard" = ? '
        f'AND c."revoked_at" IS NOT NULL AND c."not_after" < {of_base} AND {unchanged}'
    )
    parameters = [shard.generation, shard.number, base.id, base.covered]
    if before is None:
        rows = await database.query(came_to_end, *parameters)
    else:
        revoked_late = (
            'SELECT c."serial" FROM "status_change" s JOIN "certificate" c ON c."id" = s."certificate_id" '
            'WHERE s."generation_id" = ? AND s."crl_shard" = ? AND s."seq" > ? AND s."seq" <= ? '
            f'AND c."revoked_at" IS NOT NULL AND c."not_after" < {of_base} AND {unchanged}'
        )
        rows = await database.query(
            f'{came_to_end} AND c."not_after" >= {of_base} UNION {revoked_late}',
            *parameters,
            before.id,
            shard.generation,
            shard.number,
            before.covered,
            base.covered,
            before.id,
            base.covered,
        )
    return tuple(int.from_bytes(row[0], "big") for row in rows)


async def _recorded_entries(database: Database, shard: Shard, left: Base | None) -> bytearray:
    """An entry for each revoked certificate but those that a scheduled list has named after their end."""
    entries, page = bytearray(), f'{_OF_SHARD} AND "revoked_at" IS NOT NULL AND ("not_after", "id") > (?, ?)'
    parameters: tuple[int, ...] = ()
    if left is not None:
        page += (
            ' AND ("not_after" >= (SELECT "this_update" FROM "crl" WHERE "id" = ?) OR EXISTS (SELECT 1 FROM '
            '"status_change" n WHERE n."certificate_id" = "certificate"."id" AND n."seq" > ?))'
        )
        parameters = (left.id, left.covered)
    last = (datetime.min.replace(tzinfo=UTC), 0)
    while True:
        rows = await database.select(
            CertificateRow,
            f'{page} ORDER BY "not_after", "id" LIMIT {PAGE}',
            shard.generation,
            shard.number,
            *last,
            *parameters,
        )
        for row in rows:
            facts = facts_of(row)
            assert facts is not None
            entries += crl.entry(row.serial, facts.revoked_at, facts.reason, facts.invalidity_date)
        if len(rows) < PAGE:
            return entries
        last = (rows[-1].not_after, rows[-1].id)
        await asyncio.sleep(0)
