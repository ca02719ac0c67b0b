"""What practice documents are made of: the configuration as plain values.

Nothing stands here that moves by itself, such as the newest list or today's OCSP signer: what is not changed
by anybody must not become a new version.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..acme_settings import AcmeSettings
from ..policy import EndpointPolicy
from ..profile import Profile


@dataclass(frozen=True, slots=True)
class AuthorityFacts:
    """One generation of an authority. `provider` names its key provider; `offline`: under the recovery
    passphrase. Empty or None while it has no certificate."""

    name: str
    generation: int
    kind: str
    status: str
    subject: str
    algorithm: str
    provider: str
    offline: bool
    shards: int
    issuer: str = ""
    fingerprint: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    path_length: int | None = None
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    crl: str = ""
    ocsp: str = ""
    ca_issuers: str = ""

    @property
    def title(self) -> str:
        return f"{self.name}, generation {self.generation}"


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """One that is in use. `path` is PROTOCOL/NAME."""

    path: str
    authority: str
    profiles: tuple[str, ...]
    policy: EndpointPolicy
    settings: AcmeSettings


@dataclass(frozen=True, slots=True)
class StatusTimes:
    """How long status data holds, and how often a complete list is signed in any case."""

    complete: timedelta
    delta: timedelta
    schedule: timedelta
    offline: timedelta
    ocsp: timedelta
    ocsp_live: timedelta


@dataclass(frozen=True, slots=True)
class Facts:
    """The addresses are those of the newest CP and CPS, without ending. `rules` is the version of the rules
    of issuance in force, None without; `enrolment_kept` how long orders and authorizations stay after their
    end."""

    organization: str
    base_url: str
    policy_address: str
    practice_address: str
    authorities: tuple[AuthorityFacts, ...]
    profiles: tuple[Profile, ...]
    endpoints: tuple[EndpointFacts, ...]
    times: StatusTimes
    rules: int | None
    enrolment_kept: timedelta

    @property
    def in_force(self) -> tuple[AuthorityFacts, ...]:
        return tuple(one for one in self.authorities if one.status == IN_FORCE)


IN_FORCE = "in force"
