"""What an authority says of a certificate that it has issued: whether it is revoked, since when and why.

A source tells it as facts of a sighting (docs/reference/discovery.md). What is revoked stays so, but for a
hold, which ends when the authority does not speak of it any more (RFC 5280 section 5.3.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from .audit import JsonValue
from .errors import Malformed
from .moments import read_moment
from .revocation import Reason
from .unreadable import UNREADABLE

GOOD, REVOKED = "good", "revoked"


@dataclass(frozen=True, slots=True)
class ToldStatus:
    """`reason` is None exactly when it is not revoked; `revoked_at` is in UTC, and None with it."""

    revoked_at: datetime | None = None
    reason: Reason | None = None


def status_facts(
    revoked_at: datetime | None = None, reason: Reason = Reason.UNSPECIFIED
) -> dict[str, JsonValue]:
    """The facts that tell it; not revoked without a time."""
    if revoked_at is None:
        return {"status": GOOD}
    moment = revoked_at.astimezone(UTC).replace(microsecond=0)
    return {"status": REVOKED, "revoked_at": moment.isoformat(), "reason": reason.label}


def read_status(facts: Mapping[str, JsonValue]) -> ToldStatus | None:
    """None where nothing is told. Raises Malformed for what nobody can have meant."""
    status = facts.get("status")
    if status is None:
        return None
    if status == GOOD:
        return ToldStatus()
    moment, label = facts.get("revoked_at"), facts.get("reason", Reason.UNSPECIFIED.label)
    if status != REVOKED or not isinstance(moment, str) or not isinstance(label, str):
        raise Malformed("the status that is told is neither good nor revoked at a time")
    try:
        reason = Reason.labelled(label)
    except KeyError as error:
        raise Malformed(f"{label[:40]!r} is no reason for a revocation") from error
    if reason is Reason.REMOVE_FROM_CRL:
        return ToldStatus()
    return ToldStatus(read_moment(moment, "the time of the revocation"), reason)


def next_status(current: ToldStatus, told: ToldStatus) -> ToldStatus:
    """The status after it was told. A revocation keeps its time, and its reason unless it had none."""
    if current.reason in (None, Reason.CERTIFICATE_HOLD):
        return told
    if current.reason is Reason.UNSPECIFIED and told.reason not in (None, Reason.CERTIFICATE_HOLD):
        return ToldStatus(current.revoked_at, told.reason)
    return current


def has_issued(issuer: bytes, certificate: bytes) -> bool:
    """Is the certificate (DER) signed by the key of the other? Who has not signed it has no say in it."""
    try:
        above = x509.load_der_x509_certificate(issuer)
        x509.load_der_x509_certificate(certificate).verify_directly_issued_by(above)
    except (InvalidSignature, UnsupportedAlgorithm, *UNREADABLE):
        return False
    return True
