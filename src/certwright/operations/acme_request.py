"""A signed ACME request, as far as operations need to know of it."""

from dataclasses import dataclass
from datetime import datetime

from ..core.errors import CertwrightError
from ..store.ledger import Absent, Change
from ..store.rows import AcmeNonceRow


@dataclass(frozen=True, slots=True)
class Signed:
    """Signature and nonce are checked. `source` is the client's address; `spent` takes the nonce, in the commit
    of what is asked for, so that no request is carried out twice."""

    source: str
    spent: Change
    now: datetime


def spend_nonce(fingerprint: bytes, expires_at: datetime, otherwise: CertwrightError) -> Change:
    """The change that takes a nonce for good; `otherwise` is raised when it was taken before."""
    return Change(
        inserted=[AcmeNonceRow(fingerprint, expires_at)],
        absent=[Absent(AcmeNonceRow, "fingerprint", fingerprint, otherwise)],
    )
