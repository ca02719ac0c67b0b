"""ACME accounts (RFC 8555 section 7.3): made, changed, given another key, deactivated.

The caller has checked the request's signature and nonce.
"""

import json
from dataclasses import dataclass

from ..core import keys
from ..core.access import Actor, Grant, Role
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Moved
from ..core.keys import PublicKey
from ..store.databases import Duplicate
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.rows import AcmeAccountRow, AcmeExternalAccountKeyRow
from ..store.snapshot import Endpoint
from .acme_request import Signed
from .check_key import check_public_key
from .context import Context
from .issue import not_compromised


@dataclass(frozen=True, slots=True)
class AccountKey:
    """An account's key: its canonical JSON, its RFC 7638 digest, and the key itself."""

    jwk: str
    thumbprint: str
    public_key: PublicKey


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks for an account. `binding_document` is the external account binding as the client sent it."""

    key: AccountKey
    contacts: tuple[str, ...]
    terms_agreed: bool
    binding: AcmeExternalAccountKeyRow | None
    binding_document: str


def account_actor(account: AcmeAccountRow, endpoint: Endpoint, source: str) -> Actor:
    """An account may request at its endpoint, and nothing else."""
    return Actor(f"acme:{account.id}", (Grant(Role.REQUESTER, f"endpoint:{endpoint.path}"),), source)


async def find_account(context: Context, endpoint: Endpoint, thumbprint: str) -> AcmeAccountRow | None:
    rows = await context.database.select(
        AcmeAccountRow, '"endpoint_id" = ? AND "thumbprint" = ?', endpoint.row.id, thumbprint
    )
    return rows[0] if rows else None


async def create_account(
    context: Context, endpoint: Endpoint, applicant: Applicant, signed: Signed
) -> AcmeAccountRow:
    """A new account. Raises Refused for a weak key, Moved when the key has got an account meanwhile, or the
    external account key was used."""
    binding, key, now = applicant.binding, applicant.key, signed.now
    account = AcmeAccountRow(
        id=context.ledger.new_id(),
        endpoint_id=endpoint.row.id,
        thumbprint=key.thumbprint,
        jwk=key.jwk,
        contacts=json.dumps(applicant.contacts),
        terms_agreed_at=now if applicant.terms_agreed else None,
        external_account_key=binding.id if binding else None,
        external_account_binding=applicant.binding_document if binding else "",
        created_at=now,
        deactivated_at=None,
        revoked_at=None,
        version=1,
    )
    detail: dict[str, JsonValue] = {"endpoint": endpoint.path, "contacts": list(applicant.contacts)}
    change = Change(inserted=[account], absent=[_not_weak(context, key)], revision=signed.revision)
    if binding:
        detail["external_account_key"] = binding.name
        change.replaced.append((binding, binding._replace(account=account.id)))
    change.events.append(_event(EventKind.ACME_ACCOUNT_CREATED, account, signed, detail))
    change.join(signed.spent)
    try:
        await context.ledger.commit(change)
    except Duplicate as error:
        raise Moved("another request has made an account with this key") from error
    return account


def _not_weak(context: Context, key: AccountKey) -> Absent:
    """Raises Refused for a weak key; the guard is for one known as compromised."""
    spki = keys.spki(key.public_key)
    check_public_key(context, key.public_key, spki)
    return not_compromised(spki)


async def change_contacts(
    context: Context, account: AcmeAccountRow, contacts: tuple[str, ...], signed: Signed
) -> AcmeAccountRow:
    """Replace the contacts (section 7.3.2). Raises Moved."""
    after = account._replace(contacts=json.dumps(contacts))
    change = _changed(EventKind.ACME_ACCOUNT_CHANGED, account, after, signed, {"contacts": list(contacts)})
    await context.ledger.commit(change)
    return _next(after)


async def change_key(
    context: Context, account: AcmeAccountRow, key: AccountKey, signed: Signed
) -> AcmeAccountRow:
    """Give the account another key (section 7.3.5). Raises Refused for a weak key, Moved, also when the key
    has got an account meanwhile."""
    after = account._replace(jwk=key.jwk, thumbprint=key.thumbprint)
    detail: dict[str, JsonValue] = {"new_thumbprint": key.thumbprint}
    change = _changed(EventKind.ACME_ACCOUNT_KEY_CHANGED, account, after, signed, detail)
    change.absent.append(_not_weak(context, key))
    try:
        await context.ledger.commit(change)
    except Duplicate as error:
        raise Moved("the new key has got an account meanwhile") from error
    return _next(after)


async def deactivate_account(context: Context, account: AcmeAccountRow, signed: Signed) -> AcmeAccountRow:
    """For good (section 7.3.6). Raises Moved."""
    after = account._replace(deactivated_at=signed.now)
    await context.ledger.commit(_changed(EventKind.ACME_ACCOUNT_DEACTIVATED, account, after, signed, {}))
    return _next(after)


def _changed(
    kind: EventKind,
    before: AcmeAccountRow,
    after: AcmeAccountRow,
    signed: Signed,
    detail: dict[str, JsonValue],
) -> Change:
    change = Change(replaced=[(before, after)], events=[_event(kind, before, signed, detail)])
    change.join(signed.spent)
    return change


def _next(row: AcmeAccountRow) -> AcmeAccountRow:
    """As it stands after its commit."""
    return row._replace(version=row.version + 1)


def _event(kind: EventKind, account: AcmeAccountRow, signed: Signed, detail: dict[str, JsonValue]) -> Event:
    return Event(kind, signed.now, f"acme:{account.id}", signed.source, f"acme-account:{account.id}", detail)
