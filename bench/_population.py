"""Many certificates on record at once, as after years of issuing; written in bulk, past the pipeline.

What is measured on them does not read their bodies, so they have none.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.store.rows import CertificateRow, CounterRow, StatusChangeRow
from certwright.store.snapshot import Generation

CHUNK = 20_000


async def populate(
    context: Context, generation: Generation, count: int, shard: int = 0, revoked: bool = False
) -> list[bytes]:
    """Put certificates of a generation on record, all revoked or none; their serials."""
    serials = sorted({bytes([1 + secrets.randbelow(127)]) + secrets.token_bytes(15) for _ in range(count)})
    feed = await context.database.query('SELECT max("seq") FROM "status_change"')
    place, now = feed[0][0] or 0, context.clock().replace(microsecond=0)
    for start in range(0, len(serials), CHUNK):
        some = serials[start : start + CHUNK]
        rows = list(_certificates(context, generation, some, shard, now, revoked))
        changes = list(_changes(rows, place + start, now)) if revoked else []
        async with context.database.transaction(0) as transaction:
            await transaction.insert(CertificateRow, rows)
            if changes:
                await transaction.insert(StatusChangeRow, changes)
    if revoked:
        await _move_feed(context, place + len(serials))
    return serials


async def _move_feed(context: Context, place: int) -> None:
    """The feed's counter stands where the changes end."""
    async with context.database.transaction(0) as transaction:
        if not await transaction.execute(
            'UPDATE "counter" SET "value" = ? WHERE "name" = ? RETURNING 1', (place, "status")
        ):
            await transaction.insert(CounterRow, [CounterRow("status", place)])


def _certificates(
    context: Context, generation: Generation, serials: list[bytes], shard: int, now: datetime, revoked: bool
) -> Iterator[CertificateRow]:
    for serial in serials:
        yield CertificateRow(
            id=context.ledger.new_id(),
            fingerprint=b"bench" + serial + serial[:11],
            generation_id=generation.id,
            authority=generation.authority.name,
            issuer=generation.row.subject,
            serial=serial,
            subject="CN=host.example.test",
            not_before=now - timedelta(days=1),
            not_after=now + timedelta(days=89),
            key_algorithm="ecdsa-p256",
            signature_algorithm="ecdsa-with-SHA256",
            is_authority=False,
            spki_sha256=serial + serial,
            profile="tls-server",
            profile_number=1,
            endpoint="",
            requester="local:bench",
            team="",
            owner="",
            environment="",
            standing="issued",
            issuer_certificate=None,
            issued_at=now - timedelta(days=1),
            replaces=None,
            crl_shard=shard,
            revoked_at=now if revoked else None,
            revocation_reason=int(Reason.SUPERSEDED) if revoked else None,
            invalidity_date=None,
            version=1,
        )


def _changes(rows: list[CertificateRow], place: int, now: datetime) -> Iterator[StatusChangeRow]:
    for number, row in enumerate(rows, 1):
        yield StatusChangeRow(
            place + number,
            row.id,
            row.generation_id or 0,
            row.serial,
            row.crl_shard,
            True,
            int(Reason.SUPERSEDED),
            None,
            now,
        )
