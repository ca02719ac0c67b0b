"""External account keys and accounts of ACME endpoints."""

from django.http import HttpRequest
from ninja import Path, Query, Router

from ..core.access import Actor
from ..operations.context import Context
from ..operations.external_account_keys import (
    create_account_key,
    list_account_keys,
    revoke_account_key,
)
from ..operations.manage_acme_accounts import account_documents, list_accounts, revoke_account
from ..store.rows import AcmeExternalAccountKeyRow
from . import schemas
from .paging import read_cursor, write_cursor
from .web import Document, require_known_parameters, run

router = Router()


# -- external account keys -----------------------------------------------------------------------

KEYS = "/endpoints/acme/{endpoint}/external-account-keys"


@router.get(
    KEYS,
    response=schemas.AccountKeyList,
    tags=["external account keys"],
    operation_id="list_external_account_keys",
)
def list_keys(request: HttpRequest, endpoint: str) -> Document:
    """List the external account keys of an ACME endpoint; never the keys themselves."""

    async def act(context: Context, actor: Actor) -> list[AcmeExternalAccountKeyRow]:
        return await list_account_keys(context.database, context.snapshot, actor, endpoint)

    return {"external_account_keys": [_key(row) for row in run(request, act)]}


@router.post(
    KEYS,
    response={201: schemas.NewAccountKey},
    tags=["external account keys"],
    operation_id="create_external_account_key",
)
def create_key(request: HttpRequest, endpoint: str, body: schemas.AccountKeyBody) -> Document:
    """Make a key with which one ACME account can be bound (RFC 8555 section 7.3.4)."""
    made = run(
        request,
        lambda context, actor: create_account_key(context, actor, endpoint, body.name, body.expires_at),
    )
    return _key(made.row) | {"key": made.key}


@router.delete(
    "/external-account-keys/{name}",
    response=schemas.AccountKey,
    tags=["external account keys"],
    operation_id="revoke_external_account_key",
)
def revoke_key(request: HttpRequest, name: Path[schemas.Name]) -> Document:
    """Let a key bind no account any more; one that it has bound goes on."""
    return _key(run(request, lambda context, actor: revoke_account_key(context, actor, name)))


def _key(row: AcmeExternalAccountKeyRow) -> Document:
    return {
        "name": row.name,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "account": str(row.account) if row.account is not None else None,
    }


# -- accounts ------------------------------------------------------------------------------------

ACCOUNTS = "/endpoints/acme/{endpoint}/accounts"


@router.get(ACCOUNTS, response=schemas.AcmeAccountList, tags=["accounts"], operation_id="list_acme_accounts")
def list_all(request: HttpRequest, endpoint: str, wanted: Query[schemas.PageQuery]) -> Document:
    """List the accounts that clients have made at an ACME endpoint, the newest first."""
    require_known_parameters(request, schemas.PageQuery)
    before = read_cursor(wanted.after, by_time=False)[1] if wanted.after else None

    async def act(context: Context, actor: Actor) -> Document:
        database, snapshot = context.database, context.snapshot
        rows = await list_accounts(database, snapshot, actor, endpoint, wanted.limit + 1, before)
        page = rows[: wanted.limit]
        return {
            "accounts": await account_documents(database, page),
            "next": write_cursor((None, page[-1].id)) if len(rows) > len(page) else None,
        }

    return run(request, act)


@router.delete(
    ACCOUNTS + "/{account}",
    response=schemas.AcmeAccount,
    tags=["accounts"],
    operation_id="revoke_acme_account",
)
def revoke_one(request: HttpRequest, endpoint: str, account: str) -> Document:
    """Take away an account's rights for good; its certificates stay as they are."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await revoke_account(context, actor, endpoint, account)
        (document,) = await account_documents(context.database, [row])
        return document

    return run(request, act)
