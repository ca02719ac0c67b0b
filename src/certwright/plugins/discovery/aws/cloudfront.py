"""Distributions of CloudFront that serve with a certificate of the account."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

from ....core.egress import Unreached
from .account import Account, Refusal
from .answers import Element
from .certificates import Certificates
from .listing import Service, Sight, Thing, facts_of
from .load_balancers import seen_with
from .services import CLOUDFRONT


class CloudFront(Service):
    def __init__(self, account: Account, certificates: Certificates, _region: str) -> None:
        self._account = account
        self._certificates = certificates

    async def page(self, token: str) -> tuple[list[Thing], str]:
        path = f"/distribution?{urlencode({'Marker': token}, quote_via=quote)}" if token else "/distribution"
        answer = await self._account.get(CLOUDFRONT, "ListDistributions", path)
        if answer.name != "DistributionList":
            raise Unreached("connection", "the answer to ListDistributions is no list of them")
        more = answer.value("NextMarker") if answer.value("IsTruncated") == "true" else ""
        return list(_things(answer)), more

    async def look(self, thing: Thing) -> list[Sight]:
        distribution = thing.about
        assert isinstance(distribution, Element)
        (how,) = distribution.every("ViewerCertificate")
        facts = {
            "domain": distribution.value("DomainName"),
            "names": sorted(distribution.values("Aliases", "Items", "CNAME")),
            "security_policy": how.value("MinimumProtocolVersion"),
        }
        arn, identifier = how.value("ACMCertificateArn"), how.value("IAMCertificateId")
        try:
            arn = arn or await self._certificates.iam_arn(identifier)
        except (Refusal, Unreached) as error:
            detail = f"its certificate cannot be had: {error.detail}"
            return [Sight((), facts_of(**facts), "", detail)]
        return [await seen_with(self._certificates, arn, thing.arn, **facts)]


def _things(answer: Element) -> Iterator[Thing]:
    for one in answer.every("Items", "DistributionSummary"):
        how = next(one.every("ViewerCertificate"), Element(""))
        if one.value("ARN") and (how.value("ACMCertificateArn") or how.value("IAMCertificateId")):
            yield Thing(one.value("ARN"), one)
