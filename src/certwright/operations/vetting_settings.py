"""What an installation has set about vetting, and how a virus scanner is asked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ..core.vetting import Ages

Scan = Callable[[bytes], Awaitable[str]]
"""Why a document is refused, in one line; empty if it is not. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class VettingSettings:
    """`scan` is None where no scanner is configured; `mails` says that a mail server is."""

    ages: Ages = field(default_factory=Ages)
    evidence_octets: int = 10_000_000
    scan: Scan | None = None
    mails: bool = True
