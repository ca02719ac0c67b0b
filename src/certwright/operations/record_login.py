"""Put on record who logged in, who failed to, who logged out, and what happened to factors and sessions.

Failures are strangers' acts, so they are bounded (`bounded_records.py`) by the address they come from, and
what was typed is shown shortened.
"""

from collections.abc import Mapping, Sequence

from ..core.access import Actor
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Moved
from ..store.ledger import Change
from .bounded_records import BoundedRecords
from .context import Context
from .manage_users import find_user

STRANGER = "stranger"
TYPED_SHOWN = 100
BROWSER_SHOWN = 200
TRIES = 5


async def record_login(context: Context, actor: Actor, methods: Sequence[str], browser: str) -> None:
    """That the person logged in, by which proofs in order; the account says when. Raises NotFound, Moved."""
    detail: dict[str, JsonValue] = {"methods": list(methods), "browser": shown(browser, BROWSER_SHOWN)}
    for left in range(TRIES - 1, -1, -1):
        row, now = await find_user(context.database, actor.user), context.clock()
        event = Event(EventKind.LOGIN_SUCCEEDED, now, actor.name, actor.source, actor.name, detail)
        change = Change(replaced=[(row, row._replace(last_login_at=now))], events=[event])
        try:
            await context.ledger.commit(change)
        except Moved:
            if not left:
                raise
        else:
            return


async def record_of_account(
    context: Context, actor: Actor, kind: EventKind, detail: Mapping[str, JsonValue]
) -> None:
    """What somebody did about their own log-in: left, changed a factor or a session. Raises Unavailable."""
    event = Event(kind, context.clock(), actor.name, actor.source, actor.name, detail)
    await context.ledger.commit(Change(events=[event]))


class Logins:
    """What strangers do. One per event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._failures = BoundedRecords()
        self._locks = BoundedRecords()

    async def failed(self, typed: str, known: bool, proof: str, source: str) -> None:
        """A log-in for the account `typed` failed at `proof` (password, factor, passkey); `known` says
        whether there is such an account. Raises Unavailable."""
        detail: dict[str, JsonValue] = {"proof": proof, "known": known}
        await self._record(self._failures, EventKind.LOGIN_FAILED, typed, source, detail)

    async def locked(self, typed: str, seconds: int, source: str) -> None:
        """This address must wait; `typed` is the account it must wait for, or empty for all. Raises
        Unavailable."""
        await self._record(self._locks, EventKind.LOGIN_LOCKED, typed, source, {"seconds": seconds})

    async def _record(
        self, bounds: BoundedRecords, kind: EventKind, typed: str, source: str, detail: dict[str, JsonValue]
    ) -> None:
        now = self._context.clock()
        if not bounds.take(source, now.timestamp()):
            return
        detail["more"] = bounds.left_out(source)
        subject = f"user:{shown(typed, TYPED_SHOWN)}" if typed else f"address:{source}"
        event = Event(kind, now, STRANGER, source, subject, detail)
        await self._context.ledger.commit(Change(events=[event]))
