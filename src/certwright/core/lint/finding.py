"""What a lint can say, and how a rule is declared.

A rule declares the findings it may raise and the parts of a certificate it reads. Rules that read only the
frame, which all certificates of one shape share octet for octet, run once for a shape; the others run for
every certificate.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from ..errors import IntegrityError
from ..profile import Profile
from .decoded import Decoded


class Severity(StrEnum):
    """An error stops the issuance; the others are kept with the certificate."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class Part(StrEnum):
    """Parts of a decoded certificate. FRAME is everything that certificates of one shape share."""

    FRAME = "frame"
    SERIAL = "serial"
    VALIDITY = "validity"
    SUBJECT = "subject"
    NAMES = "names"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Finding:
    """A declared finding: a stable dotted code, the clause it rests on, one line of text."""

    code: str
    severity: Severity
    clause: str
    text: str

    def about(self, detail: object) -> "Finding":
        """The finding as raised: with what exactly was found."""
        return replace(self, text=f"{self.text}: {str(detail)[:200]}")


Check = Callable[[Decoded, Profile], tuple[Finding, ...] | list[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    check: Check
    reads: frozenset[Part]
    findings: tuple[Finding, ...]

    def run(self, decoded: Decoded, profile: Profile) -> tuple[Finding, ...]:
        return self.declared(self.check(decoded, profile))

    def declared(self, found: tuple[Finding, ...] | list[Finding]) -> tuple[Finding, ...]:
        """Raises IntegrityError if the rule has raised a finding that it does not declare."""
        codes = {finding.code for finding in self.findings}
        if undeclared := [finding.code for finding in found if finding.code not in codes]:
            raise IntegrityError(f"a lint rule raised {undeclared[0]}, which it does not declare")
        return tuple(found)


def rule(*reads: Part, findings: tuple[Finding, ...]) -> Callable[[Check], Rule]:
    """Declare a rule: what it reads, and what it may find."""

    def declare(check: Check) -> Rule:
        return Rule(check, frozenset(reads) | {Part.FRAME}, findings)

    return declare


def error(code: str, clause: str, text: str) -> Finding:
    return Finding(code, Severity.ERROR, clause, text)


def warning(code: str, clause: str, text: str) -> Finding:
    return Finding(code, Severity.WARNING, clause, text)


def notice(code: str, clause: str, text: str) -> Finding:
    return Finding(code, Severity.NOTICE, clause, text)
