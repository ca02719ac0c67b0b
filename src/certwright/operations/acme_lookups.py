"""What ACME requests read: accounts, orders, certificates, each as far as the endpoint may know of it."""

import hashlib
import json
from datetime import datetime

from ..core import orders
from ..core.access import Actor, Grant, Role
from ..core.errors import CertwrightError, NotFound
from ..core.names import Identifier, IdentifierKind
from ..core.orders import AuthorizationFacts, OrderStatus
from ..store.enrolment import authorization_facts, with_authorizations
from ..store.rows import (
    AcmeAccountRow,
    AcmeAuthorizationRow,
    AcmeExternalAccountKeyRow,
    AcmeOrderRow,
    CertificateNameRow,
    CertificateRow,
)
from ..store.snapshot import Endpoint
from .context import Context

HELD_LOOKED_AT = 500


async def account(context: Context, endpoint: Endpoint, key: str) -> AcmeAccountRow:
    """By the key in its URL. Raises NotFound, also for an account of another endpoint."""
    rows = []
    if key.isdecimal() and len(key) <= 19:
        rows = await context.database.select(
            AcmeAccountRow, '"id" = ? AND "endpoint_id" = ?', int(key), endpoint.row.id
        )
    if not rows:
        raise NotFound("there is no such account at this endpoint")
    return rows[0]


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


async def order_keys(context: Context, account: AcmeAccountRow, after: str, limit: int) -> list[str]:
    """Keys of the account's orders that are not invalid, in the order they were placed."""
    rows = await context.database.query(
        'SELECT "id" FROM "acme_order" WHERE "account_id" = ? AND "id" > ? AND "failed_at" IS NULL '
        f'ORDER BY "id" LIMIT {int(limit)}',
        account.id,
        int(after) if after.isdecimal() and len(after) <= 18 else 0,
    )
    return [str(row[0]) for row in rows]


async def certificate(context: Context, identifier: int) -> CertificateRow:
    rows = await context.database.select(CertificateRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound("there is no such certificate")
    return rows[0]


async def certificate_by_der(context: Context, endpoint: Endpoint, der: bytes) -> CertificateRow:
    """A certificate issued by this endpoint's authority. Raises NotFound for every other one."""
    rows = await context.database.select(
        CertificateRow,
        '"fingerprint" = ? AND "authority" = ?',
        hashlib.sha256(der).digest(),
        endpoint.authority,
    )
    if not rows:
        raise NotFound("the certificate was not issued here")
    return rows[0]


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
        f"LIMIT {HELD_LOOKED_AT}",
        account.id,
        *values,
        now,
    )
    return [authorization_facts(row) for row in rows]


async def replacing_status(context: Context, row: CertificateRow, now: datetime) -> OrderStatus | None:
    """Status of the newest order that says it replaces a certificate, unless it has failed."""
    rows = await context.database.select(
        AcmeOrderRow, '"replaces" = ? AND "failed_at" IS NULL ORDER BY "id" DESC LIMIT 1', row.id
    )
    if not rows:
        return None
    return orders.order_status((await with_authorizations(context.database, rows[0])).facts, now)


def key_holder(row: CertificateRow, source: str) -> Actor:
    """Whoever signs with a certificate's own key may revoke it, and nothing else."""
    return Actor(f"certificate-key:{row.fingerprint.hex()[:16]}", (Grant(Role.RA_OFFICER, "none"),), source)
