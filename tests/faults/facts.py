"""Take stock after faults: what clients were told must be on record, and the record must hold together."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from cryptography import x509

from certwright.core.audit import EventRow, Head
from certwright.core.audit_verify import verify_rows
from certwright.core.checkpoint import VerifierKey
from certwright.operations.check_records import check_records
from certwright.operations.context import Context
from certwright.operations.lint_records import lint_records
from certwright.operations.verify_audit import verify_audit
from certwright.store.databases import Database
from certwright.store.rows import (
    AcmeOrderRow,
    AuditEventRow,
    AuditWriterRow,
    CertificateBodyRow,
    CertificateRow,
    CrlRow,
    CrlShardRow,
    StatusChangeRow,
)
from tests.faults.load import Told
from tests.real.pki import ADMINISTRATOR


async def check_told(database: Database, told: Told) -> None:
    """Every certificate a client holds is on record as it is, every answered revocation is in the feed."""
    rows = {row.fingerprint.hex(): row for row in await database.select(CertificateRow, "1 = 1")}
    bodies = {row.certificate_id: row.der for row in await database.select(CertificateBodyRow, "1 = 1")}
    for fingerprint, der in told.issued.items():
        assert bodies[rows[fingerprint].id] == der
    revoked = {row.certificate_id for row in await database.select(StatusChangeRow, '"revoked"')}
    for fingerprint in told.revoked:
        assert rows[fingerprint].id in revoked
        assert rows[fingerprint].revoked_at is not None


async def check_orders(database: Database) -> None:
    """An order that says that it was fulfilled names a certificate of its account, and no other order does;
    every certificate of an account is named so."""
    orders = await database.select(AcmeOrderRow, "1 = 1")
    assert all((row.certificate is None) == (row.issued_at is None) for row in orders)
    named = Counter((row.certificate, f"acme:{row.account_id}") for row in orders if row.certificate)
    sql = 'SELECT "id", "requester" FROM "certificate" WHERE "requester" LIKE ?'
    ours = await database.query(sql, "acme:%")
    assert named == Counter((row[0], row[1]) for row in ours)


async def check_records_hold(context: Context) -> None:
    """Rows, feed and lists agree with each other, whatever clients were told."""
    database = context.database
    rows = {row.id: row for row in await database.select(CertificateRow, "1 = 1")}
    assert set(rows) == {row.certificate_id for row in await database.select(CertificateBodyRow, "1 = 1")}
    await check_orders(database)
    found = [one async for one in check_records(database, context.snapshot, ADMINISTRATOR)]
    assert found == []
    assert [one async for one in lint_records(database, ADMINISTRATOR)] == []
    feed = await database.select(StatusChangeRow, '1 = 1 ORDER BY "seq"')
    assert [row.seq for row in feed] == list(range(1, len(feed) + 1))
    last = {row.certificate_id: row.revoked for row in feed}
    assert {one for one, revoked in last.items() if revoked} == {
        one for one, row in rows.items() if row.revoked_at is not None
    }
    await _check_lists(database)


async def _check_lists(database: Database) -> None:
    """Numbers of a shard's lists are unique and increasing, and those that the lists themselves bear."""
    lists: dict[tuple[int, int], list[CrlRow]] = defaultdict(list)
    for row in await database.select(CrlRow, '1 = 1 ORDER BY "number"'):
        lists[row.generation_id, row.shard].append(row)
        signed = x509.load_der_x509_crl(row.der)
        assert signed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == row.number
        assert signed.last_update_utc == row.this_update
        assert signed.next_update_utc == row.next_update
        assert row.this_update < row.next_update
        assert len(signed) == row.entries
    for shard in await database.select(CrlShardRow, "1 = 1"):
        rows = lists.pop((shard.generation_id, shard.shard))
        complete = [row for row in rows if row.base_number == 0]
        for kind in (complete, [row for row in rows if row.base_number]):
            assert len({row.number for row in kind}) == len(kind)
            assert [row.covered_seq for row in kind] == sorted(row.covered_seq for row in kind)
        assert complete[-1].number == shard.number
    assert not lists


async def check_lists_are_fresh(database: Database) -> None:
    """Every revocation is on the newest list of its shard."""
    for shard in await database.select(CrlShardRow, "1 = 1"):
        [newest] = await database.select(
            CrlRow,
            '"generation_id" = ? AND "shard" = ? AND "base_number" = 0 ORDER BY "number" DESC LIMIT 1',
            shard.generation_id,
            shard.shard,
        )
        wanted = await database.query(
            'SELECT "serial" FROM "certificate" WHERE "revoked_at" IS NOT NULL AND "generation_id" = ? '
            'AND "crl_shard" = ?',
            shard.generation_id,
            shard.shard,
        )
        listed = {one.serial_number for one in x509.load_der_x509_crl(newest.der)}
        assert {int.from_bytes(row[0], "big") for row in wanted} == listed


async def check_audit(context: Context, keys: Sequence[VerifierKey] = (), held: Sequence[str] = ()) -> int:
    """The chains are whole, the tree leads to its checkpoints; how many events there are."""
    database = context.database
    heads = await database.select(AuditWriterRow, "1 = 1")
    rows = [EventRow(*row) for row in await database.select(AuditEventRow, '1 = 1 ORDER BY "id"')]
    assert not list(verify_rows(rows, {head.id: Head(head.events, head.head) for head in heads}))
    issued = sum(row.kind == "certificate.issued" for row in rows)
    assert [(issued,)] == [tuple(row) for row in await database.query('SELECT count(*) FROM "certificate"')]
    if keys:
        report = await verify_audit(database, ADMINISTRATOR, keys, held)
        assert report.discrepancies == ()
        assert report.sound
    return len(rows)


async def nothing_waits(context: Context) -> bool:
    """The worker has done what was asked of it, and every event has its place in the log."""
    waiting = await context.database.query('SELECT count(*) FROM "outbox"')
    behind = await context.database.query('SELECT count(*) FROM "audit_writer" WHERE "events" > "sequenced"')
    return waiting[0][0] == 0 and behind[0][0] == 0
