"""Server certificates of IAM: where classic load balancers and CloudFront had theirs before there was ACM."""

from .account import Account
from .certificates import Certificates, chain_in
from .listing import Service, Sight, Thing, facts_of
from .services import GLOBAL, IAM

PAGE = "1000"


class Iam(Service):
    def __init__(self, account: Account, certificates: Certificates, _region: str) -> None:
        self._account = account
        self._certificates = certificates

    async def page(self, token: str) -> tuple[list[Thing], str]:
        asked = {"MaxItems": PAGE} | ({"Marker": token} if token else {})
        answer = await self._account.query(IAM, GLOBAL, "ListServerCertificates", asked)
        listed = answer.every("ServerCertificateMetadataList", "member")
        things = [Thing(one.value("Arn"), one.value("ServerCertificateName")) for one in listed]
        return [one for one in things if one.arn and one.about], answer.value("Marker")

    async def look(self, thing: Thing) -> list[Sight]:
        answer = await self._certificates.in_iam(str(thing.about))
        path = answer.value("ServerCertificate", "ServerCertificateMetadata", "Path")
        return [Sight(chain_in(answer), facts_of(type="imported", path=path))]
