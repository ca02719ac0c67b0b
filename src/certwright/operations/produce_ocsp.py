"""Sign OCSP answers ahead for every live certificate of a generation, into one file of answers.

The place in the status feed is taken before the first certificate is read: whatever changes later is newer
than the file, and responders know.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

from ..core import keys, ocsp
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Unavailable
from ..core.keys import KeyAlgorithm
from ..core.revocation import RevocationFacts
from ..store.answers import AnswerWriter, Run, remove_older
from ..store.ledger import Change
from ..store.rows import CertificateRow
from ..store.snapshot import Generation
from .context import Context
from .keyring import Signer
from .revoke import facts_of

VALIDITY = timedelta(days=3)
PAGE = 1_000
SERIAL_OCTETS = 16


async def produce_ocsp(context: Context, generation: Generation, folder: Path) -> int:
    """Produce one file below `folder`; how many answers it holds. Raises Unavailable."""
    row = context.snapshot.signers.get(generation.id)
    now = context.clock().replace(microsecond=0)
    if row is None or row.not_after <= now or generation.certificate is None:
        raise Unavailable(f"authority {generation.path} has no OCSP signer in force")
    signer, responder = context.keyring.ocsp_signer(row), context.keyring.ocsp_responder(row)
    assert generation.public_key is not None
    forms = ocsp.issuer_forms(generation.certificate.subject.public_bytes(), keys.spki(generation.public_key))
    position = (await context.database.query('SELECT max("seq") FROM "status_change"'))[0][0] or 0
    number = await context.ledger.take(f"ocsp/{generation.id}")
    times = ocsp.Times(now, now, min(now + VALIDITY, row.not_after))
    run = Run(number, position, forms[0], responder, times)
    target = folder / str(generation.id)
    with AnswerWriter(target, run, KeyAlgorithm(row.key_algorithm)) as writer:
        count = await _write(context, generation, signer, ocsp.Template(responder, times, forms[0]), writer)
        writer.finish()
    remove_older(target)
    detail: dict[str, JsonValue] = {
        "answers": count,
        "run": number,
        "next_update": times.next_update.isoformat(),
    }
    event = Event(EventKind.OCSP_PRODUCED, now, "system:ocsp", "", f"authority:{generation.path}", detail)
    await context.ledger.commit(Change(events=[event]))
    return count


async def _write(
    context: Context, generation: Generation, signer: Signer, template: ocsp.Template, writer: AnswerWriter
) -> int:
    """One record for each certificate that has not ended, in the order of serials."""
    count, last, now = 0, b"", context.clock()
    while True:
        rows = await context.database.query(
            'SELECT c."serial", c."id", c."revoked_at" IS NOT NULL FROM "certificate" c '
            'WHERE c."generation_id" = ? AND c."serial" > ? AND c."not_after" > ? '
            f'ORDER BY c."serial" LIMIT {PAGE}',
            generation.id,
            last,
            now,
        )
        for serial, identifier, revoked in rows:
            if len(serial) != SERIAL_OCTETS:
                continue
            facts = await _facts(context, identifier) if revoked else None
            status = ocsp.revoked(facts) if facts else ocsp.GOOD
            signature = await context.keyring.ocsp(signer, template.tbs(serial, status))
            writer.add(int.from_bytes(serial, "big"), facts, signature)
            count += 1
        if len(rows) < PAGE:
            return count
        last = rows[-1][0]
        await asyncio.sleep(0)


async def _facts(context: Context, identifier: int) -> RevocationFacts | None:
    [row] = await context.database.select(CertificateRow, '"id" = ?', identifier)
    return facts_of(row)
