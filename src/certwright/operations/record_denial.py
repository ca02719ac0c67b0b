"""Put on record that a known actor was refused an act for want of a role.

Bounded, since whoever has a token could fill the log with refusals otherwise: a few a minute for each actor
and for all together in one process; what is past that is counted, and the count is on record with the next
one.
"""

from collections import OrderedDict

from ..core.access import Actor
from ..core.audit import SUBJECT_CHARACTERS_MAX, Event, EventKind, JsonValue, shown
from ..core.errors import Forbidden
from ..store.ledger import Change
from .context import Context

MINUTE = 60.0
EACH_MAX = 10
ALL_MAX = 100
ACTORS_MAX = 1000
REASON_SHOWN = 1000


class Denials:
    """One per event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = float("-inf")
        self._total = 0
        self._recorded: OrderedDict[str, int] = OrderedDict()
        self._unrecorded: OrderedDict[str, int] = OrderedDict()

    async def record(self, actor: Actor, act: str, error: Forbidden) -> None:
        """`act` says what was asked for, as in `POST /api/v1/tokens`. Raises Unavailable."""
        now = self._context.clock()
        if not self._may_record(actor.name, now.timestamp()):
            return
        detail: dict[str, JsonValue] = {
            "reason": shown(error.detail, REASON_SHOWN),
            "more": self._unrecorded.pop(actor.name, 0),
        }
        subject = "rest:" + "".join(one if one.isprintable() else "?" for one in act)
        event = Event(
            EventKind.ACCESS_DENIED,
            now,
            actor.name,
            actor.source,
            subject[:SUBJECT_CHARACTERS_MAX],
            detail,
        )
        await self._context.ledger.commit(Change(events=[event]))

    def _may_record(self, name: str, moment: float) -> bool:
        if not 0 <= moment - self._began < MINUTE:
            self._began, self._total = moment, 0
            self._recorded.clear()
        if self._total >= ALL_MAX or self._recorded.get(name, 0) >= EACH_MAX:
            self._unrecorded[name] = self._unrecorded.get(name, 0) + 1
            while len(self._unrecorded) > ACTORS_MAX:
                self._unrecorded.popitem(last=False)
            return False
        self._total += 1
        self._recorded[name] = self._recorded.get(name, 0) + 1
        return True
