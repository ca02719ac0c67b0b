"""ACME accounts (RFC 8555 section 7.3): made, changed, given another key, deactivated.

The caller has checked the request's signature and nonce. `spent` is the change that takes the nonce; it goes
into the same commit, so that no request is carried out twice.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from ..core.access import Actor, Grant, Role
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import CertwrightError, Conflict
from ..store.databases import Duplicate
from ..store.ledger import Absent, Change
from ..store.rows import AcmeAccountRow, AcmeExternalAccountKeyRow, AcmeNonceRow
from ..store.snapshot import Endpoint
from .context import Context


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks for an account. `jwk` is the key's canonical JSON, `thumbprint` its RFC 7638 digest."""

    jwk: str
    thumbprint: str
    contacts: tuple[str, ...]
    terms_agreed: bool
    binding: AcmeExternalAccountKeyRow | None
    source: str


def spend_nonce(fingerprint: bytes, expires_at: datetime, otherwise: CertwrightError) -> Change:
    """The change that takes a nonce for good; `otherwise` is raised when it was taken before."""
    return Change(
        inserted=[AcmeNonceRow(fingerprint, expires_at)],
        absent=[Absent(AcmeNonceRow, "fingerprint", fingerprint, otherwise)],
    )


def account_actor(account: AcmeAccountRow, endpoint: Endpoint, source: str) -> Actor:
    """An account may request at its endpoint, and nothing else."""
    return Actor(f"acme:{account.id}", (Grant(Role.REQUESTER, f"endpoint:{endpoint.path}"),), source)


async def find_account(context: Context, endpoint: Endpoint, thumbprint: str) -> AcmeAccountRow | None:
    rows = await context.database.select(
        AcmeAccountRow, '"endpoint_id" = ? AND "thumbprint" = ?', endpoint.row.id, thumbprint
    )
    return rows[0] if rows else None


async def create_account(
    context: Context, endpoint: Endpoint, applicant: Applicant, spent: Change, now: datetime
) -> AcmeAccountRow:
    """A new account. Raises Conflict when the key has one already (asked for twice at once)."""
    binding = applicant.binding
    account = AcmeAccountRow(
        id=context.ledger.new_id(),
        endpoint_id=endpoint.row.id,
        thumbprint=applicant.thumbprint,
        jwk=applicant.jwk,
        contacts=json.dumps(applicant.contacts),
        terms_agreed_at=now if applicant.terms_agreed else None,
        external_account_key=binding.id if binding else None,
        created_at=now,
        deactivated_at=None,
        revoked_at=None,
        version=1,
    )
    detail: dict[str, JsonValue] = {"endpoint": endpoint.path, "contacts": list(applicant.contacts)}
    change = Change(inserted=[account], revision=context.snapshot.revision)
    if binding:
        detail["external_account_key"] = binding.name
        change.replaced.append((binding, binding._replace(account=account.id)))
    change.events.append(_event(EventKind.ACME_ACCOUNT_CREATED, account, applicant.source, now, detail))
    change.join(spent)
    try:
        await context.ledger.commit(change)
    except Duplicate as error:
        raise Conflict(
            "an account with this key is being made by another request; ask for it again"
        ) from error
    return account


async def change_contacts(
    context: Context,
    account: AcmeAccountRow,
    contacts: tuple[str, ...],
    source: str,
    spent: Change,
    now: datetime,
) -> AcmeAccountRow:
    """Replace the contacts (section 7.3.2). Raises Moved."""
    after = account._replace(contacts=json.dumps(contacts))
    detail: dict[str, JsonValue] = {"contacts": list(contacts)}
    return await _change(context, EventKind.ACME_ACCOUNT_CHANGED, account, after, source, spent, now, detail)


async def change_key(
    context: Context,
    account: AcmeAccountRow,
    jwk: str,
    thumbprint: str,
    source: str,
    spent: Change,
    now: datetime,
) -> AcmeAccountRow:
    """Give the account another key (section 7.3.5). Raises Conflict when the key has an account, Moved."""
    after = account._replace(jwk=jwk, thumbprint=thumbprint)
    detail: dict[str, JsonValue] = {"new_thumbprint": thumbprint}
    try:
        return await _change(
            context, EventKind.ACME_ACCOUNT_KEY_CHANGED, account, after, source, spent, now, detail
        )
    except Duplicate as error:
        raise Conflict("the new key belongs to an account already") from error


async def deactivate_account(
    context: Context, account: AcmeAccountRow, source: str, spent: Change, now: datetime
) -> AcmeAccountRow:
    """For good (section 7.3.6). Raises Moved."""
    after = account._replace(deactivated_at=now)
    return await _change(context, EventKind.ACME_ACCOUNT_DEACTIVATED, account, after, source, spent, now, {})


async def _change(
    context: Context,
    kind: EventKind,
    before: AcmeAccountRow,
    after: AcmeAccountRow,
    source: str,
    spent: Change,
    now: datetime,
    detail: dict[str, JsonValue],
) -> AcmeAccountRow:
    change = Change(replaced=[(before, after)], events=[_event(kind, before, source, now, detail)])
    change.join(spent)
    await context.ledger.commit(change)
    return after._replace(version=before.version + 1)


def _event(
    kind: EventKind, account: AcmeAccountRow, source: str, now: datetime, detail: dict[str, JsonValue]
) -> Event:
    return Event(kind, now, f"acme:{account.id}", source, f"acme-account:{account.id}", detail)
