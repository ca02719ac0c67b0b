"""What the console is told of the process that serves it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..cli.wiring import AuditTrust
from .audit_trust import audit_trust
from .configuration import Configuration
from .django_lane import READINESS
from .shown_settings import ShownSetting, shown_settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """As `console/surroundings.py` describes it."""

    home: Path
    service_url: str
    own_machine: bool
    shown: tuple[ShownSetting, ...]
    audit_trust: Callable[[], AuditTrust]
    readiness: str = READINESS


def surroundings(configuration: Configuration) -> Surroundings:
    """Raises Malformed where the file of settings cannot be read."""
    home = configuration.home
    shown = shown_settings(configuration)
    trust = partial(audit_trust, home)
    return Surroundings(home, configuration.service_url, configuration.allow_loopback, shown, trust)
