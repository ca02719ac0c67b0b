"""Bearer tokens: made with their roles, shown once, revoked. Only the SHA-256 of a secret is kept."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime

from ..core.access import EVERYTHING, Actor, Grant, Role, Subject, Verb, check_tag, require, require_to_give
from ..core.audit import Event, EventKind
from ..core.errors import Conflict, Forbidden, Malformed, NotFound
from ..core.second_person import Act, Kind
from ..store.databases import Database
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.people_rows import ApiTokenRow, RoleGrantRow, UserAccountRow
from ..store.snapshot import Snapshot
from .context import Context, decide_again
from .manage_users import find_user, require_in_use
from .second_person import permission
from .token_uses import uses_of

PREFIX = "cw_"
SECRET_OCTETS = 32
GRANTS_MAX = 50
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class NewToken:
    """`secret` goes to whoever shall use it and is kept nowhere: `cw_` and 43 characters."""

    row: ApiTokenRow
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListedToken:
    """`account` is the name of the account whose it is, or empty. `used_at` is the hour of its last use, None
    where there was none."""

    row: ApiTokenRow
    grants: tuple[Grant, ...]
    account: str = ""
    used_at: datetime | None = None


async def create_token(
    context: Context,
    actor: Actor,
    name: str,
    grants: tuple[Grant, ...],
    expires_at: datetime | None,
    account: str = "",
) -> NewToken:
    """A new token. Without an account it is nobody's; with a service's it dies with that; people make tokens
    of their own account, in person, and such a token never permits more than its person has.

    Raises Forbidden, Malformed, NotFound for a scope of nothing, Conflict for a used name; and
    SecondPersonNeeded where it is a program's.
    """
    if not account or account != actor.account:
        require(actor, Verb.MANAGE_ACCESS, Subject())
    return await decide_again(
        context, lambda: _create_token(context, actor, name, grants, expires_at, account)
    )


async def _owner(context: Context, actor: Actor, account: str) -> int | None:
    """Whose a token is to be. Raises Forbidden: nobody makes one for another person, who could be spoken for
    by it."""
    if not account:
        return None
    row = await find_user(context.database, account)
    if not row.service and account != actor.account:
        raise Forbidden(f"{account} is a person; they make their own tokens, logged in to the console")
    await require_in_use(context, account)
    return row.id


async def _create_token(
    context: Context,
    actor: Actor,
    name: str,
    grants: tuple[Grant, ...],
    expires_at: datetime | None,
    account: str,
) -> NewToken:
    now = context.clock()
    _check(context.snapshot, name, grants)
    for grant in grants:
        require_to_give(actor, grant)
    if expires_at is not None and expires_at <= now:
        raise Malformed("a token must not have expired when it is made; give a later time")
    secret = PREFIX + base64.urlsafe_b64encode(context.random(SECRET_OCTETS)).rstrip(b"=").decode()
    row = ApiTokenRow(
        id=context.ledger.new_id(),
        name=name,
        digest=hashlib.sha256(secret.encode()).digest(),
        user_id=await _owner(context, actor, account),
        created_at=now,
        created_by=actor.name,
        expires_at=expires_at,
        revoked_at=None,
        version=1,
    )
    holder = f"token:{name}"
    given = [
        RoleGrantRow(context.ledger.new_id(), holder, grant.role, grant.scope)
        for grant in dict.fromkeys(grants)
    ]
    detail = {
        "grants": [f"{grant.role} {grant.scope}" for grant in grants],
        "expires_at": expires_at.isoformat() if expires_at else None,
        "account": account,
    }
    taken = Conflict(f"there is or was a token {name} already; choose another name")
    change = Change(
        inserted=[row, *given],
        absent=[Absent(ApiTokenRow, "name", name, taken)],
        events=[Event(EventKind.TOKEN_CREATED, now, actor.name, actor.source, holder, detail)],
        revision=context.snapshot.revision,
        configures=True,
    )
    if account != actor.account or not account:
        change.join(await permission(context, actor, _program(name, grants, account)))
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return NewToken(row, secret)


def _program(name: str, grants: tuple[Grant, ...], account: str) -> Act:
    """A program gets roles, like anybody."""
    told = sorted(f"{grant.role} {grant.scope}" for grant in grants)
    arguments = {"act": "token", "name": name, "grants": told, "account": account}
    return Act(Kind.CHANGE_ROLES, Verb.MANAGE_ACCESS, (Subject(),), arguments)


def _check(snapshot: Snapshot, name: str, grants: tuple[Grant, ...]) -> None:
    if not NAME.fullmatch(name):
        raise Malformed(f"{name[:100]!r} is no token name: 1 to 100 letters, digits and ._-")
    if not 1 <= len(grants) <= GRANTS_MAX:
        raise Malformed(f"a token has 1 to {GRANTS_MAX} roles, not {len(grants)}")
    for grant in grants:
        check_scope(snapshot, grant.scope)


def check_scope(snapshot: Snapshot, scope: str) -> None:
    """Is there what this scope names? Raises Malformed, NotFound."""
    kind, _, name = scope.partition(":")
    if scope == EVERYTHING:
        return
    if kind == "authority":
        snapshot.authority(name)
    elif kind == "profile":
        snapshot.profile(name)
    elif kind == "endpoint":
        protocol, _, label = name.partition("/")
        snapshot.endpoint(protocol, label)
    elif kind == "team":
        snapshot.team(name)
    elif kind == "tag":
        check_tag(name)
    else:
        text = "a scope is *, authority:NAME, profile:NAME, endpoint:PROTOCOL/NAME, team:NAME or tag:WORD"
        raise Malformed(f"{text}, not {scope[:80]!r}")


async def revoke_token(context: Context, actor: Actor, name: str) -> ApiTokenRow:
    """Make a token worthless at once, everywhere; people do so with their own. Raises Forbidden, NotFound,
    Conflict when it is already."""
    rows = await context.database.select(ApiTokenRow, '"name" = ?', name)
    own = [row.id for row in rows if actor.account and await _whose(context.database, row) == actor.account]
    if not own:
        require(actor, Verb.MANAGE_ACCESS, Subject())
    if not rows:
        raise NotFound(f"there is no token {name[:100]!r}")
    row, now = rows[0], context.clock()
    if row.revoked_at is not None:
        raise Conflict(f"token {name} is revoked since {row.revoked_at:%Y-%m-%d %H:%M} UTC already")
    after = row._replace(revoked_at=now)
    event = Event(EventKind.TOKEN_REVOKED, now, actor.name, actor.source, f"token:{name}", {})
    await context.ledger.commit(Change(replaced=[(row, after)], events=[event], configures=True))
    await context.snapshots.refresh()
    return after


async def _whose(database: Database, row: ApiTokenRow) -> str:
    if row.user_id is None:
        return ""
    [account] = await database.select(UserAccountRow, '"id" = ?', row.user_id)
    return account.name


async def list_tokens(database: Database, actor: Actor) -> list[ListedToken]:
    """Every token, revoked ones too, by name. Raises Forbidden."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return await _listed(database, await database.select(ApiTokenRow, '1 = 1 ORDER BY "name"'))


async def list_tokens_of(database: Database, actor: Actor, account: str) -> list[ListedToken]:
    """Those of an account, revoked ones too; one's own, or any by whoever manages access. Raises Forbidden,
    NotFound."""
    if account != actor.account:
        require(actor, Verb.MANAGE_ACCESS, Subject())
    user = await find_user(database, account)
    return await _listed(
        database, await database.select(ApiTokenRow, '"user_id" = ? ORDER BY "name"', user.id)
    )


async def _listed(database: Database, rows: list[ApiTokenRow]) -> list[ListedToken]:
    grants: dict[str, list[Grant]] = {}
    for given in await database.select(RoleGrantRow, """ "holder" LIKE 'token:%' ORDER BY "id" """):
        grants.setdefault(given.holder, []).append(Grant(Role(given.role), given.scope))
    names = await database.query('SELECT "id", "name" FROM "user_account"')
    accounts: dict[int | None, str] = dict(names)
    uses = await uses_of(database, rows)
    return [
        ListedToken(
            row,
            tuple(grants.get(f"token:{row.name}", ())),
            accounts.get(row.user_id, ""),
            uses.get(row.id),
        )
        for row in rows
    ]
