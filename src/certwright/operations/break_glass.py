"""Break-glass: whoever holds the machine suspends the rule of the second person, for a time and on record.

It ends by itself: from its end on nothing counts it any more, and a worker puts that on record and disables
the administrator that was made for it.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from ..core.access import EVERYTHING, Actor, Grant, Role
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Forbidden, Malformed
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.people_rows import BreakGlassRow, RoleGrantRow, UserAccountRow
from .context import Context, decide_again
from .first_passwords import make_password
from .withdraw_role import withdrawal

LASTS = timedelta(hours=1)
LASTS_MAX = timedelta(hours=24)
REASON_MAX = 1000
WORKER = Actor("system:worker")


@dataclass(frozen=True, slots=True)
class Opened:
    """`row.account` is the administrator made for it, with this one-time password; both may be empty."""

    row: BreakGlassRow
    password: str = field(repr=False)


async def break_glass(
    context: Context, actor: Actor, reason: str, lasts: timedelta = LASTS, administrator: bool = False
) -> Opened:
    """Suspend the rule. With `administrator` there is also an account to log in with while it lasts.

    Raises Forbidden for who is not on the machine itself, Malformed, and Conflict while it is open already.
    """
    _require_local(actor)
    if not reason.strip() or len(reason) > REASON_MAX:
        raise Malformed(f"say why, in 1 to {REASON_MAX} characters")
    if not timedelta(minutes=1) <= lasts <= LASTS_MAX:
        raise Malformed("break-glass lasts for 1 minute to 24 hours")
    password, kept = await make_password(context) if administrator else ("", "")
    row = await decide_again(context, lambda: _open(context, actor, reason.strip(), lasts, kept))
    return Opened(row, password)


async def _open(context: Context, actor: Actor, reason: str, lasts: timedelta, kept: str) -> BreakGlassRow:
    now, identifier = context.clock(), context.ledger.new_id()
    if context.snapshot.broken_glass(now) is not None:
        raise Conflict("break-glass is open already; `certwright break-glass end` ends it")
    if context.snapshot.glass is not None:
        await _end(context, WORKER)  # whose time is over, while no worker ran
    account = f"break-glass-{identifier}" if kept else ""
    row = BreakGlassRow(identifier, reason, account, now, actor.name, now + lasts, None, "", 1)
    detail: dict[str, JsonValue] = {
        "reason": shown(reason, 2 * REASON_MAX),
        "ends_at": row.ends_at.isoformat(),
        "account": account,
    }
    change = Change(inserted=[row], revision=context.snapshot.revision, configures=True)
    change.events.append(_event(EventKind.BREAK_GLASS_OPENED, context, actor, row, detail))
    if account:
        change.join(_administrator(context, actor, row, kept))
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return row


def _administrator(context: Context, actor: Actor, glass: BreakGlassRow, kept: str) -> Change:
    """An account with every right, whose first password ends with the break-glass."""
    now, name = context.clock(), glass.account
    account = UserAccountRow(
        id=context.ledger.new_id(),
        name=name,
        display_name="Break-glass",
        email="",
        password=kept,
        password_expires_at=glass.ends_at,
        service=False,
        origin="local",
        external_id="",
        created_at=now,
        last_login_at=None,
        disabled_at=None,
        sessions_ended_at=None,
        version=1,
    )
    grant = Grant(Role.ADMINISTRATOR, EVERYTHING)
    held = RoleGrantRow(context.ledger.new_id(), f"user:{name}", grant.role, grant.scope)
    made: dict[str, JsonValue] = {"service": False, "origin": "local", "email": ""}
    given: dict[str, JsonValue] = {"role": grant.role.value, "scope": grant.scope}
    return Change(
        inserted=[account, held],
        absent=[Absent(UserAccountRow, "name", name, Conflict(f"there is an account {name} already"))],
        events=[
            Event(EventKind.USER_CREATED, now, actor.name, actor.source, f"user:{name}", made),
            Event(EventKind.GRANT_GIVEN, now, actor.name, actor.source, f"user:{name}", given),
        ],
    )


async def end_break_glass(context: Context, actor: Actor) -> BreakGlassRow:
    """The rule is in force again. Raises Forbidden, and Conflict when it is not suspended."""
    _require_local(actor)
    row = await decide_again(context, lambda: _end(context, actor))
    if row is None:
        raise Conflict("break-glass is not open")
    return row


async def end_expired_break_glass(context: Context) -> bool:
    """Put on record that its time is over, and disable its administrator; false when there is nothing to
    do."""
    glass = context.snapshot.glass
    if glass is None or glass.ends_at > context.clock():
        return False
    return await decide_again(context, lambda: _end(context, WORKER)) is not None


async def _end(context: Context, actor: Actor) -> BreakGlassRow | None:
    glass = context.snapshot.glass
    if glass is None:
        return None
    change = Change(revision=context.snapshot.revision, configures=True)
    after = glass._replace(ended_at=context.clock(), ended_by=actor.name)
    change.replaced.append((glass, after))
    change.events.append(
        _event(EventKind.BREAK_GLASS_ENDED, context, actor, glass, {"account": glass.account})
    )
    if glass.account:
        change.join(await _without(context, actor, glass.account))
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return after


async def _without(context: Context, actor: Actor, name: str) -> Change:
    """The account made for it is disabled, and has no role any more."""
    now = context.clock()
    grants = await context.database.select(RoleGrantRow, '"holder" = ?', f"user:{name}")
    change = withdrawal(grants, actor, now)
    for row in await context.database.select(UserAccountRow, '"name" = ? AND "disabled_at" IS NULL', name):
        detail: dict[str, JsonValue] = {"certificates": 0, "owner": "", "team": ""}
        change.replaced.append((row, row._replace(disabled_at=now, sessions_ended_at=now)))
        subject = f"user:{name}"
        change.events.append(Event(EventKind.USER_DISABLED, now, actor.name, actor.source, subject, detail))
    return change


def _require_local(actor: Actor) -> None:
    if not actor.name.startswith("local:"):
        raise Forbidden("break-glass is for the machine itself: use `certwright break-glass` there")


def _event(
    kind: EventKind, context: Context, actor: Actor, row: BreakGlassRow, detail: dict[str, JsonValue]
) -> Event:
    return Event(kind, context.clock(), actor.name, actor.source, f"break-glass:{row.id}", detail)
