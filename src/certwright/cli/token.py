"""`certwright token`: bearer tokens of the REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_duration
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor, Grant, Role
    from ..operations.context import Context
    from ..operations.manage_tokens import ListedToken
    from .wiring import Reading

Document = dict[str, Any]
app = group("Bearer tokens of the REST API.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the token, as the audit has it.")]


ROLES = """\b
What a role may do:
  administrator     everything, giving access to others included
  security-officer  manage authorities, profiles and endpoints, publish, revoke, read the audit log
  ra-officer        issue, renew and revoke certificates
  operator          renew certificates, publish status data
  requester         ask for certificates, renew them
  auditor           look at everything, the audit log included
Every role may look at what its scope covers."""


@app.command(epilog=ROLES)
@anywhere
def create(
    session: Session,
    name: Name,
    role: Annotated[
        list[str],
        typer.Option(
            "--role",
            metavar="ROLE",
            help="administrator, security-officer, ra-officer, operator, requester or auditor.",
        ),
    ],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="Within authority:NAME, profile:NAME or endpoint:PROTOCOL/NAME. Default: everywhere.",
        ),
    ] = None,
    expires: Annotated[str, typer.Option("--expires", metavar="90d", help="Dies after this time.")] = "",
    account: Annotated[
        str, typer.Option("--account", metavar="NAME", help="Of a service, with which it dies.")
    ] = "",
) -> None:
    """Make a token; its secret is shown once."""
    from ..core.access import EVERYTHING, Grant
    from ..operations.manage_tokens import ListedToken, create_token
    from .remote import end_of

    grants = tuple(Grant(_role(one), within) for one in role for within in scope or [EVERYTHING])
    life = parse_duration("expires", expires) if expires else None

    async def act(context: Context, actor: Actor) -> Document:
        end = context.clock() + life if life else None
        made = await create_token(context, actor, name, grants, end, account)
        return _document(ListedToken(made.row, grants, account)) | {"secret": made.secret}

    body: Document = {"name": name, "grants": _grants(grants)}
    body |= ({"expires_at": end_of(life)} if life else {}) | ({"account": account} if account else {})
    document = session.run(act, lambda remote: remote.post("/tokens", body))
    session.output.show(document, document["secret"])


def _role(text: str) -> Role:
    from ..core.access import GIVEN_ROLES, Role
    from ..core.errors import Malformed

    if text not in GIVEN_ROLES:
        raise Malformed(f"there is no role {text[:40]!r}; known are {', '.join(GIVEN_ROLES)}")
    return Role(text)


@app.command("list")
@anywhere
def list_all(session: Session) -> None:
    """List the tokens; never their secrets."""
    from ..operations.manage_tokens import list_tokens

    async def act(reading: Reading) -> list[Document]:
        return list(map(_document, await list_tokens(reading.database, reading.actor)))

    found = session.read(act, lambda remote: list(remote.rows("/tokens", "tokens")))
    rows = [
        (
            one["name"],
            one["account"],
            "revoked" if one["revoked_at"] else "good",
            (one["expires_at"] or "")[:16].replace("T", " "),
            (one["used_at"] or "never")[:16].replace("T", " "),
            ", ".join(f"{grant['role']} within {grant['scope']}" for grant in one["grants"]),
        )
        for one in found
    ]
    session.output.show(
        {"tokens": found}, columns(("NAME", "ACCOUNT", "STATUS", "UNTIL", "USED", "ROLES"), rows)
    )


@app.command()
@anywhere
def revoke(session: Session, name: Name) -> None:
    """Make a token worthless at once."""
    from ..operations.manage_tokens import list_tokens, revoke_token
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        await revoke_token(context, actor, name)
        [gone] = [one for one in await list_tokens(context.database, actor) if one.row.name == name]
        return _document(gone)

    document = session.run(act, lambda remote: remote.delete(path_of("tokens", name)))
    session.output.show(document, f"Revoked token {name}")


def _document(token: ListedToken) -> Document:
    row = token.row
    return {
        "name": row.name,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "used_at": token.used_at.isoformat() if token.used_at else None,
        "account": token.account,
        "grants": _grants(token.grants),
    }


def _grants(grants: tuple[Grant, ...]) -> list[Document]:
    return [{"role": grant.role.value, "scope": grant.scope} for grant in grants]
