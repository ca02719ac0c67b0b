"""The dns-01 challenge: RFC 8555 section 8.4."""

from datetime import datetime

from ...core.egress import Unreached, shown
from ...core.names import IdentifierKind
from ...ports import Challenge, Evidence
from ...protocols.acme.challenges import DNS_01, dns_01_value
from ..resolver import Resolver
from .common import DEFAULT_SETTINGS, ValidatorSettings, Witness, fault_of


class Dns01:
    """Looks for the digest of the key authorization among the TXT records below the name, CNAMEs followed."""

    kind = DNS_01
    Settings = ValidatorSettings

    def __init__(self, settings: ValidatorSettings = DEFAULT_SETTINGS) -> None:
        self._resolver = Resolver(settings.resolver)
        self._perspective = settings.perspective

    async def check(self, challenge: Challenge, now: datetime) -> Evidence:
        """Raises Unavailable where the lack is ours."""
        witness = Witness(self._perspective, now)
        if fault := fault_of(challenge, self.kind, IdentifierKind.DNS):
            return witness.failed("malformed", fault)
        name = f"_acme-challenge.{challenge.identifier.value.removeprefix('*.')}"
        try:
            texts = await self._resolver.texts(name)
        except Unreached as error:
            return witness.failed(error.problem, error.detail)
        digest = dns_01_value(challenge.key_authorization)
        if digest.encode("ascii") in texts:
            return witness.fulfilled()
        if not texts:
            return witness.failed("dns", f"no TXT record at {shown(name)}; it must hold {digest}")
        detail = f"none of {len(texts)} TXT records at {shown(name)} holds {digest}"
        return witness.failed("incorrectResponse", detail)
