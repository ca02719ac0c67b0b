"""`certwright acme`: keys of external account binding, and accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, begin, group, parse_duration
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..operations.external_account_keys import NewAccountKey
    from ..store.rows import AcmeExternalAccountKeyRow
    from .wiring import Reading

Document = dict[str, Any]
THUMBPRINT_SHOWN = 12
app = group("ACME.")
keys = group("Keys that bind an ACME account to somebody (external account binding).")
app.add_typer(keys, name="key")
accounts = group("Accounts that ACME clients have made.")
app.add_typer(accounts, name="account")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The key identifier that the client gives.")]
Endpoint = Annotated[str, typer.Option("--endpoint", metavar="NAME", help="At which ACME endpoint.")]


@keys.command()
def create(
    context: typer.Context,
    name: Name,
    endpoint: Endpoint = "default",
    expires: Annotated[
        str, typer.Option("--expires", metavar="90d", help="Dies after this time, unused.")
    ] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a key for one account to come; its secret is shown once."""
    from ..operations.external_account_keys import create_account_key

    session = begin(context, home, as_json)
    life = parse_duration("expires", expires) if expires else None

    async def act(context: Context, actor: Actor) -> NewAccountKey:
        end = context.clock() + life if life else None
        return await create_account_key(context, actor, endpoint, name, end)

    made = session.run(act)
    told = facts([("key identifier", name), ("MAC key", made.key), ("endpoint", endpoint)])
    use = f"certbot: --eab-kid {name} --eab-hmac-key {made.key}"
    session.output.show(_document(made.row) | {"key": made.key}, f"{told}\n\n{use}")


@keys.command("list")
def list_all(
    context: typer.Context, endpoint: Endpoint = "default", home: Home = None, as_json: Json = False
) -> None:
    """List the keys of an endpoint."""
    from ..operations.external_account_keys import list_account_keys

    session = begin(context, home, as_json)

    async def act(reading: Reading) -> list[Document]:
        rows = await list_account_keys(reading.database, reading.snapshot, reading.actor, endpoint)
        return [_document(row) for row in rows]

    found = session.read(act)
    rows = [
        (
            one["name"],
            "revoked"
            if one["revoked_at"]
            else f"used by account {one['account']}"
            if one["account"]
            else "free",
            (one["expires_at"] or "")[:16].replace("T", " "),
        )
        for one in found
    ]
    session.output.show({"keys": found}, columns(("NAME", "STATUS", "UNTIL"), rows))


@keys.command()
def revoke(context: typer.Context, name: Name, home: Home = None, as_json: Json = False) -> None:
    """Let a key bind no account any more."""
    from ..operations.external_account_keys import revoke_account_key

    session = begin(context, home, as_json)

    async def act(context: Context, actor: Actor) -> Document:
        return _document(await revoke_account_key(context, actor, name))

    session.output.show(session.run(act), f"Revoked external account key {name}")


def _document(row: AcmeExternalAccountKeyRow) -> Document:
    return {
        "name": row.name,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "account": str(row.account) if row.account else None,
    }


@accounts.command("list")
def list_accounts(
    context: typer.Context,
    endpoint: Endpoint = "default",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = 100,
    before: Annotated[
        int | None, typer.Option("--before", metavar="ACCOUNT", help="Only those older than this one.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List the accounts of an endpoint, the newest first."""
    from ..operations.manage_acme_accounts import account_documents, list_accounts

    session = begin(context, home, as_json)

    async def act(reading: Reading) -> list[Document]:
        actor, snapshot = reading.actor, reading.snapshot
        rows = await list_accounts(reading.database, snapshot, actor, endpoint, limit, before)
        return await account_documents(reading.database, rows)

    found = session.read(act)
    rows = [
        (
            one["id"],
            one["status"],
            one["created_at"][:16].replace("T", " "),
            one["thumbprint"][:THUMBPRINT_SHOWN],
            one["external_account_key"] or "",
            ", ".join(one["contacts"]),
        )
        for one in found
    ]
    heads = ("ACCOUNT", "STATUS", "MADE", "THUMBPRINT", "BOUND BY", "CONTACTS")
    session.output.show({"accounts": found}, columns(heads, rows))


@accounts.command("revoke")
def revoke_one(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The last part of the account's URL.")],
    endpoint: Endpoint = "default",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take away an account's rights for good; its certificates stay as they are."""
    from ..operations.manage_acme_accounts import account_documents, revoke_account

    session = begin(context, home, as_json)

    async def act(context: Context, actor: Actor) -> Document:
        row = await revoke_account(context, actor, endpoint, account)
        (document,) = await account_documents(context.database, [row])
        return document

    session.output.show(session.run(act), f"Revoked account {account} of endpoint {endpoint}")
