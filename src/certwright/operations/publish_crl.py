"""Sign the lists of one shard anew: the complete one, and the delta since the last scheduled one.

Entries come encoded from the list before; what the status feed has told since is put in. How many there
must be then is worked out from the store, and a list that turns out otherwise is made anew from the
certificates on record. The number is taken under its counter's lock before anything is signed, and a list is
recorded only if no other came between, so that numbers are unique and what is published never goes back.

A number is at the least the seconds since 1970. Where the database was put back, numbers that are gone from
it stand in lists that relying parties hold: a second list of such a number, or a delta on such a base, would
have them miss revocations (RFC 5280 sections 5.2.3 and 5.2.4).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..core import crl
from ..core.access import Actor
from ..core.audit import Event, EventKind, JsonValue
from ..core.crl import CrlHeader
from ..core.errors import Conflict, IntegrityError, Malformed, Moved
from ..core.keys import SIGNATURES
from ..store.databases import Duplicate
from ..store.ledger import Change
from ..store.rows import CrlRow, CrlShardRow
from ..store.snapshot import Generation, pointers
from .context import Context
from .crl_contents import (
    Contents,
    Shard,
    Stand,
    contents_from_record,
    delta_changes,
    expected_delta,
    next_contents,
    read_stand,
    values,
)

SYSTEM = Actor("system:publication")
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ListTimes:
    """How long a complete list and a delta hold."""

    complete: timedelta = timedelta(days=7)
    delta: timedelta = timedelta(days=1)


OFFLINE_TIMES = ListTimes(timedelta(days=365), timedelta(days=365))


@dataclass(frozen=True, slots=True)
class _Publication:
    """What one publication is about. `shard` is within `generation`."""

    generation: Generation
    shard: Shard
    scheduled: bool
    times: ListTimes
    actor: Actor
    now: datetime


async def publish_crl(
    context: Context,
    generation: Generation,
    shard: int,
    scheduled: bool,
    times: ListTimes,
    actor: Actor = SYSTEM,
) -> CrlRow:
    """Sign and record the shard's lists; the row of the complete one.

    More changes than one list takes up are left to further ones, signed at once. Raises Conflict,
    Unavailable, IntegrityError.
    """
    attempts = 0
    while True:
        now = context.clock().replace(microsecond=0)
        publication = _Publication(generation, Shard(generation.id, shard), scheduled, times, actor, now)
        try:
            row, whole = await _publish(context, publication)
        except (Moved, Duplicate):
            attempts += 1
            if attempts == ATTEMPTS:
                text = f"the lists of {generation.path} shard {shard} are being signed by others; try again"
                raise Conflict(text) from None
            continue
        if whole:
            return row
        scheduled = False


async def _publish(context: Context, publication: _Publication) -> tuple[CrlRow, bool]:
    """The complete list's row, and whether it knows of all changes."""
    shard = publication.shard
    stand = await read_stand(context.database, shard, publication.now)
    publication = _placed(publication, stand)
    counter, least = f"crl/{shard.generation}/{shard.number}", int(publication.now.timestamp())
    number = await context.ledger.take(counter, least)
    contents, complete, delta = await _make(context, publication, stand, number)
    after = CrlShardRow(shard.generation, shard.number, number, contents.covered, complete.next_update)
    change = Change(inserted=[complete, *([delta] if delta else [])])
    if stand.row is None:
        change.inserted.append(after)
    else:
        change.replaced.append((stand.row, after))
    change.events.append(_event(publication, complete, contents, delta is not None))
    await context.ledger.commit(change)
    return complete, contents.whole


def _placed(publication: _Publication, stand: Stand) -> _Publication:
    """As of the thisUpdate it gets; after a list of the future, scheduled. Raises Conflict past the
    authority's end."""
    generation, this_update = publication.generation, stand.this_update
    end = generation.as_issuer.not_after
    if this_update >= end:
        raise Conflict(
            f"authority {generation.path} has ended, at {end:%Y-%m-%d %H:%M:%S} UTC; it signs no list"
        )
    return replace(publication, now=this_update, scheduled=publication.scheduled or stand.ahead)


async def _make(
    context: Context, publication: _Publication, stand: Stand, number: int
) -> tuple[Contents, CrlRow, CrlRow | None]:
    """Contents and signed lists; from the record where the list before is damaged, or of the future."""
    if not stand.ahead:
        try:
            contents = await next_contents(context.database, publication.shard, stand, publication.scheduled)
            return contents, *await _sign_both(context, publication, stand, number, contents)
        except (IntegrityError, Malformed):
            if stand.last is None:
                raise
    contents = await contents_from_record(context.database, publication.shard, stand, publication.scheduled)
    return contents, *await _sign_both(context, publication, stand, number, contents)


async def _sign_both(
    context: Context, publication: _Publication, stand: Stand, number: int, contents: Contents
) -> tuple[CrlRow, CrlRow | None]:
    """The complete list, and the delta where there is a base for one.

    Where too much has changed for a delta, the complete list becomes the next base, be it time or not.
    """
    header = _header(context, publication, number)
    changes = None
    if stand.base is not None:
        changes = await delta_changes(context.database, publication.shard, stand.base, contents.covered)
    if stand.base is None or changes is None:
        scheduled = publication.scheduled or stand.base is not None
        return await _sign(context, publication, header, contents, scheduled), None
    freshest = replace(header, freshest_crl=(_delta_url(context, publication),))
    complete = await _sign(context, publication, freshest, contents, publication.scheduled)
    until = min(publication.now + publication.times.delta, publication.generation.as_issuer.not_after)
    delta_header = replace(header, next_update=until, base_crl_number=stand.base.number)
    entries = crl.delta_entries(values(changes))
    delta = replace(contents, entries=entries, expected=expected_delta(changes))
    return complete, await _sign(context, publication, delta_header, delta, publication.scheduled)


def _header(context: Context, publication: _Publication, number: int) -> CrlHeader:
    """A complete list's, without saying where the delta is."""
    generation, issuer = publication.generation, publication.generation.as_issuer
    sharded = generation.authority.crl_shards > 1
    return CrlHeader(
        issuer_name_der=issuer.name,
        signature_algorithm_identifier=SIGNATURES[issuer.algorithm].identifier,
        this_update=publication.now,
        next_update=min(publication.now + publication.times.complete, issuer.not_after),
        crl_number=number,
        authority_key_identifier=issuer.key_identifier,
        issuing_distribution_point=(_url(context, publication),) if sharded else (),
    )


def _url(context: Context, publication: _Publication) -> str:
    urls = pointers(context.snapshot.installation.base_url, publication.generation.path)
    return urls.crl.replace("{shard}", str(publication.shard.number))


def _delta_url(context: Context, publication: _Publication) -> str:
    return _url(context, publication).removesuffix(".crl") + "-delta.crl"


async def _sign(
    context: Context, publication: _Publication, header: CrlHeader, contents: Contents, scheduled: bool
) -> CrlRow:
    row = publication.generation.row
    der = await context.keyring.crl(row, header, contents.entries, contents.expected)
    return CrlRow(
        id=context.ledger.new_id(),
        generation_id=publication.shard.generation,
        shard=publication.shard.number,
        number=header.crl_number,
        base_number=header.base_crl_number or 0,
        covered_seq=contents.covered,
        scheduled=scheduled,
        this_update=header.this_update,
        next_update=header.next_update,
        entries=contents.expected.count,
        der=der,
    )


def _event(publication: _Publication, complete: CrlRow, contents: Contents, has_delta: bool) -> Event:
    detail: dict[str, JsonValue] = {
        "shard": complete.shard,
        "number": complete.number,
        "entries": complete.entries,
        "delta": has_delta,
    }
    if contents.remade:
        detail["remade"] = True
    actor, subject = publication.actor, f"authority:{publication.generation.path}"
    return Event(EventKind.CRL_PUBLISHED, publication.now, actor.name, actor.source, subject, detail)
