"""Chains of an account by ARN: whoever serves with a certificate of ACM or IAM names it so."""

from collections import OrderedDict

from ....core.egress import Unreached
from ....core.errors import CertwrightError
from ....core.pem import ders_of_certificates
from ...calls import text_at
from .account import Account, Refusal
from .answers import Element
from .services import ACM, GLOBAL, IAM

CHAINS_MAX = 2000
"""Chains that are remembered during a run."""
Chain = tuple[bytes, ...]


def chain_of(certificate: str, others: str) -> Chain:
    """The chain of two texts in PEM. Raises Unreached where there is none."""
    try:
        chain = ders_of_certificates(certificate)[:1] + ders_of_certificates(others)
    except ValueError:
        chain = ()
    if not ders_of_certificates(certificate):
        raise Unreached("connection", "the answer has no certificate in PEM")
    return chain


class Certificates:
    """Each is asked for once, as long as not too many others come in between. Methods raise as the account's
    do."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: OrderedDict[str, Chain | CertwrightError] = OrderedDict()
        self._by_id: dict[str, str] | None = None

    async def chain(self, arn: str) -> Chain:
        """Of a certificate that a listener or a distribution names."""
        if arn not in self._known:
            self._known[arn] = await self._asked(arn)
            if len(self._known) > CHAINS_MAX:
                self._known.popitem(last=False)
        found = self._known[arn]
        if isinstance(found, CertwrightError):
            raise found
        return found

    async def _asked(self, arn: str) -> Chain | CertwrightError:
        parts = arn.split(":", 5)
        try:
            if len(parts) == 6 and parts[2] == "acm":
                return await self.in_acm(arn, parts[3])
            if len(parts) == 6 and parts[2] == "iam":
                return chain_in(await self.in_iam(arn.rpartition("/")[2]))
        except (Refusal, Unreached) as error:
            return error
        return Unreached("connection", "it names a certificate that is neither of ACM nor of IAM")

    async def in_acm(self, arn: str, region: str) -> Chain:
        answer = await self._account.json(ACM, region, "GetCertificate", {"CertificateArn": arn})
        return chain_of(text_at(answer, "Certificate"), text_at(answer, "CertificateChain"))

    async def in_iam(self, name: str) -> Element:
        """What GetServerCertificate says."""
        parameters = {"ServerCertificateName": name}
        return await self._account.query(IAM, GLOBAL, "GetServerCertificate", parameters)

    async def iam_arn(self, identifier: str) -> str:
        """The ARN of a server certificate of IAM by its identifier; all are listed once. Raises Unreached
        where there is none."""
        if self._by_id is None:
            asked = {"MaxItems": "1000"}
            answer = await self._account.query(IAM, GLOBAL, "ListServerCertificates", asked)
            listed = answer.every("ServerCertificateMetadataList", "member")
            self._by_id = {one.value("ServerCertificateId"): one.value("Arn") for one in listed}
        if not identifier or identifier not in self._by_id:
            raise Unreached("connection", "there is no such server certificate in IAM")
        return self._by_id[identifier]


def chain_in(answer: Element) -> Chain:
    """The chain of a server certificate of IAM."""
    found = next(answer.every("ServerCertificate"), Element(""))
    return chain_of(found.value("CertificateBody"), found.value("CertificateChain"))
