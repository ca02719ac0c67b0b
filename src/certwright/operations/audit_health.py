"""Does every event get its place in the signed tree soon? For readiness and metrics."""

from datetime import datetime, timedelta

from ..core.errors import Unavailable
from ..store.databases import Database
from .read_audit import oldest_waiting

UNSIGNED = timedelta(seconds=60)


async def require_signed(database: Database, now: datetime) -> None:
    """Raises Unavailable when an event has waited for a minute to come under a signed checkpoint: no worker
    runs, or it refuses to sign because what is stored does not fit together."""
    since = await oldest_waiting(database)
    if since is not None and now - since > UNSIGNED:
        raise Unavailable(
            f"audit events since {since:%Y-%m-%d %H:%M:%S} UTC are not signed; see the worker's log, "
            "and run 'certwright audit verify'"
        )
