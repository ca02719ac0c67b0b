"""Accounts of people and of services: made, changed, disabled, given a password.

An account is never removed: its name stands in the audit log for ever. Passwords come here hashed
(`core.passwords`).
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Conflict, Malformed, NotFound
from ..core.people_names import check_account_name
from ..core.second_person import Act, Kind
from ..store.databases import Database, Duplicate
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.people_rows import LOCAL, UserAccountRow
from .context import Context, decide_again
from .second_person import permission

MAIL = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,189}")
DISPLAY_NAME_MAX = 200
EXTERNAL_ID_MAX = 500
ORIGIN = re.compile(rf"{LOCAL}|ldap|(oidc|saml):[a-z0-9][a-z0-9-]{{0,39}}")
HAND_OVER = "owner.hand-over"
"""Kind of follow-up; see `Successor`."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to be. `password` is hashed, or empty for who logs in elsewhere or not at all; it dies at
    `password_expires_at`, so that its owner sets another before. `external_id` is whom `origin` means."""

    name: str
    display_name: str = ""
    email: str = ""
    password: str = ""
    password_expires_at: datetime | None = None
    service: bool = False
    origin: str = LOCAL
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Disabled:
    """An account that is disabled now, and how many certificates that hold still it leaves behind."""

    row: UserAccountRow
    certificates: int


@dataclass(frozen=True, slots=True)
class Successor:
    """What a worker is to hand over: all that `account` answers for, to `owner` and `team`, either perhaps
    empty; `asked_by` is the actor who wanted it."""

    account: str
    owner: str
    team: str
    asked_by: str

    def payload(self) -> str:
        """As the outbox keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, payload: dict[str, object]) -> "Successor":
        return cls(*(str(payload[name]) for name in ("account", "owner", "team", "asked_by")))


async def create_user(context: Context, actor: Actor, new: NewUser) -> UserAccountRow:
    """Raises Forbidden, Malformed, Conflict for a name in use."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    row, change = new_account(context, actor, new)
    try:
        await context.ledger.commit(change)
    except Duplicate as error:
        raise Conflict(
            f"whom {new.origin} means by {new.external_id[:100]!r} has an account already"
        ) from error
    return row


def new_account(context: Context, actor: Actor, new: NewUser) -> tuple[UserAccountRow, Change]:
    """The row of an account to be, and what puts it there and on record. Raises Malformed; the change raises
    Conflict for a name in use."""
    check_account_name(new.name)
    _check(new.display_name, new.email)
    _check_origin(new)
    now = context.clock()
    row = UserAccountRow(
        id=context.ledger.new_id(),
        name=new.name,
        display_name=new.display_name,
        email=new.email,
        password=new.password,
        password_expires_at=new.password_expires_at,
        service=new.service,
        origin=new.origin,
        external_id=new.external_id,
        created_at=now,
        last_login_at=None,
        disabled_at=None,
        sessions_ended_at=None,
        version=1,
    )
    detail: dict[str, JsonValue] = {"service": new.service, "origin": new.origin, "email": new.email}
    taken = Conflict(f"there is an account {new.name} already; choose another name")
    return row, Change(
        inserted=[row],
        absent=[Absent(UserAccountRow, "name", new.name, taken)],
        events=[_event(EventKind.USER_CREATED, actor, row, now, detail)],
    )


async def change_user(
    context: Context, actor: Actor, name: str, display_name: str, email: str
) -> UserAccountRow:
    """What the account is called and where its mail goes. Raises Forbidden, Malformed, NotFound, Moved."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    _check(display_name, email)
    row = await find_user(context.database, name)
    detail: dict[str, JsonValue] = {"display_name": display_name, "email": email}
    after = row._replace(display_name=display_name, email=email)
    return await _replace(context, actor, row, after, EventKind.USER_CHANGED, detail)


async def set_password(
    context: Context, actor: Actor, name: str, password: str, expires_at: datetime | None = None
) -> UserAccountRow:
    """Another password, hashed; everybody who is logged in with the old one is logged out.

    People set their own, which lasts; who manages access sets others', which should die soon. Raises
    Forbidden, NotFound, Conflict for accounts without one, Moved, SecondPersonNeeded.
    """
    if not actor.user or actor.user != name:
        require(actor, Verb.MANAGE_ACCESS, Subject())
    return await decide_again(context, lambda: _set_password(context, actor, name, password, expires_at))


async def _set_password(
    context: Context, actor: Actor, name: str, password: str, expires_at: datetime | None
) -> UserAccountRow:
    row = await find_user(context.database, name)
    if row.service or row.origin != LOCAL:
        reason = "a service's, which logs in nowhere" if row.service else f"one of {row.origin}"
        raise Conflict(f"account {name} has no password here: it is {reason}")
    detail: dict[str, JsonValue] = {"expires_at": expires_at.isoformat() if expires_at else None}
    after = row._replace(password=password, password_expires_at=expires_at)
    permitted = await _reset_of(context, actor, name, "password")
    return await _replace(context, actor, row, after, EventKind.USER_PASSWORD_SET, detail, permitted)


async def _reset_of(context: Context, actor: Actor, name: str, what: str) -> Change | None:
    """Whoever resets the log-in of another could then be the other. Raises SecondPersonNeeded."""
    if actor.user == name:
        return None
    act = Act(Kind.RESET_LOGIN, Verb.MANAGE_ACCESS, (Subject(),), {"act": what, "account": name})
    return await permission(context, actor, act)


async def disable_user(
    context: Context, actor: Actor, name: str, owner: str = "", team: str = ""
) -> Disabled:
    """End the account's sessions and tokens at once. Where an account or a team is named, a worker hands over
    to them what this one answers for (`hand_over`).

    Raises Forbidden, NotFound, Moved, and Conflict when it is disabled already, the actor's own, or would be
    succeeded by itself or a disabled one.
    """
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return await decide_again(context, lambda: _disable_user(context, actor, name, owner, team))


async def _disable_user(context: Context, actor: Actor, name: str, owner: str, team: str) -> Disabled:
    revision, row = context.snapshot.revision, await find_user(context.database, name)
    if row.disabled_at is not None:
        raise Conflict(f"account {name} is disabled since {row.disabled_at:%Y-%m-%d %H:%M} UTC already")
    if actor.user == name:
        raise Conflict("nobody disables their own account; ask another administrator")
    change = Change(revision=revision)
    if owner or team:
        await _check_successor(context, name, owner, team)
        change.follow_ups.append((HAND_OVER, Successor(name, owner, team, actor.name).payload()))
    left = await _count_left(context, name)
    detail: dict[str, JsonValue] = {"certificates": left, "owner": owner, "team": team}
    now = context.clock()
    after = row._replace(disabled_at=now, sessions_ended_at=now)  # enabled again, it has none
    done = await _replace(context, actor, row, after, EventKind.USER_DISABLED, detail, change)
    return Disabled(done, left)


async def _check_successor(context: Context, name: str, owner: str, team: str) -> None:
    if team:
        context.snapshot.team(team)
    if owner == name:
        raise Conflict(f"account {name} cannot succeed itself; name another")
    if owner:
        await require_in_use(context, owner)


async def _count_left(context: Context, name: str) -> int:
    """Certificates that the account answers for and that are neither revoked nor at their end."""
    sql = 'SELECT count(*) FROM "certificate" WHERE "owner" = ? AND "not_after" > ? AND "revoked_at" IS NULL'
    count: int = (await context.database.query(sql, name, context.clock()))[0][0]
    return count


async def enable_user(context: Context, actor: Actor, name: str) -> UserAccountRow:
    """Raises Forbidden, NotFound, Moved, Conflict when it is not disabled."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    row = await find_user(context.database, name)
    if row.disabled_at is None:
        raise Conflict(f"account {name} is not disabled")
    return await _replace(context, actor, row, row._replace(disabled_at=None), EventKind.USER_ENABLED, {})


async def end_sessions(context: Context, actor: Actor, name: str) -> UserAccountRow:
    """Everybody who is logged in with the account is logged out. Raises Forbidden, NotFound, Moved."""
    if not actor.user or actor.user != name:
        require(actor, Verb.MANAGE_ACCESS, Subject())
    row = await find_user(context.database, name)
    after = row._replace(sessions_ended_at=context.clock())
    return await _replace(context, actor, row, after, EventKind.SESSION_REVOKED, {"sessions": "all"})


async def list_users(database: Database, actor: Actor) -> list[UserAccountRow]:
    """Every account, by name. Raises Forbidden."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return await database.select(UserAccountRow, '1 = 1 ORDER BY "name"')


async def remove_factors(context: Context, actor: Actor, name: str) -> UserAccountRow:
    """Take authenticator, passkeys and recovery codes from who has lost them; all sessions end. On record
    before they go, so that none goes unrecorded. Raises Forbidden, NotFound, Moved, Unavailable,
    SecondPersonNeeded."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return await decide_again(context, lambda: _remove_factors(context, actor, name))


async def _remove_factors(context: Context, actor: Actor, name: str) -> UserAccountRow:
    row = await find_user(context.database, name)
    after = row._replace(sessions_ended_at=context.clock())
    permitted = await _reset_of(context, actor, name, "factors")
    changed = await _replace(context, actor, row, after, EventKind.MFA_REMOVED, {"factor": "all"}, permitted)
    async with context.database.transaction(0) as transaction:
        await transaction.execute('DELETE FROM "mfa_authenticator" WHERE "user_id" = ?', (row.id,))
    return changed


async def read_user(context: Context, actor: Actor, name: str) -> UserAccountRow:
    """One account. Raises Forbidden, NotFound."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return await find_user(context.database, name)


async def find_user(database: Database, name: str) -> UserAccountRow:
    """Raises NotFound."""
    rows = await database.select(UserAccountRow, '"name" = ?', name)
    if not rows:
        raise NotFound(f"there is no account {name[:100]!r}")
    return rows[0]


async def require_in_use(context: Context, name: str) -> None:
    """Is there such an account, and is it not disabled? Raises NotFound, Conflict."""
    row = await find_user(context.database, name)
    if row.disabled_at is not None:
        since = f"{row.disabled_at:%Y-%m-%d %H:%M} UTC"
        raise Conflict(f"account {name} is disabled since {since}; name one that is in use")


async def _replace(
    context: Context,
    actor: Actor,
    before: UserAccountRow,
    after: UserAccountRow,
    kind: EventKind,
    detail: dict[str, JsonValue],
    also: Change | None = None,
) -> UserAccountRow:
    event = _event(kind, actor, before, context.clock(), detail)
    configures = before.disabled_at != after.disabled_at  # the snapshot has its tokens
    change = Change(replaced=[(before, after)], events=[event], configures=configures)
    if also is not None:
        change.join(also)
    await context.ledger.commit(change)
    if configures:
        await context.snapshots.refresh()
    return after._replace(version=before.version + 1)


def _check(display_name: str, email: str) -> None:
    if len(display_name) > DISPLAY_NAME_MAX or not (display_name.isprintable()):
        raise Malformed(f"a display name is at most {DISPLAY_NAME_MAX} printable characters")
    if email and not MAIL.fullmatch(email):
        raise Malformed(f"{email[:100]!r} is no mail address")


def _check_origin(new: NewUser) -> None:
    """Who is vouched for elsewhere is a person, has no password here, and is known there by an identifier."""
    if not ORIGIN.fullmatch(new.origin):
        raise Malformed(
            f"{new.origin[:60]!r} vouches for nobody: write {LOCAL}, ldap, oidc:NAME or saml:NAME"
        )
    if (new.origin == LOCAL) != (not new.external_id):
        raise Malformed(
            f"an account of {new.origin} has {'no' if new.origin == LOCAL else 'an'} external identifier"
        )
    if len(new.external_id) > EXTERNAL_ID_MAX or not new.external_id.isprintable():
        raise Malformed(f"an external identifier is at most {EXTERNAL_ID_MAX} printable characters")
    if new.origin != LOCAL and (new.service or new.password):
        raise Malformed(f"an account of {new.origin} is a person's, and has no password here")


def _event(
    kind: EventKind, actor: Actor, row: UserAccountRow, at: datetime, detail: dict[str, JsonValue]
) -> Event:
    return Event(kind, at, actor.name, actor.source, f"user:{row.name}", detail)
