"""Sign OCSP answers ahead for every live certificate of a generation, into one file of answers.

The place in the status feed is taken before the first certificate is read: whatever changes later is newer
than the file, and responders know. The place after the last one tells which history of the database the file
is of, and so does the run's own row, which stands before the file can be seen: with a database that was put
back to before either, nobody uses the file.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

from ..core import keys, ocsp
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Unavailable
from ..core.keys import KeyAlgorithm
from ..core.ocsp import CertId, SingleResponse
from ..core.revocation import RevocationFacts
from ..store.answers import AnswerFile, AnswerWriter, Run, newest_number, remove_older
from ..store.databases import Database
from ..store.feed import Place, has_place, newest_place
from ..store.ledger import Change
from ..store.rows import CertificateRow, OcspRunRow, OcspSignerRow
from ..store.snapshot import Generation
from .context import Context
from .revoke import facts_of

VALIDITY = timedelta(days=3)
PAGE = 1_000


async def produce_ocsp(context: Context, generation: Generation, folder: Path) -> int:
    """Produce one file below `folder`; how many answers it holds. Raises Unavailable, IntegrityError."""
    now = context.clock().replace(microsecond=0)
    row = context.snapshot.signer(generation.id, now)
    until = min(now + VALIDITY, row.not_after, generation.as_issuer.not_after) if row else now
    if row is None or until <= now:
        raise Unavailable(f"authority {generation.path} has no OCSP signer in force")
    assert generation.certificate is not None
    assert generation.public_key is not None
    forms = ocsp.issuer_forms(generation.certificate.subject.public_bytes(), keys.spki(generation.public_key))
    begun = await newest_place(context.database)
    target = folder / str(generation.id)
    number = max(await context.ledger.take(f"ocsp/{generation.id}"), newest_number(target) + 1)
    times = ocsp.Times(now, now, until)
    await context.keyring.ready(row)
    run = Run(number, begun.seq, forms[0], context.keyring.ocsp_responder(row), times)
    with AnswerWriter(target, run, KeyAlgorithm(row.key_algorithm)) as writer:
        count = await _write(context, generation, _Signing(context, row, run), writer)
        read_to = await _read_to(context.database, begun)
        digest = await asyncio.to_thread(_finish, writer, forms[0], read_to)
        await context.ledger.commit(_on_record(generation, run, count, digest))
        await asyncio.to_thread(writer.publish)
    remove_older(target)
    return count


def _on_record(generation: Generation, run: Run, count: int, digest: bytes) -> Change:
    times = run.times
    row = OcspRunRow(digest, generation.id, times.produced_at, times.next_update)
    detail: dict[str, JsonValue] = {
        "answers": count,
        "run": run.number,
        "next_update": times.next_update.isoformat(),
    }
    subject, at = f"authority:{generation.path}", times.produced_at
    return Change(
        inserted=[row], events=[Event(EventKind.OCSP_PRODUCED, at, "system:ocsp", "", subject, detail)]
    )


async def _read_to(database: Database, begun: Place) -> Place:
    """Where the feed is now. Raises Unavailable if the database is another one than at the beginning."""
    read_to = await newest_place(database)
    if not await has_place(database, begun):
        raise Unavailable(
            "the database was put back while OCSP answers were produced; they are produced anew"
        )
    return read_to


def _finish(writer: AnswerWriter, issuer: bytes, read_to: Place) -> bytes:
    """Finish the file, and read it as responders will; its digest. Raises IntegrityError."""
    file = AnswerFile(writer.finish(read_to), issuer)
    file.verify()
    return file.run.digest


async def _write(context: Context, generation: Generation, signing: "_Signing", writer: AnswerWriter) -> int:
    """One record for each certificate that has not ended, in the order of serials."""
    count, last, now = 0, b"", context.clock()
    while True:
        rows = await context.database.query(
            'SELECT "serial", "revoked_at" IS NOT NULL FROM "certificate" '
            'WHERE "generation_id" = ? AND "serial" > ? AND "not_after" > ? '
            f'ORDER BY "serial" LIMIT {PAGE}',
            generation.id,
            last,
            now,
        )
        serials = [serial for serial, _ in rows if len(serial) == ocsp.SERIAL_OCTETS]
        revoked = any(one for _, one in rows)
        facts = await _facts(context, generation, serials[0], serials[-1]) if revoked and serials else {}
        signatures = await signing.sign([(serial, facts.get(serial)) for serial in serials])
        for serial, signature in zip(serials, signatures, strict=True):
            writer.add(int.from_bytes(serial, "big"), facts.get(serial), signature)
        count += len(serials)
        if len(rows) < PAGE:
            return count
        last = rows[-1][0]
        await asyncio.sleep(0)


async def _facts(
    context: Context, generation: Generation, first: bytes, last: bytes
) -> dict[bytes, RevocationFacts | None]:
    """The revocations among a range of serials."""
    rows = await context.database.select(
        CertificateRow,
        '"generation_id" = ? AND "serial" BETWEEN ? AND ? AND "revoked_at" IS NOT NULL',
        generation.id,
        first,
        last,
    )
    return {row.serial: facts_of(row) for row in rows}


class _Signing:
    """Signs the answers of one run. Every one about a revoked certificate is read back before it is signed,
    of the others a sample: they differ in the serial alone."""

    def __init__(self, context: Context, row: OcspSignerRow, run: Run) -> None:
        self._keyring = context.keyring
        self._signer = context.keyring.ocsp_signer(row)
        self._run = run
        self._template = ocsp.Template(run.signer, run.times, run.issuer)

    async def sign(self, statements: list[tuple[bytes, RevocationFacts | None]]) -> list[bytes]:
        """The signatures. A key module is given several at a time."""
        prepared = [self._tbs(serial, facts) for serial, facts in statements]
        if self._signer.local:
            return [await self._keyring.ocsp_signature(self._signer, tbs) for tbs in prepared]
        return await asyncio.gather(*(self._keyring.ocsp_signature(self._signer, tbs) for tbs in prepared))

    def _tbs(self, serial: bytes, facts: RevocationFacts | None) -> bytes:
        status = ocsp.revoked(facts) if facts else ocsp.GOOD
        tbs = self._template.tbs(serial, status)
        if self._template.to_read_back(status):
            single = SingleResponse(CertId(self._run.issuer, serial), status)
            ocsp.check_response(tbs, self._run.signer, self._run.times, (single,))
        return tbs
