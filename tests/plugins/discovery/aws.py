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

from certwright.plugins.discovery.aws.services import ACM, GLOBAL, IAM
from certwright.plugins.discovery.aws.settings import AwsSettings
from certwright.plugins.discovery.aws.source import AwsSource
from certwright.ports import Place, Scope, Sighting
from tests.core.stores.made import Chain, pem
from tests.plugins import servers
from tests.real.moto import REGION, Moto, as_user

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


def user_who_may(moto: Moto, name: str, *actions: str) -> AwsSettings:
    """The settings of a new user with a policy of these actions."""
    moto.query(IAM, "CreateUser", {"UserName": name}, GLOBAL)
    statement = {"Effect": "Allow", "Action": list(actions) or ["none:None"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    asked = {"UserName": name, "PolicyName": "looks", "PolicyDocument": policy}
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
