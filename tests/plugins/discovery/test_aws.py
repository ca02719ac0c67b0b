"""The source `aws` against moto, which is no AWS but keeps to its interfaces."""

import asyncio
import json
import re
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.egress import EgressPolicy, Unreached, parse_url
from certwright.core.errors import CertwrightError, Malformed, Unavailable
from certwright.plugins.calls import Call
from certwright.plugins.discovery.aws.answers import xml_root
from certwright.plugins.discovery.aws.services import ACM
from certwright.plugins.discovery.aws.settings import AwsSettings
from certwright.plugins.discovery.aws.signing import Credentials, signed
from certwright.plugins.discovery.aws.source import AwsSource
from certwright.ports import DISCOVERY_SOURCES, Place, Scope, Sighting
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.architecture.source import CHECKOUT
from tests.core.stores.made import chain, key_pem
from tests.plugins import servers
from tests.plugins.discovery.aws import (
    balanced,
    balanced_before,
    by_name,
    distributed,
    identifier,
    import_certificate,
    kept,
    noted,
    private_authority,
    role_who_may,
    sightings,
    upload_certificate,
    user_who_may,
)
from tests.real import moto as real
from tests.real.environments import tool
from tests.real.moto import Moto

CHAIN = chain()
SERVER, ISSUING, ROOT = CHAIN.ders
KEY = key_pem(CHAIN.server.key)


@pytest.fixture(scope="module")
def running() -> Iterator[Moto]:
    with tempfile.TemporaryDirectory() as name, real.served(Path(name)) as server:
        yield server


@pytest.fixture
def moto(running: Moto) -> Iterator[Moto]:
    yield running
    running.forget()


def test_it_is_registered_and_its_secrets_are_not_shown() -> None:
    (entry,) = entry_points(group=DISCOVERY_SOURCES, name="aws")
    assert entry.load() is AwsSource
    shown = repr(AwsSettings("AKIAX", "hidden/one", "hidden/two", external_id="hidden/three"))
    assert "hidden" not in shown
    assert "AKIAX" not in shown


def test_a_signature_is_the_one_of_the_published_example() -> None:
    """AWS General Reference, "Task 3: Calculate the signature for AWS Signature Version 4"."""
    url = parse_url("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
    call = Call("GET", url, {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    ours = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    now = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    authorization = signed(call, ours, "us-east-1", "iam", now).headers["authorization"]
    digest = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    assert authorization.endswith(f"SignedHeaders=content-type;host;x-amz-date, Signature={digest}")


BOTOCORE = """
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

for method, url, headers, body, token in json.load(sys.stdin):
    moment = "20260102T030405Z"
    request = AWSRequest(method, url, {**headers, "X-Amz-Date": moment}, body.encode() or None)
    if token:
        request.headers["X-Amz-Security-Token"] = token
    request.context["timestamp"] = moment
    auth = SigV4Auth(Credentials("AKID", "secret/key", token or None), "acm", "eu-central-1")
    print(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))
"""
ASKED = [
    ("GET", "https://a.example.test/2020-05-31/distribution", {}, "", ""),
    ("GET", "https://a.example.test/2020-05-31/distribution?Marker=a%2Fb%3D%20c&A=", {}, "", "token/=="),
    ("POST", "https://a.example.test:8443/", {"content-type": "x;  y"}, '{"a": 1}', ""),
    ("POST", "http://127.0.0.1:5000/", {"x-amz-target": "T.A", "content-type": "t"}, "a=b", "t"),
]


def test_signatures_are_those_of_botocore() -> None:
    command = [tool("moto") / "python", "-c", BOTOCORE]
    done = subprocess.run(
        command, input=json.dumps(ASKED), capture_output=True, text=True, timeout=60, check=True
    )
    now, ours = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), []
    for method, url, headers, body, token in ASKED:
        call = Call(method, parse_url(url), headers, body.encode())
        made = signed(call, Credentials("AKID", "secret/key", token), "eu-central-1", "acm", now)
        ours.append(made.headers["authorization"].rpartition("Signature=")[2])
    assert ours == done.stdout.split()


def test_certificates_of_acm(moto: Moto) -> None:
    imported = import_certificate(moto, CHAIN, KEY, *CHAIN.ders)
    issued = moto.json(ACM, "RequestCertificate", DomainName="www.example.test")["CertificateArn"]
    found = by_name(sightings(moto.settings, "eu-central-1"))
    assert set(found) == {imported, issued}
    assert found[imported].place == Place("aws", "eu-central-1/acm", 0, imported)
    assert found[imported].chain[:3] == CHAIN.ders, "moto puts a root of its own behind"
    assert found[imported].facts == {
        "type": "imported",
        "state": "issued",
        "key_algorithm": "EC_prime256v1",
        "renews": False,
    }
    assert found[issued].facts["type"] == "amazon-issued"


def test_server_certificates_of_iam(moto: Moto) -> None:
    arn = upload_certificate(moto, "www", KEY, *CHAIN.ders)
    (seen,) = sightings(moto.settings, "global/iam")
    assert seen.place == Place("aws", "global/iam", 0, arn)
    assert (seen.chain, seen.facts) == (CHAIN.ders, {"type": "imported", "path": "/"})


def test_listeners_of_load_balancers(moto: Moto) -> None:
    first, second = (import_certificate(moto, CHAIN, KEY, *CHAIN.ders) for _ in range(2))
    old = upload_certificate(moto, "www", KEY, *CHAIN.ders)
    listener = balanced(moto, first, second)
    classic = balanced_before(moto, old)
    found = by_name(sightings(moto.settings, "eu-central-1/elbv2", "eu-central-1/elb"))
    assert set(found) == {listener, f"{listener}#{second}", f"{classic}#443"}
    assert found[listener].chain[:3] == found[f"{listener}#{second}"].chain[:3] == CHAIN.ders
    assert found[f"{classic}#443"].chain == CHAIN.ders
    facts = dict(found[listener].facts)
    assert facts.pop("domain").endswith(".amazonaws.com")  # type: ignore[union-attr]
    assert facts.pop("load_balancer").startswith("arn:aws:elasticloadbalancing:")  # type: ignore[union-attr]
    assert facts.pop("security_policy")
    assert facts == {"protocol": "https", "port": 443, "default": True, "certificate": first}
    assert "default" not in found[f"{listener}#{second}"].facts
    assert by_name(sightings(moto.settings, "eu-central-1/elbv2", exclude=("arn:*#arn:*",))).keys() == {
        listener
    }


def test_distributions_of_cloudfront(moto: Moto) -> None:
    arn = import_certificate(moto, CHAIN, KEY, *CHAIN.ders, region="us-east-1")
    upload_certificate(moto, "www", KEY, *CHAIN.ders)
    of_acm = distributed(moto, f"<ACMCertificateArn>{arn}</ACMCertificateArn>", "www.example.test")
    of_iam = distributed(moto, f"<IAMCertificateId>{identifier(moto)}</IAMCertificateId>")
    distributed(moto, "<CloudFrontDefaultCertificate>true</CloudFrontDefaultCertificate>")
    found = by_name(sightings(moto.settings, "global/cloudfront"))
    assert set(found) == {of_acm, of_iam}
    assert found[of_acm].facts["names"] == ["www.example.test"]
    assert (found[of_acm].chain[:3], found[of_iam].chain) == (CHAIN.ders, CHAIN.ders)


def test_private_authorities(moto: Moto) -> None:
    arn = private_authority(moto)
    (seen,) = sightings(moto.settings, "eu-central-1/acm-pca")
    assert seen.place == Place("aws", "eu-central-1/acm-pca", 0, arn)
    assert x509.load_der_x509_certificate(seen.chain[0]).subject.rfc4514_string().startswith("CN=Test Root")
    assert (seen.facts["type"], seen.facts["state"]) == ("root", "active")


def test_a_role_is_assumed(moto: Moto) -> None:
    arn = import_certificate(moto, CHAIN, KEY, *CHAIN.ders)
    role = role_who_may(moto, "auditor", "acm:*")
    caller = replace(user_who_may(moto, "caller", "sts:AssumeRole"), role=role, external_id="of/contract")
    with moto.guarded():
        (seen,) = sightings(caller, "eu-central-1/acm")
        assert (seen.place.name, seen.problem) == (arn, "")
        (seen,) = sightings(replace(caller, role=""), "eu-central-1/acm")
        assert seen.problem == "the credentials may not acm:ListCertificates"


def test_who_may_and_who_may_not(moto: Moto) -> None:
    arn = import_certificate(moto, CHAIN, KEY, *CHAIN.ders)
    may = user_who_may(moto, "may", "acm:ListCertificates", "acm:DescribeCertificate", "acm:GetCertificate")
    lists = user_who_may(moto, "lists", "acm:ListCertificates")
    nothing = user_who_may(moto, "nothing")
    with moto.guarded():
        (seen,) = sightings(may, "eu-central-1/acm")
        assert (seen.chain[:3], seen.problem) == (CHAIN.ders, "")
        (seen,) = sightings(lists, "eu-central-1/acm")
        assert (seen.place.name, seen.problem) == (arn, "the credentials may not acm:DescribeCertificate")
        seen, *others = sightings(nothing, "eu-central-1", "global/iam")
        assert (seen.place.name, seen.problem) == ("", "the credentials may not acm:ListCertificates")
        assert len(others) == 4, "the other services are looked at"
        with pytest.raises(Unavailable, match=r"^the credentials are not taken \(SignatureDoesNotMatch\)$"):
            sightings(replace(may, secret_access_key="another"), "eu-central-1")


def test_the_policy_of_the_how_to_is_all_that_is_needed(moto: Moto) -> None:
    arns = [import_certificate(moto, CHAIN, KEY, *CHAIN.ders) for _ in range(2)]
    balanced(moto, *arns)
    balanced_before(moto, upload_certificate(moto, "www", KEY, *CHAIN.ders))
    private_authority(moto)
    text = (CHECKOUT / "docs/how-to/find-certificates-in-aws.md").read_text()
    (statement,) = json.loads(text.partition("```json\n")[2].partition("```")[0])["Statement"]
    ours = user_who_may(moto, "looks", *statement["Action"])
    assert "cloudfront:ListDistributions" in statement["Action"]
    with moto.guarded():  # moto takes no signature of a GET, and so none for CloudFront
        found = sightings(ours, "eu-central-1", "global/iam")
    assert {one.problem for one in found} == {""}
    services = ("eu-central-1/acm", "eu-central-1/acm-pca", "eu-central-1/elb", "eu-central-1/elbv2")
    assert {one.place.host for one in found} == {*services, "global/iam"}


def test_a_service_that_is_busy_is_asked_again(moto: Moto) -> None:
    busy = json.dumps({"__type": "com.amazon.coral#ThrottlingException"}).encode()
    summary = {"CertificateSummaryList": [{"CertificateArn": "arn:aws:acm:eu-central-1:1:certificate/x"}]}
    denied = json.dumps({"__type": "AccessDeniedException", "message": "of/the/owner"}).encode()
    answers = [
        servers.response(busy, 400),
        servers.response(b"", 503),
        servers.response(json.dumps(summary).encode()),
        servers.response(denied, 400),
    ]

    (seen,) = _answered(moto, "eu-central-1/acm", answers)
    assert seen.problem == "the credentials may not acm:DescribeCertificate"


def _answered(
    moto: Moto, target: str, answers: list[bytes], asked: list[str] | None = None
) -> list[Sighting]:
    """What is seen where these are the answers, one after the other; `asked` gets each request."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        if asked is not None:
            asked.append(head.partition("\r\n")[0] + body.decode())
        writer.write(answers.pop(0))
        await writer.drain()

    async def run() -> list[Sighting]:
        async with servers.server(behave) as port:
            settings = replace(moto.settings, endpoints={"*": f"http://127.0.0.1:{port}"}, concurrency=1)
            look = AwsSource(settings).look(Scope((target,)))
            return [event async for event in look if isinstance(event, Sighting)]

    found = asyncio.run(run())
    assert answers == []
    return found


def test_every_page_of_a_list_is_asked_for(moto: Moto) -> None:
    def in_json(arn: str, **more: str) -> bytes:
        listed = {"CertificateSummaryList": [{"CertificateArn": arn}], **more}
        return servers.response(json.dumps(listed).encode())

    refused, asked = servers.response(b"{}", 400), []
    answers = [in_json("arn:b", NextToken="n&=1"), in_json("arn:a"), refused, refused]
    found = _answered(moto, "eu-central-1/acm", answers, asked)
    assert [one.place.name for one in found] == ["arn:a", "arn:b"]
    assert {one.problem for one in found} == {"DescribeCertificate is refused: status 400"}
    assert ["n&=1" in one for one in asked] == [False, True, False, False]

    def in_xml(name: str, more: str = "") -> bytes:
        one = f"<member><Arn>arn:{name}</Arn><ServerCertificateName>{name}</ServerCertificateName></member>"
        result = f"<ServerCertificateMetadataList>{one}</ServerCertificateMetadataList>{more}"
        text = f"<R><ListServerCertificatesResult>{result}</ListServerCertificatesResult></R>"
        return servers.response(text.encode())

    answers = [in_xml("b", "<Marker>m&amp;1</Marker>"), in_xml("a"), refused, refused]
    found = _answered(moto, "global/iam", answers, asked := [])
    assert [one.place.name for one in found] == ["arn:a", "arn:b"]
    assert "Marker=m%261" in asked[1]

    def distributions(name: str, more: str = "") -> bytes:
        how = "<ViewerCertificate><ACMCertificateArn>arn:x</ACMCertificateArn></ViewerCertificate>"
        one = f"<DistributionSummary><ARN>arn:{name}</ARN>{how}</DistributionSummary>"
        return servers.response(f"<DistributionList><Items>{one}</Items>{more}</DistributionList>".encode())

    more = "<IsTruncated>true</IsTruncated><NextMarker>m /1</NextMarker>"
    found = _answered(moto, "global/cloudfront", [distributions("b", more), distributions("a")], asked := [])
    assert [one.place.name for one in found] == ["arn:a", "arn:b"]
    assert [one.problem for one in found] == [
        "its certificate cannot be had: it names a certificate that is neither of ACM nor of IAM"
    ] * 2
    assert "?Marker=m%20%2F1 HTTP/1.1" in asked[1]


ANSWERS = st.one_of(
    st.binary(max_size=300),
    st.text('<a>&;!DOCTYPE []"/x', max_size=60).map(str.encode),
    st.recursive(st.none() | st.text(max_size=5), st.lists).map(lambda one: json.dumps(one).encode()),
)


@given(ANSWERS)
def test_xml_is_read_or_refused(octets: bytes) -> None:
    with suppress(Unreached):
        assert xml_root(octets).name is not None


def test_xml_that_asks_for_more_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "cc">]><a>&b;</a>'
    for octets in (bomb, b"<a>" * 100 + b"</a>" * 100, b"<a>" + b"<b/>" * 200_001 + b"</a>", b"<a>", b""):
        with pytest.raises(Unreached):
            xml_root(octets)
    assert xml_root(b'<x:a xmlns:x="u"> b<c>d</c></x:a>').value("c") == "d"


def test_an_address_that_may_not_be_reached_is_not_dialled(moto: Moto) -> None:
    (seen,) = sightings(replace(moto.settings, policy=EgressPolicy()), "eu-central-1/acm")
    assert "loopback is for an embedded install only" in seen.problem


class TestAwsContract(DiscoverySourceContract):
    loops = (uvloop.new_event_loop,)

    @pytest.fixture(autouse=True)
    def _moto(self, moto: Moto) -> None:
        self.moto = moto
        self.arns = [import_certificate(moto, CHAIN, KEY, *CHAIN.ders) for _ in range(3)]

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        async with AsyncExitStack() as stack:
            yield await getattr(self, f"_{case.name.lower()}")(stack)

    async def _good(self, stack: AsyncExitStack) -> Situation:
        touched: set[Place] = set()
        url = await stack.enter_async_context(noted(self.moto, touched, "eu-central-1/acm"))
        places = {Place("aws", "eu-central-1/acm", 0, arn): kept(self.moto, arn) for arn in self.arns}
        left_out = Place("aws", "eu-central-1/acm", 0, self.arns[1])
        return Situation(
            AwsSource(replace(self.moto.settings, endpoints={"*": url})),
            Scope(("eu-central-1/acm", "eu-west-1/acm")),
            places,
            exclusion=f"{self.arns[1][:-1]}*",
            excluded=frozenset({left_out}),
            unreadable=("\x00", " ", "eu-central-1/s3"),
            touched=lambda: set(touched),
        )

    async def _bad(self, stack: AsyncExitStack) -> Situation:
        regions = {f"eu-test-{number}": one for number, one in enumerate(BAD)}
        ports = {
            region: await stack.enter_async_context(servers.server(one)) for region, one in regions.items()
        }
        endpoints = {f"{region}/acm": f"http://127.0.0.1:{port}" for region, port in ports.items()}
        places = {Place("aws", f"{region}/acm"): () for region in regions}
        settings = replace(self.moto.settings, endpoints=endpoints, seconds=1.0)
        return Situation(AwsSource(settings), Scope(tuple(endpoints)), dict.fromkeys(places, ()))

    async def _slow(self, stack: AsyncExitStack) -> Situation:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        # uvloop opens /dev/null for its first connection, and keeps that
        _, writer = await asyncio.open_connection(*listening.getsockname())
        writer.close()
        await asyncio.sleep(0.05)
        return Situation(
            AwsSource(replace(self.moto.settings, endpoints={"*": url})), Scope(("eu-central-1",))
        )

    async def _empty(self, _stack: AsyncExitStack) -> Situation:
        return Situation(AwsSource(self.moto.settings), Scope(("eu-west-1/acm",)))

    async def _no_scope(self, _stack: AsyncExitStack) -> Situation:
        return Situation(AwsSource(self.moto.settings), Scope(()))


BAD = (
    servers.garbage,
    servers.silent,
    servers.hang_up,
    servers.raw(servers.response(b"[[[[")),
    servers.raw(servers.response(b"[]")),
    servers.raw(servers.response(b'{"CertificateSummaryList": 5}', 418)),
    servers.raw(servers.response(b"x", 307, {"Location": "http://169.254.169.254/"})),
    servers.raw(servers.response(b'{"NextToken": "again", "CertificateSummaryList": []}')),
    servers.flood(b"HTTP/1.1 200 OK\r\n\r\n"),
    servers.trickle(b"HTTP/1.1 200 OK\r\n\r\n{"),
)

NO_TARGETS = ("", "eu", "eu-central-1/", "eu-central-1/s3", "global/acm", "eu-central-1/iam", "a b", "x\0")


@pytest.mark.parametrize("target", NO_TARGETS)
def test_what_is_no_target_is_malformed(moto: Moto, target: str) -> None:
    with pytest.raises(Malformed):
        AwsSource(moto.settings).check(Scope((target,)))


WRONG = (
    {"access_key_id": ""},
    {"secret_access_key": "a\r\nx: y"},
    {"role": "auditor"},
    {"partition": "moon"},
    {"endpoints": {"acm": "http://acm.example.test"}},
    {"endpoints": {"acm": "ftp://acm.example.test"}},
    {"authorities": "none"},
    {"concurrency": 0},
)


@pytest.mark.parametrize("wrong", WRONG)
def test_settings_that_cannot_be_used(moto: Moto, wrong: dict[str, object]) -> None:
    with pytest.raises(CertwrightError):
        replace(moto.settings, **wrong)  # type: ignore[arg-type]
