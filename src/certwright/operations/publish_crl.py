"""Sign the lists of one shard anew: the complete one, and the delta since the last scheduled one.

Entries come encoded from the list before; what the status feed has told since is put in. The number is taken
under its counter's lock before anything is signed, and a list is recorded only if no other came between, so
that numbers are unique and what is published never goes back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core import crl
from ..core.access import Actor
from ..core.audit import Event, EventKind
from ..core.errors import Conflict, Moved
from ..core.keys import SIGNATURES
from ..core.revocation import Reason, RevocationFacts, StatusChange
from ..store.databases import Database, Duplicate
from ..store.ledger import Change
from ..store.rows import CrlRow, CrlShardRow, StatusChangeRow
from ..store.snapshot import Generation, pointers
from .context import Context

SYSTEM = Actor("system:publication")
ATTEMPTS = 5
CHANGES_MAX = 200_000


@dataclass(frozen=True, slots=True)
class ListTimes:
    """How long a complete list and a delta hold."""

    complete: timedelta = timedelta(days=7)
    delta: timedelta = timedelta(days=1)


OFFLINE_TIMES = ListTimes(timedelta(days=365), timedelta(days=365))


async def publish_crl(
    context: Context,
    generation: Generation,
    shard: int,
    scheduled: bool,
    times: ListTimes,
    actor: Actor = SYSTEM,
) -> CrlRow:
    """Sign and record the shard's lists; the row of the complete one. Raises Conflict, Unavailable."""
    for _ in range(ATTEMPTS):
        try:
            return await _publish(context, generation, shard, scheduled, times, actor)
        except (Moved, Duplicate):
            continue
    raise Conflict(f"the lists of {generation.path} shard {shard} are being signed by others; try again")


async def _publish(
    context: Context, generation: Generation, shard: int, scheduled: bool, times: ListTimes, actor: Actor
) -> CrlRow:
    now = context.clock().replace(microsecond=0)
    stand = await _stand(context.database, generation, shard)
    last = await _newest(context.database, generation, shard)
    base = await _base(context.database, generation, shard)
    changes = await _changes(context.database, generation, shard, last.covered_seq if last else 0)
    covered = changes[-1].seq if changes else (last.covered_seq if last else 0)
    ended = await _ended(context.database, generation, shard, base.this_update) if scheduled and base else ()
    entries = bytes(crl.entries_of(last.der)) if last else b""
    number = await context.ledger.take(f"crl/{generation.id}/{shard}")
    header = _header(context, generation, shard, number, now, times.complete)
    complete = await _sign(
        context,
        generation,
        shard,
        header,
        bytes(crl.with_changes(entries, _values(changes), ended)),
        covered,
        scheduled,
    )
    change = Change(inserted=[complete])
    if base is not None:
        since = await _changes(context.database, generation, shard, base.covered_seq)
        values = _values([row for row in since if row.seq <= covered])
        delta = _header(context, generation, shard, number, now, times.delta, base.number)
        change.inserted.append(
            await _sign(context, generation, shard, delta, crl.delta_entries(values), covered, scheduled)
        )
    after = CrlShardRow(generation.id, shard, number, covered, complete.next_update)
    if stand is None:
        change.inserted.append(after)
    else:
        change.replaced.append((stand, after))
    detail = {"shard": shard, "number": number, "entries": complete.entries, "delta": base is not None}
    subject = f"authority:{generation.path}"
    change.events.append(Event(EventKind.CRL_PUBLISHED, now, actor.name, actor.source, subject, detail))
    await context.ledger.commit(change)
    return complete


def _header(
    context: Context,
    generation: Generation,
    shard: int,
    number: int,
    now: datetime,
    validity: timedelta,
    base: int | None = None,
) -> crl.CrlHeader:
    issuer = generation.as_issuer
    urls = pointers(context.snapshot.installation.base_url, generation.path)
    url = urls.crl.replace("{shard}", str(shard))
    sharded = generation.authority.crl_shards > 1
    return crl.CrlHeader(
        issuer_name_der=issuer.name,
        signature_algorithm_identifier=SIGNATURES[issuer.algorithm].identifier,
        this_update=now,
        next_update=min(now + validity, issuer.not_after),
        crl_number=number,
        authority_key_identifier=issuer.key_identifier,
        base_crl_number=base,
        issuing_distribution_point=(url,) if sharded else (),
        freshest_crl=() if base is not None else (url.removesuffix(".crl") + "-delta.crl",),
    )


async def _sign(
    context: Context,
    generation: Generation,
    shard: int,
    header: crl.CrlHeader,
    entries: bytes,
    covered: int,
    scheduled: bool,
) -> CrlRow:
    count = crl.count_of(entries)
    der = await context.keyring.crl(generation.row, header, entries, count)
    return CrlRow(
        id=context.ledger.new_id(),
        generation_id=generation.id,
        shard=shard,
        number=header.crl_number,
        base_number=header.base_crl_number or 0,
        covered_seq=covered,
        scheduled=scheduled,
        this_update=header.this_update,
        next_update=header.next_update,
        entries=count,
        der=der,
    )


# -- facts ---------------------------------------------------------------------------------------

_OF_SHARD = '"generation_id" = ? AND "shard" = ?'


async def _stand(database: Database, generation: Generation, shard: int) -> CrlShardRow | None:
    rows = await database.select(CrlShardRow, _OF_SHARD, generation.id, shard)
    return rows[0] if rows else None


async def _newest(database: Database, generation: Generation, shard: int) -> CrlRow | None:
    rows = await database.select(
        CrlRow, f'{_OF_SHARD} AND "base_number" = 0 ORDER BY "number" DESC LIMIT 1', generation.id, shard
    )
    return rows[0] if rows else None


async def _base(database: Database, generation: Generation, shard: int) -> CrlRow | None:
    """The newest scheduled complete list."""
    rows = await database.select(
        CrlRow,
        f'{_OF_SHARD} AND "base_number" = 0 AND "scheduled" ORDER BY "number" DESC LIMIT 1',
        generation.id,
        shard,
    )
    return rows[0] if rows else None


async def _changes(
    database: Database, generation: Generation, shard: int, after: int
) -> list[StatusChangeRow]:
    return await database.select(
        StatusChangeRow,
        f'"generation_id" = ? AND "crl_shard" = ? AND "seq" > ? ORDER BY "seq" LIMIT {CHANGES_MAX}',
        generation.id,
        shard,
        after,
    )


async def _ended(
    database: Database, generation: Generation, shard: int, listed_at: datetime
) -> tuple[int, ...]:
    """Revoked certificates that ended before a scheduled list which still names them (RFC 5280 section 3.3)."""
    rows = await database.query(
        'SELECT "serial" FROM "certificate" WHERE "generation_id" = ? AND "crl_shard" = ? '
        'AND "revoked_at" IS NOT NULL AND "not_after" < ?',
        generation.id,
        shard,
        listed_at,
    )
    return tuple(int.from_bytes(row[0], "big") for row in rows)


def _values(rows: list[StatusChangeRow]) -> list[StatusChange]:
    return [
        StatusChange(
            int.from_bytes(row.serial, "big"),
            row.at,
            RevocationFacts(row.at, Reason(row.reason), row.invalidity_date) if row.revoked else None,
        )
        for row in rows
    ]
