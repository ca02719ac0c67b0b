"""Teams: made, changed, and who is in them. Roles given to a team are its members'."""

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Conflict, Malformed, NotFound
from ..core.people_names import check_team_name
from ..core.second_person import Act, Kind
from ..store.databases import Database
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.people_rows import LOCAL, TeamMemberRow, TeamRow
from .context import Context, decide_again
from .manage_users import MAIL, find_user
from .second_person import permission

DESCRIPTION_MAX = 1000


async def create_team(
    context: Context, actor: Actor, name: str, description: str = "", email: str = ""
) -> TeamRow:
    """Raises Forbidden, Malformed, Conflict for a name in use."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    check_team_name(name)
    _check(description, email)
    now = context.clock()
    row = TeamRow(context.ledger.new_id(), name, description, email, now, 1)
    taken = Conflict(f"there is a team {name} already; choose another name")
    change = Change(inserted=[row], absent=[Absent(TeamRow, "name", name, taken)])
    return await _commit(context, actor, row, change, EventKind.TEAM_CREATED, {"description": description})


async def change_team(context: Context, actor: Actor, name: str, description: str, email: str) -> TeamRow:
    """Raises Forbidden, Malformed, NotFound, Moved."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    _check(description, email)
    row = context.snapshot.team(name)
    after = row._replace(description=description, email=email)
    detail: dict[str, JsonValue] = {"description": description, "email": email}
    change = Change(replaced=[(row, after)])
    return await _commit(context, actor, after, change, EventKind.TEAM_CHANGED, detail)


async def add_member(context: Context, actor: Actor, team: str, user: str) -> None:
    """Raises Forbidden, NotFound, Conflict when they are in it already, SecondPersonNeeded."""
    require(actor, Verb.MANAGE_ACCESS, Subject())

    async def add() -> None:
        row, account = context.snapshot.team(team), await find_user(context.database, user)
        if any(member.origin == LOCAL for member in await _memberships(context.database, row.id, account.id)):
            raise Conflict(f"{user} is in team {team} already")
        member = TeamMemberRow(context.ledger.new_id(), row.id, account.id)
        change = Change(inserted=[member], revision=context.snapshot.revision)
        change.join(await _permission(context, actor, "add", team, user))
        await _commit(context, actor, row, change, EventKind.TEAM_MEMBER_ADDED, {"user": user})

    await decide_again(context, add)


async def remove_member(context: Context, actor: Actor, team: str, user: str) -> None:
    """One whose source puts them there is back at their next log-in. Raises Forbidden, NotFound,
    SecondPersonNeeded."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    await decide_again(context, lambda: _remove_member(context, actor, team, user))


async def _remove_member(context: Context, actor: Actor, team: str, user: str) -> None:
    row, account = context.snapshot.team(team), await find_user(context.database, user)
    members = await _memberships(context.database, row.id, account.id)
    if not members:
        raise NotFound(f"{user} is not in team {team}")
    change = Change(removed=[*members])
    change.join(await _permission(context, actor, "remove", team, user))
    await _commit(context, actor, row, change, EventKind.TEAM_MEMBER_REMOVED, {"user": user})


async def _permission(context: Context, actor: Actor, act: str, team: str, user: str) -> Change:
    """Who comes into a team, or leaves it, has other roles, and rules may name it as an approver. Raises
    SecondPersonNeeded."""
    grants = context.snapshot.grants.get(f"team:{team}", ())
    told = sorted(f"{grant.role} {grant.scope}" for grant in grants)
    arguments = {"act": act, "team": team, "user": user, "grants": told}
    change = Act(Kind.CHANGE_ROLES, Verb.MANAGE_ACCESS, (Subject(),), arguments)
    return await permission(context, actor, change)


async def _memberships(database: Database, team: int, user: int) -> list[TeamMemberRow]:
    """One that somebody here has given, and one from where they log in, as far as there are."""
    return await database.select(TeamMemberRow, '"team_id" = ? AND "user_id" = ?', team, user)


async def list_teams(context: Context, actor: Actor) -> list[TeamRow]:
    """Every team, by name. Raises Forbidden."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    return [row for _, row in sorted(context.snapshot.teams.items())]


async def read_team(context: Context, actor: Actor, name: str) -> tuple[TeamRow, list[str]]:
    """A team and the names of the accounts in it. Raises Forbidden, NotFound."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    row = context.snapshot.team(name)
    return row, await members_of(context.database, row)


async def members_of(database: Database, team: TeamRow) -> list[str]:
    """Names of the accounts in it."""
    rows = await database.query(
        'SELECT DISTINCT u."name" FROM "team_member" m JOIN "user_account" u ON u."id" = m."user_id" '
        'WHERE m."team_id" = ? ORDER BY u."name"',
        team.id,
    )
    return [name for (name,) in rows]


async def _commit(
    context: Context,
    actor: Actor,
    row: TeamRow,
    change: Change,
    kind: EventKind,
    detail: dict[str, JsonValue],
) -> TeamRow:
    event = Event(kind, context.clock(), actor.name, actor.source, f"team:{row.name}", detail)
    change.events.append(event)
    change.configures = True
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return row


def _check(description: str, email: str) -> None:
    if len(description) > DESCRIPTION_MAX:
        raise Malformed(f"a description is at most {DESCRIPTION_MAX} characters")
    if email and not MAIL.fullmatch(email):
        raise Malformed(f"{email[:100]!r} is no mail address")
