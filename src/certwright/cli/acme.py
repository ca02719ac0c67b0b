"""`certwright acme`: keys of external account binding, and accounts."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_duration
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..store.rows import AcmeExternalAccountKeyRow
    from .remote import Remote
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
@anywhere
def create(
    session: Session,
    name: Name,
    endpoint: Endpoint = "default",
    expires: Annotated[
        str, typer.Option("--expires", metavar="90d", help="Dies after this time, unused.")
    ] = "",
) -> None:
    """Make a key for one account to come; its secret is shown once."""
    from ..operations.external_account_keys import create_account_key
    from .remote import end_of

    life = parse_duration("expires", expires) if expires else None

    async def act(context: Context, actor: Actor) -> Document:
        end = context.clock() + life if life else None
        made = await create_account_key(context, actor, endpoint, name, end)
        return _document(made.row) | {"key": made.key}

    body = {"name": name} | ({"expires_at": end_of(life)} if life else {})
    document = session.run(act, lambda remote: remote.post(_keys_path(endpoint), body))
    told = facts([("key identifier", name), ("MAC key", document["key"]), ("endpoint", endpoint)])
    use = f"certbot: --eab-kid {name} --eab-hmac-key {document['key']}"
    session.output.show(document, f"{told}\n\n{use}")


def _keys_path(endpoint: str) -> str:
    from .remote import path_of

    return path_of("endpoints", "acme", endpoint, "external-account-keys")


@keys.command("list")
@anywhere
def list_all(session: Session, endpoint: Endpoint = "default") -> None:
    """List the keys of an endpoint."""
    from ..operations.external_account_keys import list_account_keys

    async def act(reading: Reading) -> list[Document]:
        rows = await list_account_keys(reading.database, reading.snapshot, reading.actor, endpoint)
        return [_document(row) for row in rows]

    path = _keys_path(endpoint)
    found = session.read(act, lambda remote: list(remote.rows(path, "external_account_keys")))
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
@anywhere
def revoke(session: Session, name: Name) -> None:
    """Let a key bind no account any more."""
    from ..operations.external_account_keys import revoke_account_key
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        return _document(await revoke_account_key(context, actor, name))

    document = session.run(act, lambda remote: remote.delete(path_of("external-account-keys", name)))
    session.output.show(document, f"Revoked external account key {name}")


def _document(row: AcmeExternalAccountKeyRow) -> Document:
    return {
        "name": row.name,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "account": str(row.account) if row.account else None,
    }


@accounts.command("list")
@anywhere
def list_accounts(
    session: Session,
    endpoint: Endpoint = "default",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = 100,
    before: Annotated[
        int | None, typer.Option("--before", metavar="ACCOUNT", help="Only those older than this one.")
    ] = None,
) -> None:
    """List the accounts of an endpoint, the newest first."""
    from ..operations.manage_acme_accounts import account_documents, list_accounts
    from .remote import path_of

    async def act(reading: Reading) -> list[Document]:
        actor, snapshot = reading.actor, reading.snapshot
        rows = await list_accounts(reading.database, snapshot, actor, endpoint, limit, before)
        return await account_documents(reading.database, rows)

    def there(remote: Remote) -> list[Document]:
        rows = remote.rows(path_of("endpoints", "acme", endpoint, "accounts"), "accounts")
        older = (one for one in rows if before is None or int(one["id"]) < before)
        return list(islice(older, limit))

    found = session.read(act, there)
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
@anywhere
def revoke_one(
    session: Session,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The last part of the account's URL.")],
    endpoint: Endpoint = "default",
) -> None:
    """Take away an account's rights for good; its certificates stay as they are."""
    from ..operations.manage_acme_accounts import account_documents, revoke_account
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        row = await revoke_account(context, actor, endpoint, account)
        (document,) = await account_documents(context.database, [row])
        return document

    path = path_of("endpoints", "acme", endpoint, "accounts", account)
    document = session.run(act, lambda remote: remote.delete(path))
    session.output.show(document, f"Revoked account {account} of endpoint {endpoint}")
