"""Somebody for whom a source vouches (LDAP, an OpenID or SAML provider) comes in: find or make their
account, and give it what their groups give, no more and no less.

The account is the one with that origin and that identifier. A name or a mail address is never a key: whoever
may choose one elsewhere would take over whose it is here. What a source gives is kept apart from what
somebody here has given, so that it goes with the group and nothing else does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core.access import Actor, Grant, Role
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Conflict, Forbidden
from ..core.source_groups import Difference, Gifts, difference, gifts
from ..store.ledger import Change
from ..store.people_rows import RoleGrantRow, TeamMemberRow, UserAccountRow
from .context import Context, decide_again
from .manage_users import DISPLAY_NAME_MAX, MAIL, NewUser, new_account


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a source says of a person: `external_id` is whom it means for ever, the rest may change."""

    external_id: str
    name: str
    display_name: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Who vouches, as accounts name it (`ldap`, `oidc:corporate`); whether it may make accounts; what its
    groups give."""

    origin: str
    create: bool = False
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def actor(self) -> str:
        """As the audit names it."""
        return f"source:{self.origin}"


async def enter_from_source(
    context: Context, source: Source, vouched: Vouched, address: str
) -> UserAccountRow:
    """The account of who has just proved at the source to be this person, with its roles and teams of now.

    Raises Forbidden when there is none and none is made, or when it is disabled, Conflict when another
    account has the name, Malformed for a name that no account can have.
    """
    return await decide_again(context, lambda: _enter(context, source, vouched, address))


async def _enter(context: Context, source: Source, vouched: Vouched, address: str) -> UserAccountRow:
    actor = Actor(source.actor, source=address)
    row = await _known(context, source, vouched)
    change = Change(revision=context.snapshot.revision, configures=True)
    if row is None:
        row, made = await _made(context, source, vouched, actor)
        change.join(made)
    await _follow_groups(context, actor, source.origin, row, gifts(source.groups, vouched.groups), change)
    if change.events:
        await context.ledger.commit(change)
        await context.snapshots.refresh()
    return row


async def _known(context: Context, source: Source, vouched: Vouched) -> UserAccountRow | None:
    rows = await context.database.select(
        UserAccountRow, '"origin" = ? AND "external_id" = ?', source.origin, vouched.external_id
    )
    if rows and rows[0].disabled_at is not None:
        raise Forbidden(f"the account {rows[0].name} is disabled; ask an administrator")
    return rows[0] if rows else None


async def _made(
    context: Context, source: Source, vouched: Vouched, actor: Actor
) -> tuple[UserAccountRow, Change]:
    name = vouched.name.lower()
    if await context.database.query('SELECT 1 FROM "user_account" WHERE "name" = ?', name):
        text = f"there is an account {name} already, which is not the one {source.origin} means"
        raise Conflict(f"{text}; an administrator must sort out whose it is")
    if not source.create:
        raise Forbidden(f"{source.origin} vouches for {name}, who has no account here; ask an administrator")
    email = vouched.email if MAIL.fullmatch(vouched.email) else ""
    display_name = vouched.display_name[:DISPLAY_NAME_MAX] if vouched.display_name.isprintable() else ""
    return new_account(
        context,
        actor,
        NewUser(name, display_name, email, origin=source.origin, external_id=vouched.external_id),
    )


async def _follow_groups(
    context: Context, actor: Actor, origin: str, row: UserAccountRow, wanted: Gifts, change: Change
) -> None:
    """Into `change`: what this origin has not given yet, and what it gives no more."""
    holder = f"user:{row.name}"
    held = await context.database.select(RoleGrantRow, '"holder" = ? AND "origin" = ?', holder, origin)
    grants = {Grant(Role(one.role), one.scope): one for one in held}
    members = await context.database.select(TeamMemberRow, '"user_id" = ? AND "origin" = ?', row.id, origin)
    names = {team.id: name for name, team in context.snapshot.teams.items()}
    teams = {names[one.team_id]: one for one in members if one.team_id in names}
    roles = difference(grants, wanted.grants)
    joined = difference(teams, wanted.teams & set(context.snapshot.teams))
    change.inserted += [
        RoleGrantRow(context.ledger.new_id(), holder, grant.role, grant.scope, origin)
        for grant in roles.given
    ]
    change.inserted += [
        TeamMemberRow(context.ledger.new_id(), context.snapshot.team(team).id, row.id, origin)
        for team in joined.given
    ]
    change.removed += [*(grants[grant] for grant in roles.taken), *(teams[team] for team in joined.taken)]
    change.events += _events(context, actor, row.name, origin, roles, joined)


def _events(
    context: Context,
    actor: Actor,
    user: str,
    origin: str,
    roles: Difference[Grant],
    teams: Difference[str],
) -> list[Event]:
    now = context.clock()

    def event(kind: EventKind, subject: str, detail: dict[str, JsonValue]) -> Event:
        return Event(kind, now, actor.name, actor.source, subject, detail | {"origin": origin})

    def role(kind: EventKind, grant: Grant) -> Event:
        return event(kind, f"user:{user}", {"role": grant.role.value, "scope": grant.scope})

    return [
        *(role(EventKind.GRANT_GIVEN, grant) for grant in roles.given),
        *(role(EventKind.GRANT_WITHDRAWN, grant) for grant in roles.taken),
        *(event(EventKind.TEAM_MEMBER_ADDED, f"team:{team}", {"user": user}) for team in teams.given),
        *(event(EventKind.TEAM_MEMBER_REMOVED, f"team:{team}", {"user": user}) for team in teams.taken),
    ]
