"""Authorities of AWS Private CA. What they have issued, its interface does not list."""

from ...calls import at, list_at, text_at
from .account import Account
from .certificates import Certificates, chain_of
from .listing import Service, Sight, Thing, facts_of
from .services import PRIVATE_CA

PAGE = 1000
WITHOUT = frozenset({"CREATING", "PENDING_CERTIFICATE", "DELETED", "FAILED"})
"""Those of which there is no certificate, or none that is given any more."""


class PrivateCa(Service):
    def __init__(self, account: Account, _certificates: Certificates, region: str) -> None:
        self._account = account
        self._region = region

    async def page(self, token: str) -> tuple[list[Thing], str]:
        asked = {"MaxResults": PAGE} | ({"NextToken": token} if token else {})
        answer = await self._account.json(PRIVATE_CA, self._region, "ListCertificateAuthorities", asked)
        listed = [
            Thing(text_at(one, "Arn"), one)
            for one in list_at(answer, "CertificateAuthorities")
            if text_at(one, "Arn") and text_at(one, "Status") not in WITHOUT
        ]
        return listed, text_at(answer, "NextToken")

    async def look(self, thing: Thing) -> list[Sight]:
        action = "GetCertificateAuthorityCertificate"
        asked = {"CertificateAuthorityArn": thing.arn}
        answer = await self._account.json(PRIVATE_CA, self._region, action, asked)
        chain = chain_of(text_at(answer, "Certificate"), text_at(answer, "CertificateChain"))
        authority = thing.about
        facts = facts_of(
            type=text_at(authority, "Type").lower(),
            state=text_at(authority, "Status").lower(),
            key_algorithm=text_at(authority, "CertificateAuthorityConfiguration", "KeyAlgorithm"),
            usage_mode=text_at(authority, "UsageMode").lower().replace("_", "-"),
            crl=at(authority, "RevocationConfiguration", "CrlConfiguration", "Enabled") is True,
            ocsp=at(authority, "RevocationConfiguration", "OcspConfiguration", "Enabled") is True,
        )
        return [Sight(chain, facts)]
