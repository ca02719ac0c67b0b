"""ACME orders and authorizations up to issuance (RFC 8555 sections 7.4 and 7.5).

The caller has checked the request's signature and nonce.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core import orders
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.names import Identifier
from ..core.orders import Target
from ..store.enrolment import (
    Authorization,
    Order,
    authorization_facts,
    order_facts,
    with_authorization_facts,
    write_identifiers,
)
from ..store.ledger import Change
from ..store.rows import AcmeAccountRow, AcmeAuthorizationRow, AcmeOrderRow
from .acme_request import Signed
from .context import Context

TOKEN_OCTETS = 32
REUSE_LOOKED_AT = 500
IDENTIFIERS_SHOWN, IDENTIFIER_SHOWN = 20, 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as asked for and judged. `challenges` says what to offer for each target, in order."""

    identifiers: tuple[Identifier, ...]
    challenges: dict[Target, tuple[str, ...]]
    profile: str
    not_after: datetime | None
    replaces: int | None
    order_lifetime: timedelta


async def create_order(context: Context, account: AcmeAccountRow, wanted: Wanted, signed: Signed) -> Order:
    """Place an order; authorizations that are still good are used again. Raises Unavailable, Reconfigured."""
    now = signed.now
    reusable = await _reusable(context, account, wanted, now)
    expires_at = now + wanted.order_lifetime
    authorizations, change = [], Change(revision=signed.revision)
    for target, challenges in wanted.challenges.items():
        authorization = reusable.get(target)
        if authorization is None:
            row = _new_authorization(context, account, target, challenges, expires_at, now)
            change.inserted.append(row)
            authorization = Authorization(row, authorization_facts(row))
        authorizations.append(authorization)
    order = _new_order(context, account, wanted, authorizations, expires_at, now)
    change.inserted.append(order)
    detail: dict[str, JsonValue] = {
        "identifiers": [shown(str(one), IDENTIFIER_SHOWN) for one in wanted.identifiers[:IDENTIFIERS_SHOWN]],
        "identifiers_count": len(wanted.identifiers),
        "profile": wanted.profile,
    }
    change.events.append(
        Event(EventKind.ACME_ORDER_CREATED, now, f"acme:{account.id}", signed.source, _name(order), detail)
    )
    change.join(signed.spent)
    await context.ledger.commit(change)
    facts = order_facts(order, tuple(one.facts for one in authorizations))
    return Order(order, facts, tuple(authorizations))


def _name(order: AcmeOrderRow) -> str:
    return f"acme-order:{order.id}"


def _new_order(
    context: Context,
    account: AcmeAccountRow,
    wanted: Wanted,
    authorizations: Iterable[Authorization],
    expires_at: datetime,
    now: datetime,
) -> AcmeOrderRow:
    return AcmeOrderRow(
        id=context.ledger.new_id(),
        account_id=account.id,
        identifiers=write_identifiers(wanted.identifiers),
        authorizations=json.dumps([one.row.id for one in authorizations]),
        profile=wanted.profile,
        not_before=None,
        not_after=wanted.not_after,
        replaces=wanted.replaces,
        created_at=now,
        expires_at=expires_at,
        finalized_at=None,
        csr=None,
        issued_at=None,
        certificate=None,
        failed_at=None,
        problem="",
        version=1,
    )


def _new_authorization(
    context: Context,
    account: AcmeAccountRow,
    target: Target,
    challenges: tuple[str, ...],
    expires_at: datetime,
    now: datetime,
) -> AcmeAuthorizationRow:
    token = base64.urlsafe_b64encode(context.random(TOKEN_OCTETS)).rstrip(b"=").decode()
    return AcmeAuthorizationRow(
        id=context.ledger.new_id(),
        account_id=account.id,
        kind=target.identifier.kind,
        value=target.identifier.value,
        wildcard=target.wildcard,
        token=token,
        challenges=json.dumps(challenges),
        created_at=now,
        expires_at=expires_at,
        attempted="",
        attempted_at=None,
        validated_at=None,
        valid_until=None,
        failed_at=None,
        problem="",
        deactivated_at=None,
        revoked_at=None,
        evidence="",
        version=1,
    )


async def _reusable(
    context: Context, account: AcmeAccountRow, wanted: Wanted, now: datetime
) -> dict[Target, Authorization]:
    """For each target the authorization of this account that lasts longest, where there is a good one."""
    values = sorted({target.identifier.value for target in wanted.challenges})
    marks = ",".join("?" * len(values))
    rows = await context.database.select(
        AcmeAuthorizationRow,
        f'"account_id" = ? AND "value" IN ({marks}) AND "valid_until" > ? '
        'AND "deactivated_at" IS NULL AND "revoked_at" IS NULL '
        f'ORDER BY "valid_until" DESC LIMIT {REUSE_LOOKED_AT}',
        account.id,
        *values,
        now,
    )
    found: dict[Target, Authorization] = {}
    for row in rows:
        facts = authorization_facts(row)
        kinds = wanted.challenges.get(facts.target)
        if kinds and orders.reusable(facts, facts.target, kinds, now, now + wanted.order_lifetime):
            found.setdefault(facts.target, Authorization(row, facts))
    return found


async def deactivate_authorization(
    context: Context, account: AcmeAccountRow, authorization: Authorization, signed: Signed
) -> Authorization:
    """The client gives it up (section 7.5.2). Raises Conflict unless it is pending or valid, Moved."""
    facts = orders.deactivate(authorization.facts, signed.now)
    kind, subject = EventKind.ACME_AUTHORIZATION_DEACTIVATED, f"acme-authorization:{authorization.row.id}"
    event = Event(kind, signed.now, f"acme:{account.id}", signed.source, subject, {})
    return await _grow(context, authorization, facts, [event], signed.spent)


async def attempt_challenge(
    context: Context, authorization: Authorization, kind: str, signed: Signed
) -> tuple[Authorization, bool]:
    """The client is ready for a challenge (section 7.5.1); also, whether there is now something to check.

    Responding again to the same challenge changes nothing. Raises Conflict, Moved.
    """
    status = orders.authorization_status(authorization.facts, signed.now)
    settled = status is not orders.AuthorizationStatus.PENDING
    if settled and authorization.facts.attempted_kind == kind:
        await context.ledger.commit(signed.spent)
        return authorization, False
    facts = orders.attempt(authorization.facts, kind, signed.now)
    if facts is authorization.facts:
        await context.ledger.commit(signed.spent)
        return authorization, False
    return await _grow(context, authorization, facts, [], signed.spent), True


async def _grow(
    context: Context,
    authorization: Authorization,
    facts: orders.AuthorizationFacts,
    events: list[Event],
    spent: Change,
) -> Authorization:
    after = with_authorization_facts(authorization.row, facts)
    change = Change(replaced=[(authorization.row, after)], events=events)
    change.join(spent)
    await context.ledger.commit(change)
    return Authorization(after._replace(version=authorization.row.version + 1), facts)
