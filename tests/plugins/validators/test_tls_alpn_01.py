import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from certwright.core.egress import EMBEDDED, Limits, PortRule, Purpose, Unreached
from certwright.core.names import parse_identifier
from certwright.plugins.resolver import ResolverSettings
from certwright.plugins.validators.common import EMBEDDED_SETTINGS, ValidatorSettings
from certwright.plugins.validators.tls_alpn_01 import ACME_IDENTIFIER, PROTOCOL, TlsAlpn01, judge_certificate
from certwright.ports import Challenge, Evidence
from certwright.testing.validator import NOW, Case, Situation, ValidatorContract
from tests.plugins import servers
from tests.real.processes import free_port

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
DIGEST = hashlib.sha256(KEY_AUTHORIZATION.encode()).digest()
NAME = "demo.localhost"
SENT = "the organization that a stranger writes into a certificate is nothing that we repeat" * 2
SHORT = Limits(connect_seconds=1.0, total_seconds=1.5)
CHALLENGE = Challenge("tls-alpn-01", parse_identifier("dns", NAME), TOKEN, KEY_AUTHORIZATION)
THEN = datetime(2030, 1, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Made:
    """How a certificate for the challenge is made; the defaults are right."""

    names: tuple[x509.GeneralName, ...] | None = (x509.DNSName(NAME),)
    acme_identifier: bytes | None = b"\x04\x20" + DIGEST
    critical: bool = True
    issuer: str = SENT[:60]
    key: Key = field(default=KEY)
    signing_key: Key = field(default=KEY)

    def certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, SENT[:60])])
        issuer = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.issuer)])
        builder = x509.CertificateBuilder(
            issuer, name, self.key.public_key(), 1, THEN, THEN + timedelta(days=7)
        )
        if self.names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName(self.names), critical=False)
        if self.acme_identifier is not None:
            extension = x509.UnrecognizedExtension(ACME_IDENTIFIER, self.acme_identifier)
            builder = builder.add_extension(extension, critical=self.critical)
        hashing = None if isinstance(self.signing_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(self.signing_key, hashing)

    def der(self) -> bytes:
        return self.certificate().public_bytes(serialization.Encoding.DER)


def context(
    folder: Path, made: Made, protocols: tuple[str, ...] = (PROTOCOL,), names: list[str | None] | None = None
) -> ssl.SSLContext:
    """A TLS server's context; the server_name of each handshake is added to `names`."""
    pem = made.certificate().public_bytes(serialization.Encoding.PEM) + made.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(folder / "both.pem")
    if protocols:
        served.set_alpn_protocols(list(protocols))
    if names is not None:
        served.sni_callback = lambda _socket, name, _context: names.append(name)
    return served


def settings(port: int, stand_in: int = 0, limits: Limits | None = None) -> ValidatorSettings:
    policy = replace(EMBEDDED, ports=(PortRule(Purpose.TLS_ALPN_01, port, stand_in),))
    resolver = ResolverSettings(localhost=True)
    return ValidatorSettings(policy, resolver, limits or Limits(), "zone-a", tls_port=port)


async def check(settings: ValidatorSettings, challenge: Challenge = CHALLENGE) -> Evidence:
    return await asyncio.wait_for(TlsAlpn01(settings).check(challenge, NOW), 30)


async def seen(served: ssl.SSLContext, challenge: Challenge = CHALLENGE, host: str = "127.0.0.1") -> Evidence:
    async with servers.server(servers.silent, host=host, tls=served) as port:
        return await check(settings(port), challenge)


BEHAVIOURS = {
    Case.SILENT: (servers.silent, "connection"),
    Case.SLOW: (servers.trickle(b"\x16\x03\x03\x40\x00" + bytes(100)), "connection"),
    # A handshake record that announces a certificate list of 16 MiB.
    Case.HUGE: (servers.flood(b"\x16\x03\x03\x40\x00\x0b\xff\xff\xff"), "tls"),
    Case.GARBAGE: (servers.garbage, "tls"),
}


class TestTlsAlpn01Contract(ValidatorContract):
    perspective = "zone-a"
    loops: ClassVar = (asyncio.new_event_loop, uvloop.new_event_loop)

    @pytest.fixture(autouse=True)
    def _contexts(self, tmp_path: Path) -> None:
        self.contexts = {
            Case.GOOD: context(tmp_path, Made()),
            Case.WRONG: context(tmp_path, Made(names=(x509.DNSName(SENT.replace(" ", "-")),))),
        }

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        if case is Case.ABSENT:
            yield Situation(TlsAlpn01(settings(free_port())), CHALLENGE, frozenset({"connection"}))
            return
        limits = SHORT if case in (Case.SILENT, Case.SLOW) else Limits()
        behave, problem = BEHAVIOURS.get(
            case, (servers.silent, "" if case is Case.GOOD else "incorrectResponse")
        )
        async with servers.server(behave, tls=self.contexts.get(case)) as port:
            validator = TlsAlpn01(settings(port, limits=limits))
            yield Situation(validator, CHALLENGE, frozenset({problem} - {""}), SENT)


# -- the handshake -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "listen", "server_name"),
    [
        (NAME, "127.0.0.1", NAME),
        ("127.0.0.1", "127.0.0.1", "1.0.0.127.in-addr.arpa"),
        ("::1", "::1", "1." + "0." * 31 + "ip6.arpa"),
    ],
)
def test_the_server_name_says_who_is_meant(tmp_path: Path, name: str, listen: str, server_name: str) -> None:
    asked: list[str | None] = []
    if name == NAME:
        made, identifier = Made(), parse_identifier("dns", name)
    else:
        made, identifier = Made(names=(x509.IPAddress(ip_address(name)),)), parse_identifier("ip", name)
    served = context(tmp_path, made, names=asked)
    evidence = asyncio.run(seen(served, replace(CHALLENGE, identifier=identifier), listen))
    assert (evidence.problem, evidence.detail) == ("", "")
    assert asked == [server_name]
    assert evidence.addresses == (listen,)


@pytest.mark.parametrize(
    "key",
    [ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)],
    ids=["ed25519", "rsa"],
)
def test_the_key_may_be_of_another_kind(tmp_path: Path, key: Key) -> None:
    assert asyncio.run(seen(context(tmp_path, Made(key=key, signing_key=key)))).detail == ""


def test_a_server_that_speaks_another_protocol_refuses_the_handshake(tmp_path: Path) -> None:
    evidence = asyncio.run(seen(context(tmp_path, Made(), protocols=("h2", "http/1.1"))))
    assert evidence.problem in ("tls", "incorrectResponse")


def test_a_server_that_selects_no_protocol_is_incorrect(tmp_path: Path) -> None:
    evidence = asyncio.run(seen(context(tmp_path, Made(), protocols=())))
    assert evidence.problem == "incorrectResponse"
    assert PROTOCOL in evidence.detail


def test_an_old_tls_version_is_refused(tmp_path: Path) -> None:
    served = context(tmp_path, Made())
    served.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        served.minimum_version = served.maximum_version = ssl.TLSVersion.TLSv1_1
    assert asyncio.run(seen(served)).problem == "tls"


def test_a_connection_that_is_closed_at_once_is_a_tls_problem() -> None:
    async def body() -> Evidence:
        async with servers.server(servers.hang_up) as port:
            return await check(settings(port))

    evidence = asyncio.run(body())
    assert evidence.problem == "tls"
    assert "127.0.0.1 port" in evidence.detail


def test_on_loopback_the_stand_in_port_is_tried_after_a_refusal(tmp_path: Path) -> None:
    async def body() -> Evidence:
        async with servers.server(servers.silent, tls=context(tmp_path, Made())) as port:
            return await check(settings(free_port(), stand_in=port))

    assert asyncio.run(body()).problem == ""


def test_the_embedded_install_tries_443_and_5001_on_loopback_only() -> None:
    rules = [rule for rule in EMBEDDED_SETTINGS.policy.ports if rule.purpose is Purpose.TLS_ALPN_01]
    assert [(rule.port, rule.on_loopback) for rule in rules] == [(443, 5001)]
    assert EMBEDDED_SETTINGS.tls_port == 443


# -- the certificate -----------------------------------------------------------------------------


def wrong_certificates() -> Iterator[tuple[str, Made]]:
    yield "no subject alternative name", Made(names=None)
    yield "has another subject alternative name", Made(names=(x509.DNSName("other.localhost"),))
    yield "has another subject alternative name", Made(names=(x509.DNSName("*.localhost"),))
    yield "has another subject alternative name", Made(names=(x509.RFC822Name(NAME),))
    yield "has another subject alternative name", Made(names=(x509.IPAddress(ip_address("127.0.0.1")),))
    yield "has 2 subject alternative names", Made(names=(x509.DNSName(NAME), x509.DNSName("other.localhost")))
    yield "has 2 subject alternative names", Made(names=(x509.DNSName(NAME), x509.DNSName(NAME)))
    yield "no acmeIdentifier", Made(acme_identifier=None)
    yield "not critical", Made(critical=False)
    yield "not the digest", Made(acme_identifier=b"\x04\x20" + bytes(32))
    yield "not the digest", Made(acme_identifier=DIGEST)
    yield "not the digest", Made(acme_identifier=b"\x04\x81\x20" + DIGEST)
    yield "not the digest", Made(acme_identifier=b"\x04\x20" + DIGEST + b"\x00")
    yield "not the digest", Made(acme_identifier=b"")
    yield "not self-signed", Made(issuer="somebody else", signing_key=OTHER_KEY)
    yield "not by its own key", Made(signing_key=OTHER_KEY)


@pytest.mark.parametrize(("detail", "made"), list(wrong_certificates()))
def test_a_wrong_certificate_is_incorrect(detail: str, made: Made) -> None:
    with pytest.raises(Unreached, match=detail) as caught:
        judge_certificate(made.der(), CHALLENGE)
    assert caught.value.problem == "incorrectResponse"


def test_a_right_certificate_is_accepted_and_letter_case_is_nothing() -> None:
    judge_certificate(Made().der(), CHALLENGE)
    judge_certificate(Made(names=(x509.DNSName("Demo.LOCALHOST"),)).der(), CHALLENGE)


def test_a_certificate_for_another_account_key_is_incorrect() -> None:
    with pytest.raises(Unreached, match="not the digest"):
        judge_certificate(Made().der(), replace(CHALLENGE, key_authorization=f"{TOKEN}.another"))


@given(st.binary(max_size=200))
def test_octets_that_are_no_certificate_are_incorrect(octets: bytes) -> None:
    with pytest.raises(Unreached):
        judge_certificate(octets, CHALLENGE)


RIGHT = Made().der()


@given(st.integers(0, len(RIGHT) - 1), st.integers(1, 255))
@example(RIGHT.index(bytes.fromhex("a003020102")) + 4, 1)  # its version becomes 4
@example(RIGHT.index(x509.load_der_x509_certificate(RIGHT).signature) - 1, 1)  # says: the last bit is padding
def test_nothing_that_is_signed_can_be_changed(position: int, change: int) -> None:
    """Whether the signature's last bit counts is not signed: where it is 0, it may as well be padding."""
    octets = bytearray(RIGHT)
    octets[position] ^= change
    try:
        judge_certificate(bytes(octets), CHALLENGE)
    except Unreached:
        return
    right, changed = (x509.load_der_x509_certificate(one) for one in (RIGHT, bytes(octets)))
    assert changed.tbs_certificate_bytes == right.tbs_certificate_bytes
    assert changed.signature == right.signature


def test_a_wildcard_needs_the_dns() -> None:
    wildcard = replace(CHALLENGE, identifier=parse_identifier("dns", "*.demo.localhost"))
    evidence = asyncio.run(check(settings(free_port()), wildcard))
    assert evidence.problem == "malformed"
    assert "dns-01" in evidence.detail
