"""`/tokens`, `/grants` and `/whoami`."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Path, Query, Router

from ..core.access import Actor, Grant
from ..operations.context import Context
from ..operations.grant_role import grant_role
from ..operations.manage_tokens import ListedToken, NewToken, create_token, list_tokens, revoke_token
from ..operations.withdraw_role import list_grants, withdraw_role
from ..store.people_rows import RoleGrantRow
from . import schemas
from .web import Document, actor_of, require_known_parameters, run

router = Router(tags=["access"])


@router.get("/whoami", response=schemas.Whoami)
def whoami(request: HttpRequest) -> Document:
    """Say whose token this is, and what it may."""
    actor = actor_of(request)
    return {"name": actor.name, "grants": [_grant(one) for one in actor.grants]}


def _grant(grant: Grant) -> Document:
    return {"role": grant.role.value, "scope": grant.scope}


# -- tokens --------------------------------------------------------------------------------------


@router.get("/tokens", response=schemas.TokenList, operation_id="list_tokens")
def list_all_tokens(request: HttpRequest) -> Document:
    """List the tokens, revoked ones too; never their secrets."""

    async def act(context: Context, actor: Actor) -> list[ListedToken]:
        return await list_tokens(context.database, actor)

    return {"tokens": list(map(_token, run(request, act)))}


@router.post("/tokens", response={201: schemas.NewToken}, operation_id="create_token")
def make_token(request: HttpRequest, body: schemas.TokenBody) -> Document:
    """Make a token. It can do no more than its maker."""
    grants = tuple(dict.fromkeys(Grant(one.role, one.scope) for one in body.grants))
    account = body.account or ""

    async def act(context: Context, actor: Actor) -> NewToken:
        return await create_token(context, actor, body.name, grants, body.expires_at, account)

    made = run(request, act)
    return _token(ListedToken(made.row, grants, account)) | {"secret": made.secret}


@router.delete("/tokens/{name}", response=schemas.Token, operation_id="revoke_token")
def delete_token(request: HttpRequest, name: Path[schemas.Name]) -> Document:
    """Revoke a token, at once and everywhere. Its name is not given out again."""

    async def act(context: Context, actor: Actor) -> ListedToken:
        await revoke_token(context, actor, name)
        [gone] = [one for one in await list_tokens(context.database, actor) if one.row.name == name]
        return gone

    return _token(run(request, act))


def _token(token: ListedToken) -> Document:
    row = token.row
    return {
        "name": row.name,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        "expires_at": _or_none(row.expires_at),
        "revoked_at": _or_none(row.revoked_at),
        "used_at": _or_none(token.used_at),
        "account": token.account,
        "grants": [_grant(one) for one in token.grants],
    }


def _or_none(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


# -- roles ---------------------------------------------------------------------------------------


@router.get("/grants", response=schemas.GrantList, operation_id="list_grants")
def list_all_grants(request: HttpRequest) -> Document:
    """List who has which role within which scope."""

    async def act(context: Context, actor: Actor) -> list[RoleGrantRow]:
        return await list_grants(context.database, actor)

    return {"grants": [_held_grant(row) for row in run(request, act)]}


@router.post("/grants", response={201: schemas.HeldGrant}, operation_id="grant_role")
def give(request: HttpRequest, body: schemas.HeldGrantBody) -> Document:
    """Give a role within a scope. Nobody can give more than they have."""
    grant = Grant(body.role, body.scope)
    return _held_grant(run(request, lambda context, actor: grant_role(context, actor, body.holder, grant)))


@router.delete("/grants", response=schemas.HeldGrant, operation_id="withdraw_role")
def withdraw(request: HttpRequest, wanted: Query[schemas.GrantQuery]) -> Document:
    """Withdraw a role within a scope."""
    require_known_parameters(request, schemas.GrantQuery)
    grant = Grant(wanted.role, wanted.scope)
    return _held_grant(
        run(request, lambda context, actor: withdraw_role(context, actor, wanted.holder, grant))
    )


def _held_grant(row: RoleGrantRow) -> Document:
    return {"holder": row.holder, "role": str(row.role), "scope": row.scope, "origin": row.origin}
