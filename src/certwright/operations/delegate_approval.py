"""An account hands its right to approve on to another for a time, and takes it back."""

from datetime import datetime, timedelta

from ..core.access import Actor, Subject, Verb, may, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Forbidden, Malformed, NotFound
from ..core.second_person import Act, Kind
from ..store.databases import Database
from ..store.ledger import Change
from ..store.people_rows import ApprovalDelegationRow
from .context import Context
from .manage_users import find_user
from .request_certificate import COMMENT_SHOWN, check_comment
from .second_person import permission

LONGEST = timedelta(days=365)


async def delegate_approval(
    context: Context,
    actor: Actor,
    deputy: str,
    ends_at: datetime,
    begins_at: datetime | None = None,
    comment: str = "",
    user: str = "",
) -> ApprovalDelegationRow:
    """`deputy` decides instead of `user`, the actor where it is empty, on what they could decide on.

    In person, not by a token; for others by who manages access. Raises Forbidden, NotFound, Malformed,
    Conflict for a disabled account, SecondPersonNeeded for others' rights.
    """
    whose = user or actor.account
    if not whose:
        raise Forbidden("only an account has a right to hand on, and in person; say whose it is")
    if whose != actor.account:
        require(actor, Verb.MANAGE_ACCESS, Subject())
    check_comment(comment)
    now = context.clock()
    begins = begins_at or now
    _check_time(begins, ends_at, now)
    if deputy == whose:
        raise Malformed("nobody is their own deputy; name another account")
    for name in (whose, deputy):
        if (await find_user(context.database, name)).disabled_at is not None:
            raise Conflict(f"account {name} is disabled")
    row = ApprovalDelegationRow(
        context.ledger.new_id(), whose, deputy, begins, ends_at, comment, now, actor.name, 1
    )
    detail: dict[str, JsonValue] = {
        "deputy": deputy,
        "begins_at": begins.isoformat(),
        "ends_at": ends_at.isoformat(),
        "comment": shown(comment, COMMENT_SHOWN),
    }
    event = Event(EventKind.APPROVAL_DELEGATED, now, actor.name, actor.source, f"user:{whose}", detail)
    change = Change(inserted=[row], events=[event], configures=True)
    if whose != actor.account:
        arguments = {"act": "deputy", "user": whose, "deputy": deputy, "until": ends_at.isoformat()}
        act = Act(Kind.CHANGE_ROLES, Verb.MANAGE_ACCESS, (Subject(),), arguments)
        change.join(await permission(context, actor, act))
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return row


def _check_time(begins: datetime, ends: datetime, now: datetime) -> None:
    if ends <= max(begins, now) or ends - now > LONGEST:
        raise Malformed(f"a right is handed on until some moment to come, {LONGEST.days} days away at most")


async def take_back_approval(context: Context, actor: Actor, identifier: int) -> ApprovalDelegationRow:
    """It ends now. Raises NotFound, also for another's, Conflict when it has ended."""
    rows = await context.database.select(ApprovalDelegationRow, '"id" = ?', identifier)
    if not rows or not (rows[0].user == actor.account or may(actor, Verb.MANAGE_ACCESS, Subject())):
        raise NotFound(f"there is no right {identifier} that was handed on")
    row, now = rows[0], context.clock()
    if row.ends_at <= now:
        raise Conflict("this has ended already")
    after = row._replace(begins_at=min(row.begins_at, now), ends_at=now)
    event = Event(
        EventKind.APPROVAL_TAKEN_BACK,
        now,
        actor.name,
        actor.source,
        f"user:{row.user}",
        {"deputy": row.deputy},
    )
    await context.ledger.commit(Change(replaced=[(row, after)], events=[event], configures=True))
    await context.snapshots.refresh()
    return after


async def list_delegations(database: Database, actor: Actor, now: datetime) -> list[ApprovalDelegationRow]:
    """What has not ended: all for who manages access, else what is from the actor's account or to it."""
    rows = await database.select(ApprovalDelegationRow, '"ends_at" > ? ORDER BY "id"', now)
    if may(actor, Verb.MANAGE_ACCESS, Subject()):
        return rows
    return [row for row in rows if actor.account and actor.account in (row.user, row.deputy)]
