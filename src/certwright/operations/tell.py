"""Tell people: a notice for each, put into the very change that it tells of. A worker mails them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.access import Role, Subject, covers
from ..store.ledger import Change
from ..store.people_rows import CertificateRequestRow, NoticeRow
from ..store.snapshot import Snapshot
from .context import Context

HOUR = timedelta(hours=1)
PEOPLE_MAX = 200
"""How many accounts are told of one thing."""
TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Crowd:
    """Things of one kind that strangers can make many of: within an hour one reader is told of so many one
    by one, with the last in these words that more may be there. `links` is how their links begin."""

    hourly: int
    links: str
    text: str
    link: str


async def tell(
    context: Context,
    change: Change,
    holders: Iterable[str],
    text: str,
    link: str,
    but: Collection[str] = (),
    crowd: Crowd | None = None,
) -> int:
    """Add a notice for each account among the holders (`user:NAME`, or `team:NAME` for its members) that
    is in use and a person's, but those of `but`; how many they are. A team with a mail address gets one for
    that. Raises Unavailable."""
    holders = list(holders)
    people = people_of(context.snapshot, holders) - set(but)
    return await add_notices(context, change, people, teams_of(holders), text, link, PEOPLE_MAX, crowd)


async def add_notices(
    context: Context,
    change: Change,
    people: Collection[str],
    teams: Collection[str],
    text: str,
    link: str,
    most: int | None = None,
    crowd: Crowd | None = None,
) -> int:
    """For accounts, the first `most` of them, and for the mail addresses of teams. Raises Unavailable."""
    now, known = context.clock(), context.snapshot.teams
    accounts = (await _in_use(context, sorted(people)))[:most]
    with_mail = [name for name in sorted(teams) if name in known and known[name].email]
    pairs = [*((name, "") for name in accounts), *(("", name) for name in with_mail)]
    notices = [
        NoticeRow(context.ledger.new_id(), account, team, text, link, now, None, now, 0, None, 1)
        for account, team in pairs
    ]
    if crowd is not None:
        notices = await _in_a_crowd(context, notices, crowd)
    change.inserted += notices
    return len(notices)


async def _in_a_crowd(context: Context, notices: list[NoticeRow], crowd: Crowd) -> list[NoticeRow]:
    """Those that are not too many for their reader; two at the same instant may be one too many."""
    found = await context.database.query(
        'SELECT "account", "team", count(*) FROM "notice" WHERE "created_at" > ? AND "link" LIKE ? '
        'GROUP BY "account", "team"',
        context.clock() - HOUR,
        f"{crowd.links}%",
    )
    told = {(account, team): count for account, team, count in found}
    left = [(one, crowd.hourly - told.get((one.account, one.team), 0)) for one in notices]
    return [
        one._replace(text=crowd.text, link=crowd.link) if room == 1 else one for one, room in left if room > 0
    ]


def teams_of(holders: Iterable[str]) -> set[str]:
    """Names of the teams among them."""
    return {name for kind, _, name in (one.partition(":") for one in holders) if kind == "team"}


def people_of(snapshot: Snapshot, holders: Iterable[str]) -> set[str]:
    """Names of accounts: those of `user:NAME`, and the members of `team:NAME`."""
    holders = list(holders)
    teams = teams_of(holders)
    members = {user for user, of in snapshot.teams_of.items() if not teams.isdisjoint(of)}
    users = {name for kind, _, name in (one.partition(":") for one in holders) if kind == "user"}
    return (members | users) - {""}


async def _in_use(context: Context, names: list[str]) -> list[str]:
    """Those that are people's and not disabled."""
    found: list[str] = []
    for start in range(0, len(names), TOGETHER):
        some = names[start : start + TOGETHER]
        rows = await context.database.query(
            'SELECT "name" FROM "user_account" WHERE "disabled_at" IS NULL AND NOT "service" '
            f'AND "name" IN ({",".join("?" * len(some))}) ORDER BY "name"',
            *some,
        )
        found += [name for (name,) in rows]
    return found


def deciders(
    snapshot: Snapshot, row: CertificateRequestRow, approvers: Iterable[str], now: datetime
) -> list[str]:
    """Who may decide on a step of a request with these approvers, as holders: whom it names, who has a role
    it names, and their deputies of this moment."""
    subject = Subject(row.authority, row.profile, row.endpoint, row.team, row.owner)
    found: list[str] = []
    for approver in approvers:
        kind, _, name = approver.partition(":")
        found += _with_role(snapshot, Role(name), subject) if kind == "role" else [approver]
    people = people_of(snapshot, found)
    deputies = [
        f"user:{one.deputy}"
        for one in snapshot.delegations
        if one.user in people and one.begins_at <= now < one.ends_at
    ]
    return [*found, *deputies]


def _with_role(snapshot: Snapshot, role: Role, subject: Subject) -> list[str]:
    """Accounts and teams that have it within a scope that covers the subject; tokens are nobody to tell."""
    if role is Role.OWNER:
        return [f"user:{subject.owner}"] if subject.owner else []
    return [
        holder
        for holder, grants in sorted(snapshot.grants.items())
        if holder.startswith(("user:", "team:"))
        and any(one.role is role and covers(one.scope, subject) for one in grants)
    ]
