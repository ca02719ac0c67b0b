"""What the validators share: their settings, and how evidence is written."""

import re
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from ...core.egress import DEFAULT_LIMITS, DEFAULT_POLICY, EMBEDDED, Address, EgressPolicy, Limits
from ...core.names import Identifier, IdentifierKind
from ...ports import Challenge, Evidence
from ..egress import Egress
from ..resolver import SYSTEM_RESOLVER, Resolver, ResolverSettings

DETAIL_MAX = 1000

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class ValidatorSettings:
    """From where and how far a validator looks. `perspective` labels its evidence; the ports are those of
    RFC 8555 section 8.3 and RFC 8737 section 3, and must be among the policy's."""

    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER
    limits: Limits = DEFAULT_LIMITS
    perspective: str = "local"
    http_port: int = 80
    tls_port: int = 443

    def egress(self) -> Egress:
        return Egress(self.policy, Resolver(self.resolver), self.limits)


DEFAULT_SETTINGS = ValidatorSettings()
EMBEDDED_SETTINGS = ValidatorSettings(EMBEDDED, ResolverSettings(localhost=True))


@dataclass(frozen=True, slots=True)
class Witness:
    """Writes the evidence of one check: `problem` is an ACME error type (RFC 8555 section 6.7)."""

    perspective: str
    now: datetime

    def fulfilled(self, addresses: tuple[str, ...] = (), trail: tuple[str, ...] = ()) -> Evidence:
        return Evidence(self.now, self.perspective, addresses=addresses, trail=trail)

    def failed(
        self, problem: str, detail: str, addresses: tuple[str, ...] = (), trail: tuple[str, ...] = ()
    ) -> Evidence:
        return Evidence(self.now, self.perspective, problem, detail[:DETAIL_MAX], addresses, trail)


def fault_of(challenge: Challenge, kind: str, *identifiers: IdentifierKind) -> str:
    """Why a challenge cannot be checked as `kind` at all, or nothing. A wildcard can be shown only by dns-01
    (RFC 8555 section 7.1.3 leaves it to policy; CA/Browser Forum 3.2.2.4.19 and .20 forbid the others)."""
    if challenge.kind != kind:
        return f"a {kind} validator cannot check this type of challenge"
    if challenge.identifier.kind not in identifiers:
        return f"{kind} cannot show control of an identifier of type {challenge.identifier.kind}"
    if challenge.identifier.value.startswith("*.") and kind != "dns-01":
        return f"{kind} cannot show control of a wildcard; use dns-01"
    if not _TOKEN.fullmatch(challenge.token):
        return "the token is not 1 to 128 characters of base64url"
    return ""


def host_of(identifier: Identifier) -> Address | str:
    """Whom to dial for a dns or ip identifier."""
    return ip_address(identifier.value) if identifier.kind is IdentifierKind.IP else identifier.value
