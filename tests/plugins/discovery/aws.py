"""An account of AWS for tests, held by moto, and the far side of a call that does not behave."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.plugins.discovery.aws.answers import Element
from certwright.plugins.discovery.aws.services import (
    ACM,
    CLASSIC,
    CLOUDFRONT,
    GLOBAL,
    IAM,
    LOAD_BALANCERS,
    PRIVATE_CA,
    Interface,
)
from certwright.plugins.discovery.aws.settings import AwsSettings
from certwright.plugins.discovery.aws.source import AwsSource
from certwright.ports import Place, Scope, Sighting
from tests.core.stores.made import Chain, pem
from tests.plugins import servers
from tests.real.moto import ACCOUNT, REGION, Moto, as_user

EC2 = Interface("ec2", "ec2", "2016-11-15")
ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:[A-Za-z0-9/.-]+")


def text(octets: bytes) -> str:
    return b64encode(octets).decode()


def import_certificate(moto: Moto, chain: Chain, key: bytes, *ders: bytes, region: str = REGION) -> str:
    """Its ARN in ACM."""
    answer = moto.json(
        ACM,
        "ImportCertificate",
        region,
        Certificate=text(pem(ders[0])),
        CertificateChain=text(pem(*ders[1:] or ders)),
        PrivateKey=text(key),
    )
    return str(answer["CertificateArn"])


def kept(moto: Moto, arn: str) -> tuple[bytes, ...]:
    """The chain that moto has of a certificate: its own root stands behind every one."""
    answer = moto.json(ACM, "GetCertificate", CertificateArn=arn)
    found = x509.load_pem_x509_certificates(f"{answer['Certificate']}\n{answer['CertificateChain']}".encode())
    return tuple(one.public_bytes(Encoding.DER) for one in found)


def upload_certificate(moto: Moto, name: str, key: bytes, *ders: bytes) -> str:
    """Its ARN in IAM."""
    asked = {
        "ServerCertificateName": name,
        "CertificateBody": pem(ders[0]).decode(),
        "CertificateChain": pem(*ders[1:]).decode(),
        "PrivateKey": key.decode(),
    }
    return _made(moto.query(IAM, "UploadServerCertificate", asked, GLOBAL), "Arn")


def identifier(moto: Moto) -> str:
    """Of the one server certificate that IAM has."""
    return _made(moto.query(IAM, "ListServerCertificates", {}, GLOBAL), "ServerCertificateId")


def _made(answer: Element, name: str) -> str:
    """The one element of this name that has a text, wherever it is."""
    found = [answer.text.strip()] if answer.name == name else []
    found += [one for one in (_made(child, name) for child in answer.children) if one]
    return found[0] if found else ""


def balanced(moto: Moto, *arns: str) -> str:
    """The ARN of a listener that serves with these certificates of ACM."""
    subnet = _made(moto.query(EC2, "DescribeSubnets", {}), "subnetId")
    asked = {"Name": "front", "Subnets.member.1": subnet}
    balancer = _made(moto.query(LOAD_BALANCERS, "CreateLoadBalancer", asked), "LoadBalancerArn")
    listener = {
        "LoadBalancerArn": balancer,
        "Protocol": "HTTPS",
        "Port": "443",
        "Certificates.member.1.CertificateArn": arns[0],
        "DefaultActions.member.1.Type": "fixed-response",
        "DefaultActions.member.1.FixedResponseConfig.StatusCode": "200",
    }
    arn = _made(moto.query(LOAD_BALANCERS, "CreateListener", listener), "ListenerArn")
    others = {f"Certificates.member.{at}.CertificateArn": one for at, one in enumerate(arns[1:], 1)}
    if others:
        moto.query(LOAD_BALANCERS, "AddListenerCertificates", {"ListenerArn": arn} | others)
    return arn


def balanced_before(moto: Moto, arn: str) -> str:
    """What is told for the ARN of a classic load balancer with this certificate."""
    listener = {"Protocol": "HTTPS", "LoadBalancerPort": "443", "InstancePort": "80", "SSLCertificateId": arn}
    asked = {"LoadBalancerName": "old", "AvailabilityZones.member.1": f"{REGION}a"}
    asked |= {f"Listeners.member.1.{name}": value for name, value in listener.items()}
    moto.query(CLASSIC, "CreateLoadBalancer", asked)
    return f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/old"


def distributed(moto: Moto, certificate: str, *names: str) -> str:
    """The ARN of a distribution for these names."""
    aliases = "".join(f"<CNAME>{name}</CNAME>" for name in names)
    return _made(
        moto.post(CLOUDFRONT, "/distribution", _DISTRIBUTION.format(aliases, certificate, len(certificate))),
        "ARN",
    )


_DISTRIBUTION = """<DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">
<CallerReference>{2}</CallerReference><Aliases><Quantity>1</Quantity><Items>{0}</Items></Aliases>
<Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>o.s3.amazonaws.com</DomainName>
<S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>https-only</ViewerProtocolPolicy>
</DefaultCacheBehavior><Comment>x</Comment><Enabled>true</Enabled>
<ViewerCertificate>{1}<MinimumProtocolVersion>TLSv1.2_2021</MinimumProtocolVersion></ViewerCertificate>
</DistributionConfig>"""


def private_authority(moto: Moto) -> str:
    """The ARN of a root of AWS Private CA, and beside it one that has no certificate yet."""
    kind = {"KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA"}
    subject = {"Subject": {"CommonName": "Test Root"}}
    arns = [
        moto.json(
            *(PRIVATE_CA, "CreateCertificateAuthority"),
            CertificateAuthorityType="ROOT",
            CertificateAuthorityConfiguration=kind | subject,
        )["CertificateAuthorityArn"]
        for _ in range(2)
    ]
    request = moto.json(PRIVATE_CA, "GetCertificateAuthorityCsr", CertificateAuthorityArn=arns[0])["Csr"]
    issued = moto.json(
        *(PRIVATE_CA, "IssueCertificate"),
        CertificateAuthorityArn=arns[0],
        Csr=text(request.encode()),
        SigningAlgorithm="SHA256WITHECDSA",
        TemplateArn="arn:aws:acm-pca:::template/RootCACertificate/V1",
        Validity={"Type": "YEARS", "Value": 10},
    )["CertificateArn"]
    asked = {"CertificateAuthorityArn": arns[0]}
    certificate = moto.json(PRIVATE_CA, "GetCertificate", CertificateArn=issued, **asked)["Certificate"]
    moto.json(
        *(PRIVATE_CA, "ImportCertificateAuthorityCertificate"),
        Certificate=text(certificate.encode()),
        **asked,
    )
    return str(arns[0])


def role_who_may(moto: Moto, name: str, *actions: str) -> str:
    """The ARN of a role that everybody in the account may assume."""
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    asked = {"RoleName": name, "AssumeRolePolicyDocument": _policy(trust)}
    arn = _made(moto.query(IAM, "CreateRole", asked, GLOBAL), "Arn")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    asked = {"RoleName": name, "PolicyName": "looks", "PolicyDocument": _policy(statement)}
    moto.query(IAM, "PutRolePolicy", asked, GLOBAL)
    return arn


def _policy(statement: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def user_who_may(moto: Moto, name: str, *actions: str) -> AwsSettings:
    """The settings of a new user with a policy of these actions."""
    moto.query(IAM, "CreateUser", {"UserName": name}, GLOBAL)
    statement = {"Effect": "Allow", "Action": list(actions) or ["none:None"], "Resource": "*"}
    asked = {"UserName": name, "PolicyName": "looks", "PolicyDocument": _policy(statement)}
    moto.query(IAM, "PutUserPolicy", asked, GLOBAL)
    key = moto.query(IAM, "CreateAccessKey", {"UserName": name}, GLOBAL)
    (made,) = key.every("CreateAccessKeyResult", "AccessKey")
    return as_user(moto.settings, made.value("AccessKeyId"), made.value("SecretAccessKey"))


def sightings(settings: AwsSettings, *targets: str, exclude: tuple[str, ...] = ()) -> list[Sighting]:
    async def run() -> list[object]:
        return [event async for event in AwsSource(settings).look(Scope(targets, exclude))]

    return [event for event in asyncio.run(run()) if isinstance(event, Sighting)]


def by_name(found: list[Sighting]) -> dict[str, Sighting]:
    assert len({one.place for one in found}) == len(found)
    return {one.place.name: one for one in found}


@asynccontextmanager
async def noted(moto: Moto, touched: set[Place], host: str) -> AsyncIterator[str]:
    """The URL of a way to moto on which each ARN that is asked about is noted as a place of `host`."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        touched.update(Place("aws", host, 0, arn) for arn in ARN.findall(unquote(body.decode())))
        host_name, port = moto.url.removeprefix("http://").split(":")
        there, back = await asyncio.open_connection(host_name, int(port))
        back.write(head + body)
        writer.write(await there.read())
        await writer.drain()
        back.close()

    async with servers.server(behave) as port:
        yield f"http://127.0.0.1:{port}"
