"""A signed ACME request, as far as operations need to know of it."""

from dataclasses import dataclass
from datetime import datetime

from ..core.audit import Event, EventKind, shown
from ..core.errors import CertwrightError
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.rows import AcmeAccountRow, AcmeNonceRow
from .context import Context

REASON_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Signed:
    """Signature and nonce are checked. `source` is the client's address; `spent` takes the nonce, in the
    commit of what is asked for, so that no request is carried out twice. `revision` is that of the
    configuration under which the request was judged."""

    source: str
    spent: Change
    now: datetime
    revision: int


def spend_nonce(fingerprint: bytes, expires_at: datetime, otherwise: CertwrightError) -> Change:
    """The change that takes a nonce for good; `otherwise` is raised when it was taken before."""
    return Change(
        inserted=[AcmeNonceRow(fingerprint, expires_at)],
        absent=[Absent(AcmeNonceRow, "fingerprint", fingerprint, otherwise)],
    )


async def record_refused(
    context: Context, signed: Signed, account: AcmeAccountRow | None, subject: str, reason: str
) -> None:
    """Take the nonce of a request that was refused, so that it cannot succeed when it is sent again; with a
    `subject` the refusal is put on record. Raises what `spent` names, Unavailable."""
    change = Change()
    change.join(signed.spent)
    if account is not None and subject:
        actor, detail = f"acme:{account.id}", {"reason": shown(reason, REASON_SHOWN)}
        kind = EventKind.CERTIFICATE_REFUSED
        change.events.append(Event(kind, signed.now, actor, signed.source, subject, detail))
    await context.ledger.commit(change)
