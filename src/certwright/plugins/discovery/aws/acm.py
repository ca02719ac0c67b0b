"""AWS Certificate Manager: what it has issued, and what was imported into it."""

from typing import Any

from ...calls import at, list_at, text_at, texts_at
from .account import Account
from .certificates import Certificates
from .listing import Service, Sight, Thing, facts_of
from .services import ACM

PAGE = 1000
STATUSES = ("ISSUED", "EXPIRED", "INACTIVE", "REVOKED")
"""Those of which there is a certificate; PENDING_VALIDATION and its kind have none."""
KEY_TYPES = ("RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1")
"""Without them the list has RSA keys of 1024 and 2048 bits alone."""


class Acm(Service):
    def __init__(self, account: Account, certificates: Certificates, region: str) -> None:
        self._account = account
        self._certificates = certificates
        self._region = region

    async def page(self, token: str) -> tuple[list[Thing], str]:
        asked: dict[str, Any] = {
            "MaxItems": PAGE,
            "CertificateStatuses": STATUSES,
            "Includes": {"keyTypes": KEY_TYPES},
        }
        if token:
            asked["NextToken"] = token
        answer = await self._account.json(ACM, self._region, "ListCertificates", asked)
        arns = (text_at(one, "CertificateArn") for one in list_at(answer, "CertificateSummaryList"))
        return [Thing(arn) for arn in arns if arn], text_at(answer, "NextToken")

    async def look(self, thing: Thing) -> list[Sight]:
        asked = {"CertificateArn": thing.arn}
        answer = await self._account.json(ACM, self._region, "DescribeCertificate", asked)
        facts = _facts(at(answer, "Certificate"))
        return [Sight(await self._certificates.chain(thing.arn), facts)]


def _facts(detail: object) -> dict[str, Any]:
    renewable = text_at(detail, "RenewalEligibility")
    return facts_of(
        type=text_at(detail, "Type").lower().replace("_", "-"),
        state=text_at(detail, "Status").lower().replace("_", "-"),
        in_use_by=sorted(texts_at(detail, "InUseBy")),
        key_algorithm=text_at(detail, "KeyAlgorithm"),
        renews=renewable == "ELIGIBLE" if renewable else None,
        renewal_status=text_at(detail, "RenewalSummary", "RenewalStatus").lower().replace("_", "-"),
        managed_by=text_at(detail, "ManagedBy"),
        authority=text_at(detail, "CertificateAuthorityArn"),
    )
