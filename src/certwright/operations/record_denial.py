"""Put on record that a known actor was refused an act for want of a role.

Bounded, since whoever has a token could fill the log with refusals otherwise: a few a minute for each actor
and for all together in one process; what is past that is counted, and the count is on record with the next
one.
"""

from ..core.access import Actor
from ..core.audit import SUBJECT_CHARACTERS_MAX, Event, EventKind, JsonValue, shown
from ..core.errors import Forbidden
from ..store.ledger import Change
from .bounded_records import BoundedRecords
from .context import Context

REASON_SHOWN = 1000


class Denials:
    """One per event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._bounds = BoundedRecords()

    async def record(self, actor: Actor, act: str, error: Forbidden, way: str = "rest") -> None:
        """`act` says what was asked for, as in `POST /api/v1/tokens`; `way` is `rest` or `console`. Raises
        Unavailable."""
        now = self._context.clock()
        if not self._bounds.take(actor.name, now.timestamp()):
            return
        detail: dict[str, JsonValue] = {
            "reason": shown(error.detail, REASON_SHOWN),
            "more": self._bounds.left_out(actor.name),
        }
        subject = f"{way}:" + "".join(one if one.isprintable() else "?" for one in act)
        event = Event(
            EventKind.ACCESS_DENIED,
            now,
            actor.name,
            actor.source,
            subject[:SUBJECT_CHARACTERS_MAX],
            detail,
        )
        await self._context.ledger.commit(Change(events=[event]))
