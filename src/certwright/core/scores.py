"""How sound the certificates of a team are, as one number that everybody can check by counting.

The score is the share, in whole percent, of the certificates in use of which nothing critical and no warning
is open. What somebody has accepted for a time does not count against it, nor do notices.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .health import Severity
from .standing import Standing

LOWERING = frozenset({Severity.CRITICAL, Severity.WARNING})


def in_use(standing: str, revoked: bool, not_after: datetime, now: datetime) -> bool:
    """We have issued or adopted it, and it is live."""
    return standing in (Standing.ISSUED, Standing.ADOPTED) and not revoked and not_after > now


@dataclass(slots=True)
class Score:
    """`certificates` are those in use, `sound` of these those that have nothing critical and no warning.
    `critical`, `warning` and `notice` are open findings, of those in use or not; `accepted` those that are
    accepted for a time."""

    certificates: int = 0
    sound: int = 0
    critical: int = 0
    warning: int = 0
    notice: int = 0
    accepted: int = 0

    def add(self, used: bool, findings: Iterable[tuple[Severity, bool]]) -> None:
        """One certificate more, with the severity of each open finding of it and whether it is accepted."""
        sound = True
        for severity, accepted in findings:
            name = "accepted" if accepted else severity.value
            setattr(self, name, getattr(self, name) + 1)
            sound = sound and (accepted or severity not in LOWERING)
        self.certificates += used
        self.sound += used and sound

    @property
    def percent(self) -> int | None:
        """Rounded down, so that 100 says that all are sound; None where nothing is in use."""
        return 100 * self.sound // self.certificates if self.certificates else None
