"""The http-01 challenge: RFC 8555 section 8.3, for IP addresses RFC 8738 section 4."""

from dataclasses import replace
from datetime import datetime

from ...core.egress import Purpose, Unreached, Url
from ...core.names import IdentifierKind
from ...ports import Challenge, Evidence
from ...protocols.acme.challenges import HTTP_01
from ..egress import Fetched, fetch_url
from .common import DEFAULT_SETTINGS, ValidatorSettings, Witness, fault_of, host_of

BODY_OCTETS_MAX = 4096  # a key authorization has about 90, the rest is room for white space


class Http01:
    """Fetches the key authorization from the identifier's web server.

    On a loopback address the policy's stand-in port is tried when the port itself refuses.
    """

    kind = HTTP_01
    Settings = ValidatorSettings

    def __init__(self, settings: ValidatorSettings = DEFAULT_SETTINGS) -> None:
        octets = min(settings.limits.body_octets, BODY_OCTETS_MAX)
        egress = settings.egress()
        self._egress = replace(egress, limits=replace(settings.limits, body_octets=octets))
        self._settings = settings

    async def check(self, challenge: Challenge, now: datetime) -> Evidence:
        """Raises Unavailable where the lack is ours."""
        witness = Witness(self._settings.perspective, now)
        if fault := fault_of(challenge, self.kind, IdentifierKind.DNS, IdentifierKind.IP):
            return witness.failed("malformed", fault)
        try:
            fetched = await fetch_url(self._egress, Purpose.HTTP_01, self._url(challenge))
        except Unreached as error:
            return witness.failed(error.problem, error.detail, error.addresses, error.trail)
        if fault := _fault(fetched, challenge):
            return witness.failed("incorrectResponse", fault, fetched.addresses, fetched.trail)
        return witness.fulfilled(fetched.addresses, fetched.trail)

    def _url(self, challenge: Challenge) -> Url:
        path = f"/.well-known/acme-challenge/{challenge.token}"
        return Url("http", host_of(challenge.identifier), self._settings.http_port, path)


def _fault(fetched: Fetched, challenge: Challenge) -> str:
    """What is wrong with the answer; its body may come from anywhere and is not quoted."""
    redirects = len(fetched.trail) - 1
    place = f"{fetched.place}, redirects followed: {redirects}," if redirects else fetched.place
    if fetched.status != 200:
        return f"{place} answered with HTTP status {fetched.status}, not 200"
    body = fetched.body.rstrip()
    if body == challenge.key_authorization.encode("ascii"):
        return ""
    if body.startswith(f"{challenge.token}.".encode("ascii")):
        return f"{place} answered with the key authorization of another account key"
    return f"{place} answered with {len(fetched.body)} octets that are not the key authorization"
