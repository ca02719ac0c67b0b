"""Faults that have been published of other managers of certificates, each tried here.

Addresses in what strangers hand in that were fetched, tokens whose algorithm the caller chose, and rights
that were not asked about on export, on making authorities below one's own, on replacing and on revoking. What
is fetched on purpose, while a name is validated, is held to the egress guard (tests/plugins/).
"""

import base64
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.callers import Api, csr

PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Trap:
    """A listener that nobody has a reason to dial."""

    listener: socket.socket

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/metadata"

    def was_dialled(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def trap() -> Iterator[Trap]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Trap(listener)


def _pointing(address: str) -> list[x509.ExtensionType]:
    """Extensions with every address that a relying party might fetch."""
    uri = x509.UniformResourceIdentifier(address)
    ways = (x509.AuthorityInformationAccessOID.OCSP, x509.AuthorityInformationAccessOID.CA_ISSUERS)
    points = [x509.DistributionPoint([uri], None, None, None)]
    return [
        x509.AuthorityInformationAccess([x509.AccessDescription(way, uri) for way in ways]),
        x509.CRLDistributionPoints(points),
    ]


def _csr(*extensions: x509.ExtensionType, key: ec.EllipticCurvePrivateKey | None = None) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for extension in (x509.SubjectAlternativeName([x509.DNSName("asked.example.test")]), *extensions):
        builder = builder.add_extension(extension, critical=False)
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(PEM).decode()


def _leaf(document: Any) -> x509.Certificate:
    return x509.load_pem_x509_certificate(document["certificate"].encode())


# -- addresses ------------------------------------------------------------------------------------


def test_addresses_in_a_csr_are_neither_dialled_nor_signed(api: Api, trap: Trap) -> None:
    issued = api.gives("POST", "/certificates", json={"csr": _csr(*_pointing(trap.address))})
    assert trap.address.encode() not in _leaf(issued).public_bytes(serialization.Encoding.DER)
    assert not trap.was_dialled()


def test_addresses_in_an_authoritys_certificate_are_not_dialled(api: Api, trap: Trap) -> None:
    order = {"name": "elsewhere", "kind": "issuing", "subject": "CN=Elsewhere,O=Example"}
    api.gives("POST", "/authorities", json=order)
    asked = x509.load_pem_x509_csr(api.gives("POST", "/authorities/elsewhere/csr")["csr"].encode())
    root, certificate = _signed_elsewhere(asked, trap.address)
    body = {"certificate": certificate, "chain": root}
    answer = api.ask("POST", "/authorities/elsewhere/certificate", json=body)
    assert answer.status_code < 300, answer.text
    api.gives("GET", "/authorities/elsewhere/health")
    assert not trap.was_dialled()


def _signed_elsewhere(asked: x509.CertificateSigningRequest, address: str) -> tuple[str, str]:
    """A root of a stranger's, and what it makes of the request; in PEM."""
    key, now = ec.generate_private_key(ec.SECP384R1()), datetime.now(UTC)
    name = x509.Name.from_rfc4514_string("CN=Stranger Root")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())

    def build(subject: x509.Name, public_key: Any, extensions: list[x509.ExtensionType]) -> str:
        builder = x509.CertificateBuilder().issuer_name(name).subject_name(subject).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(
            now + timedelta(days=900)
        )
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
        builder = builder.add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), True
        )
        for extension in extensions:
            builder = builder.add_extension(extension, False)
        return builder.sign(key, hashes.SHA384()).public_bytes(PEM).decode()

    by_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    below = build(asked.subject, asked.public_key(), [by_key, *_pointing(address)])
    return build(name, key.public_key(), []), below


# -- tokens ---------------------------------------------------------------------------------------


def _part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _without_signature(_secret: bytes) -> str:
    return (
        f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part({'sub': 'administrator', 'role': 'administrator'})}."
    )


def _with_public_key(public: bytes) -> str:
    """Signed by HMAC with what everybody may know."""
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part({'sub': 'administrator'})}"
    mac = hmac.HMAC(public, hashes.SHA256())
    mac.update(signed.encode())
    return f"{signed}.{base64.urlsafe_b64encode(mac.finalize()).rstrip(b'=').decode()}"


@pytest.mark.parametrize("forge", [_without_signature, _with_public_key])
def test_a_token_has_no_algorithm_to_choose(api: Api, forge: Callable[[bytes], str]) -> None:
    public = api.gives("GET", "/authorities/issuing")["generations"][0]["certificate"].encode()
    answer = api.ask("GET", "/whoami", "", headers={"Authorization": f"Bearer {forge(public)}"})
    assert answer.status_code == 401


# -- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", ["requester-of-other", "ra-officer-of-other", "auditor-of-other"])
def test_what_is_anothers_is_not_handed_out(api: Api, caller: str) -> None:
    theirs = api.issue("theirs.example.test")["fingerprint"]
    assert api.ask("GET", f"/certificates/{theirs}", caller).status_code == 404


def test_no_route_gives_a_private_key(api: Api) -> None:
    """Keys of authorities stay where they are; those of end entities never came here."""
    schemas = api.client.get("/api/v1/openapi.json").json()["components"]["schemas"]
    given = {name for schema in schemas.values() for name in schema.get("properties", {})}
    assert "certificate" in given
    assert not {name for name in given if "private" in name or "pkcs12" in name}


@pytest.mark.parametrize("caller", ["requester", "ra-officer", "operator", "auditor"])
def test_nobody_makes_an_authority_below_without_the_right(api: Api, caller: str) -> None:
    before = api.gives("GET", "/authorities")
    order = {
        "name": f"by-{caller}",
        "kind": "issuing",
        "subject": "CN=Below,O=Example",
        "parent": "issuing",
    }
    assert api.ask("POST", "/authorities", caller, json=order).status_code == 403
    below = {"csr": csr("below.example.test")}
    assert api.ask("POST", "/authorities/issuing/subordinates", caller, json=below).status_code == 403
    assert api.gives("GET", "/authorities") == before


def test_a_csr_does_not_make_itself_an_authority(api: Api) -> None:
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    wanted = _csr(x509.BasicConstraints(True, None), usage)
    leaf = _leaf(api.gives("POST", "/certificates", "requester", json={"csr": wanted}))
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_a_profile_of_authorities_issues_to_no_requester(api: Api) -> None:
    wanted = {"csr": _csr(), "profile": "issuing-authority", "authority": "issuing"}
    assert api.ask("POST", "/certificates", "requester", json=wanted).status_code in (400, 403, 409)


@pytest.mark.parametrize("act", ["renew", "revoke"])
def test_what_is_anothers_is_neither_replaced_nor_revoked(api: Api, act: str) -> None:
    theirs = api.issue("kept.example.test")["fingerprint"]
    before = api.gives("GET", f"/certificates/{theirs}")
    for caller, status in (("requester-of-other", 404), ("auditor", 403), ("", 401), ("revoked", 401)):
        assert api.ask("POST", f"/certificates/{theirs}/{act}", caller, json={}).status_code == status
    assert api.gives("GET", f"/certificates/{theirs}") == before
