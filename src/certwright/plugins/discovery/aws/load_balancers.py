"""Load balancers: which certificates their listeners serve with, by default and for further names (SNI)."""

from collections.abc import Iterator

from ....core.egress import Unreached
from .account import Account, Refusal
from .answers import Element
from .certificates import Certificates
from .listing import Service, Sight, Thing, facts_of
from .services import CLASSIC, LOAD_BALANCERS

PAGE = "400"
PARTS_MAX = 1000
"""Listeners of one load balancer, and certificates of one listener; AWS itself allows far fewer."""


async def seen_with(certificates: Certificates, arn: str, name: str, **facts: object) -> Sight:
    """The sight of whoever serves with a certificate, at the place `name`."""
    told = facts_of(**facts, certificate=arn)  # type: ignore[arg-type]
    try:
        return Sight(await certificates.chain(arn), told, name)
    except (Refusal, Unreached) as error:
        return Sight((), told, name, f"its certificate cannot be had: {error.detail}")


class LoadBalancers(Service):
    """Application and network load balancers."""

    def __init__(self, account: Account, certificates: Certificates, region: str) -> None:
        self._account = account
        self._certificates = certificates
        self._region = region

    async def page(self, token: str) -> tuple[list[Thing], str]:
        asked = {"PageSize": PAGE} | ({"Marker": token} if token else {})
        answer = await self._account.query(LOAD_BALANCERS, self._region, "DescribeLoadBalancers", asked)
        found = [Thing(one.value("LoadBalancerArn"), one) for one in answer.every("LoadBalancers", "member")]
        return [one for one in found if one.arn], answer.value("NextMarker")

    async def look(self, thing: Thing) -> list[Sight]:
        balancer = thing.about
        assert isinstance(balancer, Element)
        sights: list[Sight] = []
        for listener in await self._all("DescribeListeners", "Listeners", {"LoadBalancerArn": thing.arn}):
            if listener.values("Certificates", "member", "CertificateArn"):
                sights += await self._listener(balancer, listener)
        return sights

    async def _listener(self, balancer: Element, listener: Element) -> list[Sight]:
        arn = listener.value("ListenerArn")
        default = listener.value("Certificates", "member", "CertificateArn")
        asked = {"ListenerArn": arn}
        named = await self._all("DescribeListenerCertificates", "Certificates", asked)
        others = sorted({one.value("CertificateArn") for one in named} - {default, ""})
        facts = {
            "load_balancer": balancer.value("LoadBalancerArn"),
            "domain": balancer.value("DNSName"),
            "protocol": listener.value("Protocol").lower(),
            "port": _number(listener.value("Port")),
            "security_policy": listener.value("SslPolicy"),
        }
        return [
            await seen_with(self._certificates, default, arn, **facts, default=True),
            *[await seen_with(self._certificates, one, f"{arn}#{one}", **facts) for one in others],
        ]

    async def _all(self, action: str, many: str, asked: dict[str, str]) -> list[Element]:
        """Every page of a list that belongs to one thing."""
        found: list[Element] = []
        token = ""
        while True:
            marked = asked | ({"Marker": token} if token else {})
            answer = await self._account.query(LOAD_BALANCERS, self._region, action, marked)
            some = list(answer.every(many, "member"))
            found += some
            token = answer.value("NextMarker")
            if not token:
                return found
            if not some or len(found) > PARTS_MAX:
                raise Unreached("connection", f"{action} has no end")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


class ClassicLoadBalancers(Service):
    """Load balancers of the first generation, which have no ARN: it is made of the name."""

    def __init__(self, account: Account, certificates: Certificates, region: str) -> None:
        self._account = account
        self._certificates = certificates
        self._region = region

    async def page(self, token: str) -> tuple[list[Thing], str]:
        asked = {"PageSize": PAGE} | ({"Marker": token} if token else {})
        answer = await self._account.query(CLASSIC, self._region, "DescribeLoadBalancers", asked)
        described = answer.every("LoadBalancerDescriptions", "member")
        return [thing for one in described for thing in self._thing(one)], answer.value("NextMarker")

    def _thing(self, balancer: Element) -> Iterator[Thing]:
        """Nothing of one that serves without a certificate; the account is that of the certificate."""
        arns = balancer.values("ListenerDescriptions", "member", "Listener", "SSLCertificateId")
        parts = next((arn.split(":", 5) for arn in arns if arn.count(":") >= 5), None)
        if parts:
            name = balancer.value("LoadBalancerName")
            place = f"{self._region}:{parts[4]}:loadbalancer/{name}"
            yield Thing(f"arn:{parts[1]}:elasticloadbalancing:{place}", balancer)

    async def look(self, thing: Thing) -> list[Sight]:
        balancer = thing.about
        assert isinstance(balancer, Element)
        listeners = [
            one
            for one in balancer.every("ListenerDescriptions", "member", "Listener")
            if one.value("SSLCertificateId")
        ]
        return [
            await seen_with(
                self._certificates,
                one.value("SSLCertificateId"),
                f"{thing.arn}#{one.value('LoadBalancerPort')}",
                domain=balancer.value("DNSName"),
                protocol=one.value("Protocol").lower(),
                port=_number(one.value("LoadBalancerPort")),
            )
            for one in listeners
        ]
