"""Which CRLs are to be signed anew, judged by what is on record; and signing one where there is a reason.

A complete list is scheduled once a day, and in any case when the one before is past half its validity, or was
signed while a clock was ahead. Between schedules a list is signed when the status feed tells of a change,
and when the delta is past half its validity. Since the reason is looked for anew before signing, asking
twice signs once.
"""

import json
from datetime import datetime, timedelta
from enum import IntEnum

from ..core.clocks import CLOCK_LAG
from ..core.errors import NotFound, Reason, Refused
from ..store.databases import Database, moment_of
from ..store.rows import CrlRow
from ..store.snapshot import Generation
from .context import Context
from .found_authority import offline
from .publish_crl import ListTimes, publish_crl

TIMES = ListTimes()
SCHEDULE = timedelta(days=1)
EVERY_SHARD = -1


class Due(IntEnum):
    """Why a shard's lists are signed. SCHEDULED: as a base of deltas; PLAIN: for a change, or a delta."""

    PLAIN = 1
    SCHEDULED = 2


def crl_payload(generation: int, shard: int) -> str:
    """How work on a shard's lists stands in the outbox, as `revoke` writes it."""
    return json.dumps({"generation": generation, "shard": shard})


def lasting(context: Context, now: datetime) -> list[Generation]:
    """Generations that have a certificate which has not ended: those there is status data of."""
    return [one for one in context.snapshot.generations.values() if one.issuer and one.issuer.not_after > now]


def can_hold_longer(generation: Generation, ends: datetime) -> bool:
    """Can what ends then be replaced by something that is of use for longer? Past the end of the authority's
    certificate, or of one above it, nobody asks: what holds until then is not late, however near that is."""
    return ends < generation.as_issuer.certifies_until


async def delta_ends(database: Database, generation: Generation) -> dict[int, datetime]:
    """When the newest delta of each shard ends; without the shards that have none."""
    rows = await database.query(
        'SELECT c."shard", c."next_update" FROM "crl" c WHERE c."generation_id" = ? AND c."base_number" > 0 '
        'AND c."number" = (SELECT max(n."number") FROM "crl" n WHERE n."generation_id" = c."generation_id" '
        'AND n."shard" = c."shard" AND n."base_number" > 0)',
        generation.id,
    )
    return {shard: moment_of(ends) for shard, ends in rows}


async def lists_due(
    database: Database, generation: Generation, now: datetime, shard: int = EVERY_SHARD
) -> dict[int, Due]:
    """The shards of a generation whose lists are to be signed; of one shard, when that is given."""
    wanted = range(generation.authority.crl_shards) if shard == EVERY_SHARD else (shard,)
    scheduled = await _scheduled(database, generation, now, shard)
    fresh = await _with_fresh_delta(database, generation, now, shard)
    changed = await changed_shards(database, generation, shard)
    ahead = await shards_ahead(database, generation, now, shard)
    due = {}
    for one in wanted:
        if one not in scheduled or one in ahead:
            due[one] = Due.SCHEDULED
        elif one not in fresh or one in changed:
            due[one] = Due.PLAIN
    return due


async def _scheduled(database: Database, generation: Generation, now: datetime, shard: int) -> set[int]:
    """Shards whose newest scheduled list is not old."""
    rows = await database.query(
        'SELECT DISTINCT "shard" FROM "crl" WHERE "generation_id" = ? AND (? = -1 OR "shard" = ?) '
        'AND "base_number" = 0 AND "scheduled" AND "this_update" > ? AND "this_update" <= ? '
        'AND "next_update" >= ?',
        generation.id,
        shard,
        shard,
        now - SCHEDULE,
        now + CLOCK_LAG,
        _half(generation, now, TIMES.complete),
    )
    return {row[0] for row in rows}


async def _with_fresh_delta(
    database: Database, generation: Generation, now: datetime, shard: int
) -> set[int]:
    rows = await database.query(
        'SELECT DISTINCT "shard" FROM "crl" WHERE "generation_id" = ? AND (? = -1 OR "shard" = ?) '
        'AND "base_number" > 0 AND "this_update" <= ? AND "next_update" >= ?',
        generation.id,
        shard,
        shard,
        now + CLOCK_LAG,
        _half(generation, now, TIMES.delta),
    )
    return {row[0] for row in rows}


def _half(generation: Generation, now: datetime, validity: timedelta) -> datetime:
    """What signed now would reach half of; no list reaches past its authority's certificate."""
    return min(now + validity / 2, generation.as_issuer.not_after)


async def changed_shards(database: Database, generation: Generation, shard: int = EVERY_SHARD) -> set[int]:
    """Shards whose newest list does not know of all that the status feed tells."""
    rows = await database.query(
        'SELECT l."shard" FROM "crl_shard" l WHERE l."generation_id" = ? AND (? = -1 OR l."shard" = ?) '
        'AND EXISTS (SELECT 1 FROM "status_change" c WHERE c."generation_id" = l."generation_id" '
        'AND c."crl_shard" = l."shard" AND c."seq" > l."covered_seq")',
        generation.id,
        shard,
        shard,
    )
    return {row[0] for row in rows}


async def shards_ahead(
    database: Database, generation: Generation, now: datetime, shard: int = EVERY_SHARD
) -> set[int]:
    """Shards whose newest list is of the future: a clock was ahead, and nobody takes that list now."""
    rows = await database.query(
        'SELECT l."shard" FROM "crl_shard" l JOIN "crl" c ON c."generation_id" = l."generation_id" '
        'AND c."shard" = l."shard" AND c."number" = l."number" AND c."base_number" = 0 '
        'WHERE l."generation_id" = ? AND (? = -1 OR l."shard" = ?) AND c."this_update" > ?',
        generation.id,
        shard,
        shard,
        now + CLOCK_LAG,
    )
    return {row[0] for row in rows}


async def renew_list(context: Context, generation_id: int, shard: int) -> CrlRow | None:
    """Sign a shard's lists if there is a reason to; the complete one, None where there was none.

    Raises NotFound, Refused for an authority whose key is under the recovery passphrase, Conflict,
    Unavailable.
    """
    generation = (await context.snapshots.refresh()).generations.get(generation_id)
    if generation is None or generation.issuer is None or shard >= generation.authority.crl_shards:
        raise NotFound(f"there is no authority generation {generation_id} with shard {shard}")
    now = context.clock()
    if generation.issuer.not_after <= now:
        return None
    if offline(generation):
        text = f"authority {generation.path} is offline; sign its list with the recovery passphrase"
        raise Refused((Reason("authority.offline", text),))
    due = await lists_due(context.database, generation, now, shard)
    if shard not in due:
        return None
    return await publish_crl(context, generation, shard, due[shard] is Due.SCHEDULED, TIMES)
