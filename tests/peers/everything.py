"""One of everything that is signed, for the judges: certificates of every profile and kind of key, by
authorities of several algorithms; complete and delta lists of several shards; OCSP answers made ahead."""

from pathlib import Path

from certwright.core import keys, ocsp
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.produce_ocsp import produce_ocsp
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.store.answers import AnswerFile, runs_in
from certwright.store.rows import CertificateBodyRow, CertificateRow, CrlRow
from certwright.store.snapshot import Generation
from tests.peers.test_issued_checker import issue_everything
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened
from tests.real.signed import Signed

SHARDS = 3
LEAVES = 12
KEY_ALGORITHMS = sorted({key for profile in built_in_profiles().values() for key in profile.keys})
REVOKED = ((Reason.KEY_COMPROMISE, True), (Reason.SUPERSEDED, True), (Reason.CESSATION_OF_OPERATION, False))


async def sign_everything(url: str, folder: Path) -> list[Signed]:
    async with opened(url, Secrets(), MovableClock()) as context:
        await found(context, crl_shards=SHARDS)
        await issue_everything(context)
        for number in range(LEAVES):
            csr = parse_csr(make_csr(f"h{number}.example.test"))
            await issue(context, IssueOrder(ADMINISTRATOR, csr, "issuing", "tls-server"))
        answers = []
        for generation in [one for one in context.snapshot.generations.values() if one.path != "root/1"]:
            if not context.snapshot.signers_of.get(generation.id):
                await issue_ocsp_signer(context, generation)
            await _status_of(context, generation)
            await produce_ocsp(context, context.snapshot.generations[generation.id], folder)
            answers += await _answers(context, generation, folder / str(generation.id))
        return [*await _certificates(context), *await _lists(context), *answers]


async def _rows(context: Context, generation: Generation) -> list[CertificateRow]:
    return await context.database.select(
        CertificateRow, '"generation_id" = ? AND "profile" = ? ORDER BY "id"', generation.id, "tls-server"
    )


async def _status_of(context: Context, generation: Generation) -> None:
    """Lists before and after revocations, so that there are deltas; one certificate on hold, one let off."""
    for _ in range(2):
        await _publish(context, generation, True)
    rows = await _rows(context, generation)
    for row, (reason, dated) in zip(rows, REVOKED * (len(rows) // 6), strict=False):
        since = row.issued_at if dated else None
        reference, now = row.fingerprint.hex(), context.clock()
        await revoke_certificate(context, ADMINISTRATOR, reference, reason, now, since)
    held = rows[-1].fingerprint.hex()
    await revoke_certificate(context, ADMINISTRATOR, held, Reason.CERTIFICATE_HOLD, context.clock())
    await _publish(context, generation, True)
    await release_certificate(context, ADMINISTRATOR, held, context.clock())
    await _publish(context, generation, False)
    await revoke_certificate(context, ADMINISTRATOR, held, Reason.CERTIFICATE_HOLD, context.clock())
    await _publish(context, generation, False)


async def _publish(context: Context, generation: Generation, scheduled: bool) -> None:
    for shard in range(generation.authority.crl_shards):
        await publish_crl(context, generation, shard, scheduled, ListTimes())


async def _certificates(context: Context) -> list[Signed]:
    """One of each shape: profile, issuer, and algorithm of its key."""
    rows = await context.database.select(CertificateRow, '1 = 1 ORDER BY "id"')
    bodies = {
        one.certificate_id: one.der for one in await context.database.select(CertificateBodyRow, "1 = 1")
    }
    shapes = {f"{row.profile} for {row.key_algorithm} by {row.authority}": bodies[row.id] for row in rows}
    return [Signed(name, "certificate", der) for name, der in shapes.items()]


async def _lists(context: Context) -> list[Signed]:
    rows = await context.database.select(CrlRow, '1 = 1 ORDER BY "id"')
    return [
        Signed(_name(context.snapshot.generations[row.generation_id], row), "crl", row.der) for row in rows
    ]


def _name(generation: Generation, row: CrlRow) -> str:
    return f"list {row.number} on {row.base_number} of {generation.path}, shard {row.shard}"


async def _answers(context: Context, generation: Generation, folder: Path) -> list[Signed]:
    """As they are spliced from the file."""
    assert generation.certificate is not None
    assert generation.public_key is not None
    spki = keys.spki(generation.public_key)
    issuer = ocsp.issuer_forms(generation.certificate.subject.public_bytes(), spki)[0]
    file = AnswerFile(runs_in(folder)[-1][1], issuer)
    signed = []
    for row in await _rows(context, generation):
        der = file.answer(row.serial)
        assert der is not None
        status = f"reason {row.revocation_reason}"
        signed.append(Signed(f"answer made ahead by {generation.path}, {status}", "ocsp", der))
    return list({one.name: one for one in signed}.values())
