"""Take away what was seen long ago, a little at a time: sightings and findings that have ended, runs, scores;
and at once who answers about certificates that have ended.

A certificate stays, whatever became of the places at which it was; and what is there now stays for ever.
"""

from datetime import timedelta

from ..store.discovery_rows import DiscoveryRunRow, FindingRow, HealthScoreRow, OutsideAnswerRow, SightingRow
from .context import Context

SEEN_KEPT = timedelta(days=365)
"""How long that stays, where no setting says otherwise."""
CHUNK = 200


async def purge_seen(context: Context, kept: timedelta = SEEN_KEPT) -> int:
    """Take away a chunk of each; how many rows went, 0 when nothing is left. Raises Unavailable."""
    before, ledger = context.clock() - kept, context.ledger
    gone = await ledger.purge(SightingRow, "ended_at", before, CHUNK)
    gone += await ledger.purge(FindingRow, "closed_at", before, CHUNK)
    gone += await ledger.purge(HealthScoreRow, "day", before, CHUNK)
    gone += await ledger.purge(OutsideAnswerRow, "ends_at", context.clock(), CHUNK)
    return gone + await ledger.purge(DiscoveryRunRow, "ended_at", before, CHUNK)
