"""Where the interfaces of AWS are, and how they are spoken to."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Interface:
    """`name` is that of AWS's own command line, `host` the first label of its name and what signatures call
    it, `version` that of its actions; `target` stands before an action where that is a header (JSON)."""

    name: str
    host: str
    version: str = ""
    target: str = ""


ACM = Interface("acm", "acm", target="CertificateManager")
PRIVATE_CA = Interface("acm-pca", "acm-pca", target="ACMPrivateCA")
LOAD_BALANCERS = Interface("elbv2", "elasticloadbalancing", "2015-12-01")
CLASSIC = Interface("elb", "elasticloadbalancing", "2012-06-01")
IAM = Interface("iam", "iam", "2010-05-08")
CLOUDFRONT = Interface("cloudfront", "cloudfront", "2020-05-31")
STS = Interface("sts", "sts", "2011-06-15")


@dataclass(frozen=True, slots=True)
class Partition:
    """A separate AWS: its domain, and for what has no region the host and the region it is signed for."""

    domain: str
    iam: tuple[str, str]
    cloudfront: tuple[str, str] = ("", "")

    def host(self, interface: Interface, region: str) -> tuple[str, str]:
        """The host of an interface in a region, empty where there is none, and the region to sign for."""
        if region != GLOBAL:
            return f"{interface.host}.{region}.{self.domain}", region
        return self.iam if interface is IAM else self.cloudfront


PARTITIONS: Mapping[str, Partition] = MappingProxyType(
    {
        "aws": Partition(
            "amazonaws.com",
            ("iam.amazonaws.com", "us-east-1"),
            ("cloudfront.amazonaws.com", "us-east-1"),
        ),
        "aws-cn": Partition(
            "amazonaws.com.cn",
            ("iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("cloudfront.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
        ),
        "aws-us-gov": Partition("amazonaws.com", ("iam.us-gov.amazonaws.com", "us-gov-west-1")),
    }
)
"""By the second part of an ARN. Those of closed networks are reached by endpoints that are set."""
