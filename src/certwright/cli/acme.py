"""`certwright acme key`: keys of external account binding."""

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
app = group("ACME.")
keys = group("Keys that bind an ACME account to somebody (external account binding).")
app.add_typer(keys, name="key")

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
