"""Revocation: the reasons of RFC 5280 section 5.3.1, the facts of one revocation, and what may follow what.

    not revoked ──revoke──> on hold ──release──> not revoked
         │                     │
         └──────revoke─────────┴──> revoked ──keyCompromise learnt later──> revoked

Everything but a hold is final. The revocation date is the moment the authority acted, and stays what it
was when a hold becomes final (X.509, on the reason code extension) or a reason is corrected; when a key
was lost earlier, the invalidity date says so (RFC 5280 section 5.3.2). A date of the future is from a clock
that was wrong, and does not stay.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from .clocks import of_the_future
from .errors import Conflict, Malformed


class Reason(IntEnum):
    """CRLReason by its code (RFC 5280 section 5.3.1; 7 is not used). `label` is the name in the RFC."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10

    @property
    def label(self) -> str:
        return _LABELS[self]

    @classmethod
    def labelled(cls, label: str) -> "Reason":
        """The reason of exactly this name in the RFC. Raises KeyError for another."""
        return _OF_LABEL[label]


_LABELS: dict[Reason, str] = {
    Reason.UNSPECIFIED: "unspecified",
    Reason.KEY_COMPROMISE: "keyCompromise",
    Reason.CA_COMPROMISE: "cACompromise",
    Reason.AFFILIATION_CHANGED: "affiliationChanged",
    Reason.SUPERSEDED: "superseded",
    Reason.CESSATION_OF_OPERATION: "cessationOfOperation",
    Reason.CERTIFICATE_HOLD: "certificateHold",
    Reason.REMOVE_FROM_CRL: "removeFromCRL",
    Reason.PRIVILEGE_WITHDRAWN: "privilegeWithdrawn",
    Reason.AA_COMPROMISE: "aACompromise",
}
_OF_LABEL = {label: reason for reason, label in _LABELS.items()}

# What a caller may ask for. removeFromCRL is never a reason of its own: releasing a hold makes it.
REASONS_TO_ASK_FOR = tuple(reason for reason in Reason if reason is not Reason.REMOVE_FROM_CRL)
_BY_LABEL = {_LABELS[reason].lower(): reason for reason in REASONS_TO_ASK_FOR}


def parse_reason(value: str | int) -> Reason:
    """A reason a caller may ask for, from its name (in any case) or code. Raises Malformed."""
    if isinstance(value, str):
        found = _BY_LABEL.get(value.lower())
    else:
        found = next((reason for reason in REASONS_TO_ASK_FOR if reason == value), None)
    if found is None:
        known = ", ".join(f"{reason.label} ({reason.value})" for reason in REASONS_TO_ASK_FOR)
        raise Malformed(f"{str(value)[:40]!r} is not a revocation reason; known are {known}")
    return found


@dataclass(frozen=True, slots=True)
class RevocationFacts:
    """One revocation: when the authority acted, why, and since when the key is thought lost, if known.

    Times are aware UTC, whole seconds.
    """

    revoked_at: datetime
    reason: Reason
    invalidity_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusChange:
    """What became of one certificate: revoked with these facts, or released at `at` when `facts` is None."""

    serial: int
    at: datetime
    facts: RevocationFacts | None


def revoke(current: RevocationFacts | None, wanted: RevocationFacts, issued_at: datetime) -> RevocationFacts:
    """The facts after revoking. `wanted.revoked_at` is now; `issued_at` is when the certificate was made.

    Raises Malformed for a reason or date nobody may ask for, Conflict when what is revoked stays as it is.
    """
    if wanted.reason is Reason.REMOVE_FROM_CRL:
        raise Malformed("removeFromCRL is not a reason to revoke; release the hold instead")
    _check_invalidity_date(wanted, issued_at)
    if current is not None and not _may_replace(current.reason, wanted.reason):
        raise Conflict(
            f"the certificate is already revoked since {current.revoked_at:%Y-%m-%d %H:%M:%S} UTC"
            f" for {current.reason.label}; {wanted.reason.label} cannot replace that"
        )
    now = wanted.revoked_at
    # A host whose clock is behind must still be able to revoke what another host has just issued.
    revoked_at = _kept(current.revoked_at if current else None, now) or max(now, issued_at)
    earlier = _kept(current.invalidity_date if current else None, now)
    invalidity_date = wanted.invalidity_date or earlier
    return RevocationFacts(
        revoked_at.replace(microsecond=0),
        wanted.reason,
        invalidity_date.replace(microsecond=0) if invalidity_date else None,
    )


def _kept(date: datetime | None, now: datetime) -> datetime | None:
    """A date of the revocation before, unless the clock it is from was wrong."""
    return None if date is None or of_the_future(date, now) else date


def _may_replace(current: Reason, wanted: Reason) -> bool:
    if wanted is current:
        return False
    return current is Reason.CERTIFICATE_HOLD or wanted is Reason.KEY_COMPROMISE


def _check_invalidity_date(wanted: RevocationFacts, issued_at: datetime) -> None:
    date = wanted.invalidity_date
    if date is None:
        return
    if date.tzinfo is None:
        raise Malformed("the invalidity date has no time zone; give it in UTC")
    if date > wanted.revoked_at:
        raise Malformed(f"the invalidity date {date:%Y-%m-%d %H:%M:%S} UTC lies in the future")
    if date.replace(microsecond=0) < issued_at.replace(microsecond=0):
        raise Malformed(
            f"the invalidity date {date:%Y-%m-%d %H:%M:%S} UTC is before the certificate was issued,"
            f" at {issued_at:%Y-%m-%d %H:%M:%S} UTC; give a date from then on"
        )


def release(current: RevocationFacts | None) -> None:
    """Check that a hold may be lifted. Raises Conflict when there is none (RFC 5280 section 5.3.1)."""
    if current is None:
        raise Conflict("the certificate is not revoked, so there is nothing to release")
    if current.reason is not Reason.CERTIFICATE_HOLD:
        raise Conflict(
            f"the certificate is revoked for {current.reason.label}, which is final;"
            " only certificateHold can be released"
        )


def may_leave_crl(not_after: datetime, last_scheduled_crl: datetime | None) -> bool:
    """May the next CRL leave out the entry of a certificate that ended at `not_after`?

    `last_scheduled_crl` is thisUpdate of the newest regularly scheduled CRL that still lists it, None if
    there is none: an entry stays until it has been on one such CRL from after the certificate's end
    (RFC 5280 section 3.3).
    """
    return last_scheduled_crl is not None and not_after < last_scheduled_crl
