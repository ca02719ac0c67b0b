"""Take away what nobody can use any more, a little at a time, so that no other writer waits for it.

An order or authorization ends by its own date: its status is computed from that, and nothing has to be
written when the moment comes. What is taken away here is long past every use; the audit knows it for ever.
"""

from datetime import datetime, timedelta

from ..store.people_rows import NoticeRow
from ..store.rows import AcmeNonceRow, AcmeOrderRow, LeaseRow, OcspRunRow, RememberedRow
from ..store.vetting_rows import MailboxProofRow
from .context import Context

REQUESTS_KEPT = timedelta(days=365)
"""How long requests stay after their end, where no setting says otherwise."""
ENROLMENT_KEPT = timedelta(days=90)
"""How long orders and authorizations stay after their end."""
LISTS_KEPT = timedelta(minutes=1)
"""How long a CRL stays that a newer one has replaced. The newest two scheduled ones, which the next list is
made from, stay in any case, and so many as there are in a week of daily ones until they are out of date."""
SCHEDULED_KEPT = 8
LEASES_KEPT = timedelta(hours=1)
RUNS_KEPT = timedelta(days=7)
"""How long it stays known that OCSP answers were produced, after their nextUpdate."""
NONCES_KEPT = timedelta(days=1)
"""How long a spent nonce stays after its end: one that goes while the clock here is ahead can be spent again
where it is right."""
NOTICES_KEPT = timedelta(days=180)
MAILBOXES_KEPT = timedelta(days=180)
CHUNK = 200
LISTS_CHUNK = 5


async def purge_expired(context: Context, requests_kept: timedelta = REQUESTS_KEPT) -> int:
    """Take away a chunk of everything; how many rows went, 0 when nothing is left. Raises Unavailable."""
    now, ledger = context.clock(), context.ledger
    gone = await ledger.purge(AcmeNonceRow, "expires_at", now - NONCES_KEPT, CHUNK)
    gone += await ledger.purge(LeaseRow, "expires_at", now - LEASES_KEPT, CHUNK)
    gone += await ledger.purge(OcspRunRow, "next_update", now - RUNS_KEPT, CHUNK)
    gone += await ledger.purge(RememberedRow, "expires_at", now, CHUNK)
    gone += await ledger.purge(NoticeRow, "created_at", now - NOTICES_KEPT, CHUNK)
    gone += await ledger.purge(MailboxProofRow, "asked_at", now - MAILBOXES_KEPT, CHUNK)
    gone += await _purge_sessions(context, now)
    gone += await _purge_requests(context, now - requests_kept)
    gone += await _purge_enrolment(context, now - ENROLMENT_KEPT)
    return gone + await _purge_lists(context, now)


async def _purge_sessions(context: Context, now: datetime) -> int:
    """Sessions past their longest time, and what is kept about those that are no more."""
    ended = f'SELECT "session_key" FROM "django_session" WHERE "expire_date" < ? LIMIT {CHUNK}'
    gone = await _delete(context, f'"django_session" WHERE "session_key" IN ({ended})', now)
    told = (
        'SELECT u."id" FROM "usersessions_usersession" u LEFT JOIN "django_session" s '
        f'ON s."session_key" = u."session_key" WHERE s."session_key" IS NULL LIMIT {CHUNK}'
    )
    return gone + await _delete(context, f'"usersessions_usersession" WHERE "id" IN ({told})')


async def _purge_requests(context: Context, before: datetime) -> int:
    """Requests that have ended, with what was decided on them. One that nobody has ended yet stays, however
    old it is."""
    ended = (
        'SELECT "id" FROM "certificate_request" WHERE "created_at" < ? AND coalesce("rejected_at", '
        '"withdrawn_at", "expired_at", "issued_at", "failed_at") < ? '
        f'ORDER BY "created_at" LIMIT {CHUNK}'
    )
    chosen = [row[0] for row in await context.database.query(ended, before, before)]
    if not chosen:
        return 0
    marks = ",".join("?" * len(chosen))
    await _delete(context, f'"approval_decision" WHERE "request_id" IN ({marks})', *chosen)
    await _delete(context, f'"request_approver" WHERE "request_id" IN ({marks})', *chosen)
    return await _delete(context, f'"certificate_request" WHERE "id" IN ({marks})', *chosen)


_STOOD_ON = (
    'SELECT 1 FROM "acme_order" o WHERE o."account_id" = "acme_authorization"."account_id" '
    'AND o."finalized_at" IS NOT NULL AND o."issued_at" IS NULL AND o."failed_at" IS NULL'
)
"""An order of the same account that waits for approval, perhaps on the strength of this authorization."""


async def _purge_enrolment(context: Context, before: datetime) -> int:
    """Orders, authorizations, and what perspectives have said of those."""
    ended = (
        'SELECT "id" FROM "acme_authorization" WHERE "expires_at" < ? '
        'AND ("valid_until" IS NULL OR "valid_until" < ?) '
        f'AND NOT EXISTS ({_STOOD_ON}) ORDER BY "expires_at" LIMIT {CHUNK}'
    )
    chosen = [row[0] for row in await context.database.query(ended, before, before)]
    gone = await context.ledger.purge(AcmeOrderRow, "expires_at", before, CHUNK)
    if chosen:
        marks = ",".join("?" * len(chosen))
        await _delete(context, f'"perspective_result" WHERE "authorization_id" IN ({marks})', *chosen)
        gone += await _delete(context, f'"acme_authorization" WHERE "id" IN ({marks})', *chosen)
    return gone


async def _purge_lists(context: Context, now: datetime) -> int:
    """What was signed while a clock was ahead is no base of others, so it does not count as newer."""
    must_stay = f'CASE WHEN c."next_update" < ? THEN 2 ELSE {SCHEDULED_KEPT} END'
    newer = (
        '(SELECT count(*) FROM "crl" n WHERE n."generation_id" = c."generation_id" '
        'AND n."shard" = c."shard" AND n."scheduled" AND n."base_number" = 0 '
        'AND n."number" > c."number" AND n."this_update" <= ?)'
    )
    replaced = await context.database.query(
        'SELECT c."id" FROM "crl" c JOIN "crl_shard" s ON s."generation_id" = c."generation_id" '
        'AND s."shard" = c."shard" WHERE c."number" < s."number" AND c."this_update" < ? '
        f'AND (NOT c."scheduled" OR {newer} >= {must_stay}) LIMIT {LISTS_CHUNK}',
        now - LISTS_KEPT,
        now,
        now - LISTS_KEPT,
    )
    if not replaced:
        return 0
    marks = ",".join("?" * len(replaced))
    return await _delete(context, f'"crl" WHERE "id" IN ({marks})', *[row[0] for row in replaced])


async def _delete(context: Context, what: str, *parameters: object) -> int:
    async with context.database.transaction(0) as transaction:
        return len(await transaction.execute(f"DELETE FROM {what} RETURNING 1", parameters))
