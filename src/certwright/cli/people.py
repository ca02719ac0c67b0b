"""`certwright user` and `certwright team`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, Session, anywhere, begin, group
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .wiring import Reading

Document = dict[str, Any]
users = group("Accounts of people and services.")
teams = group("Teams, which answer for certificates together.")
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Name of the account.")]
Team = Annotated[str, typer.Argument(metavar="TEAM", help="Name of the team.")]
ORIGIN = "Who vouches, in place of a password here: ldap, oidc:NAME, saml:NAME."
EXTERNAL_ID = "Whom they mean: the provider's subject, the directory's id_attribute."
Email = Annotated[str, typer.Option("--email", metavar="ADDRESS", help="Mail address.")]
Display = Annotated[str, typer.Option("--display-name", metavar="TEXT", help="What the person is called.")]
Description = Annotated[str, typer.Option("--description", metavar="TEXT", help="What the team is for.")]


# -- accounts ------------------------------------------------------------------------------------


@users.command("list")
@anywhere
def list_users(session: Session) -> None:
    """List the accounts."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.people_documents import user_documents

        return await user_documents(reading.database, reading.snapshot, reading.actor)

    found = session.read(act, lambda remote: list(remote.rows("/users", "users")))
    heads = ("NAME", "STATUS", "KIND", "TEAMS", "MAIL", "CALLED")
    rows = [
        (
            one["name"],
            "disabled" if one["disabled_at"] else "in use",
            "service" if one["service"] else one["origin"],
            ", ".join(one["teams"]),
            one["email"],
            one["display_name"],
        )
        for one in found
    ]
    session.output.show({"users": found}, columns(heads, rows))


@users.command("create")
@anywhere
def create_user(
    session: Session,
    account: Account,
    display_name: Display = "",
    email: Email = "",
    service: Annotated[bool, typer.Option("--service", help="It has tokens and never logs in.")] = False,
    origin: Annotated[str, typer.Option("--origin", metavar="SOURCE", help=ORIGIN)] = "local",
    external_id: Annotated[str, typer.Option("--external-id", metavar="ID", help=EXTERNAL_ID)] = "",
) -> None:
    """Make an account; a person's one-time password is shown once."""

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.first_passwords import create_with_password
        from ..operations.manage_users import NewUser
        from ..operations.people_documents import user_document

        new = NewUser(account, display_name, email, service=service, origin=origin, external_id=external_id)
        made = await create_with_password(context, actor, new)
        return user_document(context.snapshot, made.row) | {"password": made.password or None}

    body = {"name": account, "display_name": display_name, "email": email, "service": service}
    body |= {"origin": origin, "external_id": external_id}
    made = session.run(act, lambda remote: remote.post("/users", body))
    session.output.show(made, made["password"] or f"Made account {account}")


@users.command("change")
@anywhere
def change_user(session: Session, account: Account, display_name: Display = "", email: Email = "") -> None:
    """Change what an account is called, and where its mail goes; what is left out becomes empty."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.manage_users import change_user
        from ..operations.people_documents import user_document

        row = await change_user(context, actor, account, display_name, email)
        return user_document(context.snapshot, row)

    body = {"display_name": display_name, "email": email}
    changed = session.run(act, lambda remote: remote.put(path_of("users", account), body))
    session.output.show(changed, f"Changed account {account}")


@users.command("disable")
@anywhere
def disable_user(
    session: Session,
    account: Account,
    owner: Annotated[
        str, typer.Option("--owner", metavar="ACCOUNT", help="Who gets what it answers for.")
    ] = "",
    team: Annotated[str, typer.Option("--team", metavar="TEAM", help="Team that gets it.")] = "",
) -> None:
    """End an account's sessions and tokens at once.

    Where a successor is named, the worker hands over what it answers for.
    """
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.manage_users import disable_user
        from ..operations.people_documents import user_document

        done = await disable_user(context, actor, account, owner, team)
        return user_document(context.snapshot, done.row) | {"certificates": done.certificates}

    body = {key: value for key, value in (("owner", owner), ("team", team)) if value}
    done = session.run(act, lambda remote: remote.post(path_of("users", account, "disable"), body))
    handed = "the worker hands them over" if body else "see `certwright owner hand-over`"
    told = f"Disabled account {account}; it leaves {done['certificates']} certificates"
    session.output.show(done, f"{told}, {handed}" if done["certificates"] else told)


@users.command("enable")
@anywhere
def enable_user(session: Session, account: Account) -> None:
    """Enable a disabled account again."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.manage_users import enable_user
        from ..operations.people_documents import user_document

        return user_document(context.snapshot, await enable_user(context, actor, account))

    done = session.run(act, lambda remote: remote.post(path_of("users", account, "enable")))
    session.output.show(done, f"Enabled account {account}")


@users.command("reset-password")
@anywhere
def reset(session: Session, account: Account) -> None:
    """Make a one-time password; it is shown once, and good for a day."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.first_passwords import reset_password
        from ..operations.people_documents import user_document

        made = await reset_password(context, actor, account)
        return user_document(context.snapshot, made.row) | {"password": made.password}

    made = session.run(act, lambda remote: remote.post(path_of("users", account, "password")))
    session.output.show(made, made["password"])


@users.command("remove-factors")
def factors(context: typer.Context, account: Account, home: Home = None, as_json: Json = False) -> None:
    """Take authenticator, passkeys and recovery codes from who has lost them; all sessions end."""
    session = begin(context, home, as_json)

    async def act(there: Context, actor: Actor) -> Document:
        from ..operations.manage_users import remove_factors
        from ..operations.people_documents import user_document

        return user_document(there.snapshot, await remove_factors(there, actor, account))

    session.output.show(session.run(act), f"Account {account} has no second factor any more")


# -- teams ---------------------------------------------------------------------------------------


@teams.command("list")
@anywhere
def list_teams(session: Session) -> None:
    """List the teams and who is in them."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.people_documents import team_documents

        return team_documents(reading.snapshot, reading.actor)

    found = session.read(act, lambda remote: list(remote.rows("/teams", "teams")))
    rows = [(one["name"], ", ".join(one["members"]), one["email"], one["description"]) for one in found]
    session.output.show({"teams": found}, columns(("NAME", "MEMBERS", "MAIL", "DESCRIPTION"), rows))


@teams.command("create")
@anywhere
def create_team(session: Session, team: Team, description: Description = "", email: Email = "") -> None:
    """Make a team."""

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.manage_teams import create_team
        from ..operations.people_documents import team_document

        return team_document(context.snapshot, await create_team(context, actor, team, description, email))

    body = {"name": team, "description": description, "email": email}
    made = session.run(act, lambda remote: remote.post("/teams", body))
    session.output.show(made, f"Made team {team}")


@teams.command("change")
@anywhere
def change_team(session: Session, team: Team, description: Description = "", email: Email = "") -> None:
    """Change a team's description and mail address; what is left out becomes empty."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.manage_teams import change_team
        from ..operations.people_documents import team_document

        return team_document(context.snapshot, await change_team(context, actor, team, description, email))

    body = {"description": description, "email": email}
    changed = session.run(act, lambda remote: remote.put(path_of("teams", team), body))
    session.output.show(changed, f"Changed team {team}")


@teams.command()
@anywhere
def add(session: Session, team: Team, account: Account) -> None:
    """Put an account in a team; it has the team's roles from now on."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.manage_teams import add_member
        from ..operations.people_documents import team_document

        await add_member(context, actor, team, account)
        return team_document(context.snapshot, context.snapshot.team(team))

    path = ("teams", team, "members", account)
    session.output.show(
        session.run(act, lambda remote: remote.put(path_of(*path), {})), f"{account} is in team {team}"
    )


@teams.command()
@anywhere
def remove(session: Session, team: Team, account: Account) -> None:
    """Take an account out of a team."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.manage_teams import remove_member
        from ..operations.people_documents import team_document

        await remove_member(context, actor, team, account)
        return team_document(context.snapshot, context.snapshot.team(team))

    path = ("teams", team, "members", account)
    session.output.show(
        session.run(act, lambda remote: remote.delete(path_of(*path))), f"{account} is out of team {team}"
    )
