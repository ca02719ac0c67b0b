"""How an authority's status data stands: its lists and its OCSP signer, and what is wrong with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.access import Actor, Subject, Verb, require
from ..store.databases import Database
from ..store.rows import CrlShardRow, OcspSignerRow
from ..store.snapshot import Generation
from .context import Context
from .found_authority import offline
from .renew_lists import can_hold_longer, delta_ends, shards_ahead

LIST_MARGIN = timedelta(days=1)
DELTA_MARGIN = timedelta(hours=6)
SIGNER_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ListState:
    """The newest list of a shard. `pending` counts changes of status that it does not have yet;
    `delta_next_update`: the newest delta's, None where there is none."""

    shard: int
    number: int
    next_update: datetime
    pending: int
    delta_next_update: datetime | None


@dataclass(frozen=True, slots=True)
class GenerationHealth:
    """`problems` are lines for people; none means that all is well."""

    generation: Generation
    lists: tuple[ListState, ...]
    signer: OcspSignerRow | None
    problems: tuple[str, ...]


async def authority_health(context: Context, actor: Actor, authority: str) -> list[GenerationHealth]:
    """Every generation of an authority, the newest first. Raises NotFound, Forbidden."""
    context.snapshot.authority(authority)
    require(actor, Verb.VIEW, Subject(authority=authority))
    now = context.clock()
    return [await _health(context, one, now) for one in context.snapshot.of_authority(authority)]


async def _health(context: Context, generation: Generation, now: datetime) -> GenerationHealth:
    lists = await list_states(context.database, generation)
    signer = context.snapshot.signer(generation.id, now)
    ahead = await shards_ahead(context.database, generation, now)
    problems = list(_problems(generation, lists, ahead, signer, now))
    if above := context.snapshot.revoked_above.get(generation.id):
        problems.insert(0, f"the certificate of {above}, above it, is revoked or on hold; it issues nothing")
    return GenerationHealth(generation, lists, signer, tuple(problems))


async def list_states(database: Database, generation: Generation) -> tuple[ListState, ...]:
    """How each shard's newest list stands, by shard."""
    rows = await database.select(CrlShardRow, '"generation_id" = ? ORDER BY "shard"', generation.id)
    pending = await database.query(
        'SELECT s."shard", count(*) FROM "crl_shard" s JOIN "status_change" c ON '
        'c."generation_id" = s."generation_id" AND c."crl_shard" = s."shard" AND c."seq" > s."covered_seq" '
        'WHERE s."generation_id" = ? GROUP BY s."shard"',
        generation.id,
    )
    waiting = {row[0]: int(row[1]) for row in pending}
    deltas = await delta_ends(database, generation)
    return tuple(
        ListState(row.shard, row.number, row.next_update, waiting.get(row.shard, 0), deltas.get(row.shard))
        for row in rows
    )


def _problems(
    generation: Generation,
    lists: tuple[ListState, ...],
    ahead: set[int],
    signer: OcspSignerRow | None,
    now: datetime,
) -> Iterator[str]:
    if generation.certificate is None or generation.row.not_after is None:
        yield "it awaits its certificate: have its CSR signed, and accept what comes back"
        return
    if generation.row.not_after <= now:
        return  # nothing under it is valid any more, so nobody needs status data
    for shard in sorted(set(range(generation.authority.crl_shards)) - {one.shard for one in lists}):
        yield f"shard {shard} has no list; publish it"
    for shard in sorted(ahead):
        yield f"the list of shard {shard} is of the future: a clock was ahead; publish it anew"
    for one in lists:
        yield from _problems_of_list(generation, one, now)
    if signer is None:
        yield "it has no OCSP signer, so OCSP says try later; publish its status"
    elif _ends_soon(generation, signer.not_after, now + SIGNER_MARGIN):
        yield f"its OCSP signer ends at {signer.not_after:%Y-%m-%d %H:%M} UTC"


def _problems_of_list(generation: Generation, one: ListState, now: datetime) -> Iterator[str]:
    if _ends_soon(generation, one.next_update, now + LIST_MARGIN):
        yield f"the list of shard {one.shard} ends at {one.next_update:%Y-%m-%d %H:%M} UTC"
    if one.delta_next_update and _ends_soon(generation, one.delta_next_update, now + DELTA_MARGIN):
        yield f"the delta of shard {one.shard} ends at {one.delta_next_update:%Y-%m-%d %H:%M} UTC"
    if one.pending and offline(generation):
        text = f"the list of shard {one.shard} lacks {one.pending} changes"
        yield f"{text}; publish it with the recovery passphrase"


def _ends_soon(generation: Generation, ends: datetime, before: datetime) -> bool:
    return ends < before and can_hold_longer(generation, ends)
