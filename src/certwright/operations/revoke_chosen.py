"""Revoke several certificates at once, which is a dangerous act where one alone is none."""

from dataclasses import dataclass

from ..core.access import Actor, Subject, Verb, require_for_certificate
from ..core.audit import JsonValue
from ..core.errors import CertwrightError, Conflict
from ..core.revocation import Reason
from ..core.second_person import Act, Kind
from ..store.rows import CertificateRow
from .certificates_in_use import authority_of, speaks_for_us
from .context import Context
from .find_certificate import find_certificate, read_subject
from .revoke import revoke_certificate
from .second_person import permission

SUBJECT_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Revoked:
    """How many are revoked now, and why others are not: the reference as it was given, and the error."""

    done: int
    failed: tuple[tuple[str, CertwrightError], ...]


async def revoke_chosen(context: Context, actor: Actor, references: list[str], reason: Reason) -> Revoked:
    """One after another; what cannot be revoked does not keep the others from it. A second person's
    permission, needed for more than one, is used up at the end: what is cut short is finished by it.

    Raises SecondPersonNeeded, and where one is needed also what is wrong with any of them.
    """
    await context.snapshots.refresh()  # revocations stand on no configuration
    act = await _act(context, actor, references, reason)
    if act is None:
        return await _each(context, actor, references, reason)
    permitted = await permission(context, actor, act)
    outcome = await _each(context, actor, references, reason)
    permitted.revision = None  # decided, and acted upon, by now
    await context.ledger.commit(permitted)
    return outcome


async def _each(context: Context, actor: Actor, references: list[str], reason: Reason) -> Revoked:
    failed: list[tuple[str, CertwrightError]] = []
    for reference in references:
        try:
            await revoke_certificate(context, actor, reference, reason, context.clock())
        except CertwrightError as error:
            failed.append((reference, error))
    return Revoked(len(references) - len(failed), tuple(failed))


async def _act(context: Context, actor: Actor, references: list[str], reason: Reason) -> Act | None:
    """What is to be confirmed; None where nobody needs to. Raises as `find_certificate`, and Conflict for the
    certificate of an authority, which is retired by itself."""
    if len(references) == 1 or not context.snapshot.second_person.needs(Kind.BULK_REVOKE):
        return None
    rows: dict[bytes, CertificateRow] = {}
    subjects: dict[Subject, None] = {}
    for reference in references:
        row = await find_certificate(context.database, actor, reference)
        if authority_of(context, row) is not None:
            raise Conflict(f"{row.subject[:SUBJECT_SHOWN]} is an authority; revoke its certificate by itself")
        subject = await read_subject(context.database, actor, row)
        require_for_certificate(actor, Verb.REVOKE, subject, speaks_for_us(context, row))
        rows[row.fingerprint] = row
        subjects[subject] = None
    chosen = [_shown(row) for _, row in sorted(rows.items())]
    arguments: dict[str, JsonValue] = {"certificates": chosen, "reason": reason.label}
    return Act(Kind.BULK_REVOKE, Verb.REVOKE, tuple(subjects), arguments)


def _shown(row: CertificateRow) -> dict[str, str]:
    return {
        "fingerprint": row.fingerprint.hex(),
        "serial": row.serial.hex(),
        "subject": row.subject[:SUBJECT_SHOWN],
    }
