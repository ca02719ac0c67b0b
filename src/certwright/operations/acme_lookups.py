"""What ACME requests read: accounts, orders, certificates, each as far as the endpoint may know of it."""

import json
from dataclasses import dataclass
from datetime import datetime

from ..core import orders
from ..core.errors import CertwrightError, NotFound
from ..core.names import Identifier, IdentifierKind
from ..core.orders import AuthorizationFacts, OrderStatus
from ..core.revocation import Reason
from ..store.enrolment import authorization_facts, with_authorizations_of_many
from ..store.rows import (
    AcmeAccountRow,
    AcmeAuthorizationRow,
    AcmeExternalAccountKeyRow,
    AcmeOrderRow,
    CertificateNameRow,
    CertificateRow,
)
from ..store.snapshot import Endpoint, Generation
from .context import Context

HELD_LOOKED_AT = 500
KEY_DIGITS_MAX = 18  # every such number fits the column
REPLACING_LOOKED_AT = 100


async def account(context: Context, endpoint: Endpoint, key: str) -> AcmeAccountRow:
    """By the key in its URL. Raises NotFound, also for an account of another endpoint."""
    if key.isdecimal() and len(key) <= KEY_DIGITS_MAX:
        for row in await context.database.select(AcmeAccountRow, '"id" = ?', int(key)):
            if row.endpoint_id == endpoint.row.id:
                return row
    raise NotFound("there is no such account at this endpoint")


def contacts(row: AcmeAccountRow) -> tuple[str, ...]:
    return tuple(json.loads(row.contacts))


def binding_context(name: str) -> str:
    """What the envelope of an external account key is bound to."""
    return f"external account key {name}"


async def binding_key(
    context: Context, endpoint: Endpoint, name: str, now: datetime, otherwise: CertwrightError
) -> AcmeExternalAccountKeyRow:
    """A key that may still bind an account; `otherwise` is raised when there is none of this name."""
    rows = await context.database.select(
        AcmeExternalAccountKeyRow, '"name" = ? AND "endpoint_id" = ?', name, endpoint.row.id
    )
    for row in rows:
        if (
            row.revoked_at is None
            and row.account is None
            and (row.expires_at is None or row.expires_at > now)
        ):
            return row
    raise otherwise


@dataclass(frozen=True, slots=True)
class OrderPage:
    """`following` is where the next page begins; empty on the last."""

    keys: tuple[str, ...]
    following: str


async def order_page(
    context: Context, account: AcmeAccountRow, after: str, limit: int, now: datetime
) -> OrderPage:
    """Keys of the account's orders that are not invalid, at most `limit` of them."""
    begin = int(after) if after.isdecimal() and len(after) <= KEY_DIGITS_MAX else 0
    rows = await context.database.select(
        AcmeOrderRow, f'"account_id" = ? AND "id" > ? ORDER BY "id" LIMIT {int(limit) + 1}', account.id, begin
    )
    found = await with_authorizations_of_many(context.database, rows[:limit])
    valid = [one for one in found if orders.order_status(one.facts, now) is not OrderStatus.INVALID]
    return OrderPage(
        tuple(str(one.row.id) for one in valid), str(rows[limit - 1].id) if len(rows) > limit else ""
    )


async def certificate(context: Context, identifier: int) -> CertificateRow:
    rows = await context.database.select(CertificateRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound("there is no such certificate")
    return rows[0]


async def generation_of(context: Context, row: CertificateRow) -> Generation:
    """Who issued a certificate of ours; another process may know a newer configuration than this one."""
    assert row.generation_id is not None
    if row.generation_id not in context.snapshot.generations:
        await context.snapshots.refresh()
    return context.snapshot.generations[row.generation_id]


async def replaced_by(context: Context, order: AcmeOrderRow) -> tuple[bytes, int] | None:
    """Authority key identifier and serial of the certificate an order replaces (RFC 9773 section 5)."""
    if order.replaces is None:
        return None
    row = await certificate(context, order.replaces)
    generation = await generation_of(context, row)
    return generation.as_issuer.key_identifier, int.from_bytes(row.serial, "big")


async def certificate_by_key(context: Context, key_identifier: bytes, serial: int) -> CertificateRow:
    """By authority key identifier and serial number (RFC 9773 section 4.1). Raises NotFound."""
    octets = serial.to_bytes((serial.bit_length() + 7) // 8, "big")
    for generation in context.snapshot.generations.values():
        if generation.issuer is None or generation.issuer.key_identifier != key_identifier:
            continue
        rows = await context.database.select(
            CertificateRow, '"generation_id" = ? AND "serial" = ?', generation.id, octets
        )
        if rows:
            return rows[0]
    raise NotFound("no certificate of ours has this key identifier and serial number")


def revoked_for_good(row: CertificateRow) -> datetime | None:
    """Since when a certificate has to be replaced. One on hold has not: the hold may be lifted."""
    return None if row.revocation_reason == Reason.CERTIFICATE_HOLD else row.revoked_at


async def names(context: Context, row: CertificateRow) -> list[Identifier]:
    found = await context.database.select(
        CertificateNameRow, '"certificate_id" = ? ORDER BY "position"', row.id
    )
    return [Identifier(IdentifierKind(name.kind), name.value) for name in found]


async def held(
    context: Context, account: AcmeAccountRow, wanted: list[Identifier], now: datetime
) -> list[AuthorizationFacts]:
    """The account's authorizations that may still be valid for any of the names."""
    values = sorted({orders.target_of(name).identifier.value for name in wanted})
    if not values:
        return []
    rows = await context.database.select(
        AcmeAuthorizationRow,
        f'"account_id" = ? AND "value" IN ({",".join("?" * len(values))}) AND "valid_until" > ? '
        'AND "deactivated_at" IS NULL AND "revoked_at" IS NULL '
        f'ORDER BY "valid_until" DESC LIMIT {HELD_LOOKED_AT}',
        account.id,
        *values,
        now,
    )
    return [authorization_facts(row) for row in rows]


async def replacing_status(context: Context, row: CertificateRow, now: datetime) -> OrderStatus | None:
    """Status of an order that replaces a certificate already; None when there is none that is not invalid."""
    rows = await context.database.select(
        AcmeOrderRow,
        '"replaces" = ? AND "failed_at" IS NULL AND ("expires_at" > ? OR "issued_at" IS NOT NULL) '
        f'ORDER BY "id" DESC LIMIT {REPLACING_LOOKED_AT}',
        row.id,
        now,
    )
    for one in await with_authorizations_of_many(context.database, rows):
        status = orders.order_status(one.facts, now)
        if status is not OrderStatus.INVALID:
            return status
    return None


async def is_replaced_by_another(context: Context, order: AcmeOrderRow) -> bool:
    """Has an order that was open at the same time replaced what this one shall replace?"""
    if order.replaces is None:
        return False
    condition = '"replaces" = ? AND "issued_at" IS NOT NULL AND "id" <> ?'
    return bool(await context.database.select(AcmeOrderRow, condition, order.replaces, order.id))
