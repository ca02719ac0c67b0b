"""What pages must know of the process that serves them; `site/settings.py` hands it over."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from django.conf import settings

from ..core.checkpoint import VerifierKey


class Setting(Protocol):
    """One setting as people are shown it: `source` is file, environment or default."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def variable(self) -> str: ...
    @property
    def description(self) -> str: ...


class AuditTrust(Protocol):
    """What is kept of the audit log outside the database: its public key and the newest checkpoint."""

    @property
    def keys(self) -> Sequence[VerifierKey]: ...
    @property
    def held(self) -> Sequence[str]: ...


class Surroundings(Protocol):
    """`own_machine`: only this machine can reach us, so that challenges are asked for at high ports too.
    `readiness` names the report in the extensions of a request's scope."""

    @property
    def home(self) -> Path: ...
    @property
    def service_url(self) -> str: ...
    @property
    def own_machine(self) -> bool: ...
    @property
    def readiness(self) -> str: ...
    @property
    def shown(self) -> Sequence[Setting]: ...
    @property
    def audit_trust(self) -> Callable[[], AuditTrust]: ...


def surroundings() -> Surroundings:
    given: Surroundings = settings.CERTWRIGHT_SURROUNDINGS  # type: ignore[misc]
    return given
