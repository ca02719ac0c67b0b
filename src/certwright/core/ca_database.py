"""The database of `openssl ca`, `index.txt`: a certificate on each line, fields between tabs (openssl-ca(1)).

    V|R|E   end   [revoked[,reason[,more]]]   serial number   file, `unknown`   subject

easy-rsa keeps the same. Times are `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from .errors import Malformed
from .revocation import Reason

LINE_MAX = 16 * 1024
_SERIAL = re.compile(r"-?[0-9A-Fa-f]{1,64}")
_TIMES = {13: "%y%m%d%H%M%SZ", 15: "%Y%m%d%H%M%SZ"}
_DIGITS = re.compile(r"[0-9]+Z")
_PIVOT = 1950
_REASONS = {reason.label.lower(): reason for reason in Reason} | {
    "holdinstruction": Reason.CERTIFICATE_HOLD,  # with an OID
    "keytime": Reason.KEY_COMPROMISE,  # with the time since which the key is thought lost
    "cakeytime": Reason.CA_COMPROMISE,
}


@dataclass(frozen=True, slots=True)
class IssuedLine:
    """`serial` is in capital hexadecimal, as names of files have it; `reason` is None where not revoked."""

    serial: str
    subject: str
    revoked_at: datetime | None = None
    reason: Reason | None = None

    @property
    def number(self) -> int:
        return int(self.serial, 16)


def read_issued_line(line: str) -> IssuedLine:
    """Raises Malformed."""
    fields = line.split("\t")
    if len(line) > LINE_MAX or len(fields) != 6 or fields[0] not in {"V", "R", "E"}:
        raise Malformed("it is no line of a database of openssl")
    flag, _, revoked, serial, _, subject = fields
    if not _SERIAL.fullmatch(serial):
        raise Malformed("its serial number cannot be read")
    if flag != "R":
        return IssuedLine(serial.upper(), subject)
    moment, _, why = revoked.partition(",")
    reason = _REASONS.get(why.partition(",")[0].lower(), Reason.UNSPECIFIED)
    if reason is Reason.REMOVE_FROM_CRL:
        return IssuedLine(serial.upper(), subject)
    return IssuedLine(serial.upper(), subject, _moment(moment), reason)


def _moment(text: str) -> datetime:
    pattern = _TIMES.get(len(text)) if _DIGITS.fullmatch(text) else None
    if pattern is None:
        raise Malformed("the time of its revocation cannot be read")
    try:
        found = datetime.strptime(text, pattern).replace(tzinfo=UTC)
    except ValueError as error:
        raise Malformed("the time of its revocation cannot be read") from error
    if len(text) == 13 and found.year >= _PIVOT + 100:
        return found.replace(year=found.year - 100)
    return found
