"""What an administrator does with the accounts of ACME clients: list them, revoke one."""

from collections.abc import Sequence

from ..core import orders
from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Conflict
from ..store.databases import Database
from ..store.ledger import Change
from ..store.rows import AcmeAccountRow, AcmeExternalAccountKeyRow
from ..store.snapshot import Endpoint, Snapshot
from . import acme_lookups
from .context import Context


async def list_accounts(
    database: Database, snapshot: Snapshot, actor: Actor, endpoint: str, limit: int, before: int | None = None
) -> list[AcmeAccountRow]:
    """Accounts of an endpoint, the newest first, at most `limit` of those older than the account
    `before`. Raises NotFound, Forbidden."""
    bound = _managed(snapshot, actor, endpoint)
    older, parameters = ('AND "id" < ? ', (before,)) if before is not None else ("", ())
    condition = f'"endpoint_id" = ? {older}ORDER BY "id" DESC LIMIT {int(limit)}'
    return await database.select(AcmeAccountRow, condition, bound.row.id, *parameters)


async def revoke_account(context: Context, actor: Actor, endpoint: str, account: str) -> AcmeAccountRow:
    """Take away an account's rights for good (RFC 8555 section 7.1.6); its certificates stay as they are.

    `account` is the last part of its URL. Raises NotFound, Forbidden, Conflict when it is not valid any more,
    Moved.
    """
    bound = _managed(context.snapshot, actor, endpoint)
    row, now = await acme_lookups.account(context, bound, account), context.clock()
    status = orders.account_status(row.deactivated_at, row.revoked_at)
    if status is not orders.AccountStatus.VALID:
        raise Conflict(f"account {row.id} is {status} already")
    event = Event(
        EventKind.ACME_ACCOUNT_REVOKED,
        now,
        actor.name,
        actor.source,
        f"acme-account:{row.id}",
        {"endpoint": bound.path},
    )
    after = row._replace(revoked_at=now)
    await context.ledger.commit(Change(replaced=[(row, after)], events=[event]))
    return after


async def account_documents(database: Database, rows: Sequence[AcmeAccountRow]) -> list[dict[str, JsonValue]]:
    """Accounts as people and programs are shown them."""
    bound = sorted({row.external_account_key for row in rows if row.external_account_key is not None})
    marks = ", ".join("?" * len(bound))
    keys = await database.select(AcmeExternalAccountKeyRow, f'"id" IN ({marks})', *bound) if bound else []
    names = {key.id: key.name for key in keys}
    return [_document(row, names.get(row.external_account_key or 0)) for row in rows]


def _document(row: AcmeAccountRow, external_account_key: str | None) -> dict[str, JsonValue]:
    return {
        "id": str(row.id),
        "status": orders.account_status(row.deactivated_at, row.revoked_at),
        "contacts": list(acme_lookups.contacts(row)),
        "thumbprint": row.thumbprint,
        "external_account_key": external_account_key,
        "created_at": row.created_at.isoformat(),
    }


def _managed(snapshot: Snapshot, actor: Actor, endpoint: str) -> Endpoint:
    found = snapshot.endpoint("acme", endpoint)
    require(actor, Verb.MANAGE_ENDPOINTS, Subject(authority=found.authority, endpoint=found.path))
    return found
