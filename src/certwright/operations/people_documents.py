"""Accounts and teams as documents of plain values, the same for REST and for the command line."""

from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..store.databases import Database
from ..store.people_rows import TeamRow, UserAccountRow
from ..store.snapshot import Snapshot
from .manage_users import list_users

Document = dict[str, Any]


def team_documents(snapshot: Snapshot, actor: Actor) -> list[Document]:
    """Every team with its members, by name. Raises Forbidden."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    rows = sorted(snapshot.teams.values(), key=lambda row: row.name)
    return [team_document(snapshot, row) for row in rows]


def team_document(snapshot: Snapshot, row: TeamRow) -> Document:
    members = sorted(user for user, teams in snapshot.teams_of.items() if row.name in teams)
    return {
        "name": row.name,
        "description": row.description,
        "email": row.email,
        "created_at": row.created_at.isoformat(),
        "members": members,
    }


async def user_documents(database: Database, snapshot: Snapshot, actor: Actor) -> list[Document]:
    """Every account, by name. Raises Forbidden."""
    return [user_document(snapshot, row) for row in await list_users(database, actor)]


def user_document(snapshot: Snapshot, row: UserAccountRow) -> Document:
    """Never the password, nor its hash."""
    moments = {"created_at": row.created_at, "last_login_at": row.last_login_at}
    moments |= {"disabled_at": row.disabled_at, "password_expires_at": row.password_expires_at}
    told = {name: at.isoformat() if at else None for name, at in moments.items()}
    return {
        "name": row.name,
        "display_name": row.display_name,
        "email": row.email,
        "service": row.service,
        "origin": row.origin,
        "teams": list(snapshot.teams_of.get(row.name, ())),
        **told,
    }
