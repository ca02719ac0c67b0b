"""Those who ask: tokens made by the operations, and a client for a served installation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.access import GIVEN_ROLES, Grant, Role
from certwright.core.distinguished_name import parse_name
from certwright.core.keys import KeyAlgorithm
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.manage_tokens import create_token, revoke_token
from certwright.operations.publish_status import put_in_service
from certwright.site.wiring import now
from tests.real.certwright import ADMINISTRATOR, Home

LAB, OTHER = "lab-root", "other"
"""A root whose key is at hand, and an issuing authority under it, beside those of every installation."""


@dataclass(frozen=True, slots=True)
class Api:
    """A served installation's REST API, asked with one of the tokens that `prepare` made."""

    client: httpx.Client = field(repr=False)
    tokens: Mapping[str, str] = field(repr=False)

    def ask(self, method: str, path: str, caller: str = "administrator", **how: Any) -> httpx.Response:
        """`path` follows /api/v1; `caller` names a token, or is empty for none."""
        headers = how.pop("headers", {})
        if caller:
            headers = {"Authorization": f"Bearer {self.tokens[caller]}", **headers}
        return self.client.request(method, f"/api/v1{path}", headers=headers, **how)

    def gives(self, method: str, path: str, caller: str = "administrator", **how: Any) -> Any:
        """A request that must succeed; its document."""
        answer = self.ask(method, path, caller, **how)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def issue(self, *names: str, caller: str = "administrator", **more: Any) -> Any:
        return self.gives("POST", "/certificates", caller, json={"csr": csr(*names), **more})


def csr(*names: str) -> str:
    """A CSR in PEM for DNS names, with a key of its own."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def authority_csr(name: str) -> str:
    """A CSR in PEM of an authority to be."""
    subject = x509.Name.from_rfc4514_string(f"CN={name},O=Example")
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


SCOPED = {
    "requester-of-issuing": Grant(Role.REQUESTER, "authority:issuing"),
    "requester-of-other": Grant(Role.REQUESTER, f"authority:{OTHER}"),
    "ra-officer-of-other": Grant(Role.RA_OFFICER, f"authority:{OTHER}"),
    "ra-officer-of-clients": Grant(Role.RA_OFFICER, "profile:tls-client"),
    "officer-of-other": Grant(Role.SECURITY_OFFICER, f"authority:{OTHER}"),
    "officer-of-acme": Grant(Role.SECURITY_OFFICER, "endpoint:acme/default"),
    "auditor-of-other": Grant(Role.AUDITOR, f"authority:{OTHER}"),
    "administrator-of-other": Grant(Role.ADMINISTRATOR, f"authority:{OTHER}"),
}


def prepare(home: Home) -> dict[str, str]:
    """Two more authorities, and a token for each role, each of SCOPED, one expired and one revoked."""
    home.run(_found_others)
    secrets: dict[str, str] = {}

    async def make(context: Context) -> None:
        everywhere = {role.value: Grant(role) for role in GIVEN_ROLES}
        wanted = everywhere | SCOPED | {"revoked": Grant(Role.ADMINISTRATOR)}
        for name, grant in wanted.items():
            made = await create_token(context, ADMINISTRATOR, name, (grant,), None)
            secrets[name] = made.secret
        await revoke_token(context, ADMINISTRATOR, "revoked")

    home.run(make)
    home.run(lambda context: _expired(context, secrets), clock=_long_ago)
    return secrets


def _long_ago() -> datetime:
    return now() - timedelta(days=2)


async def _expired(context: Context, secrets: dict[str, str]) -> None:
    grant = Grant(Role.ADMINISTRATOR)
    ends = context.clock() + timedelta(days=1)
    secrets["expired"] = (await create_token(context, ADMINISTRATOR, "expired", (grant,), ends)).secret


async def _found_others(context: Context) -> None:
    p256 = KeyAlgorithm.ECDSA_P256
    for order in (
        AuthorityOrder(LAB, "root", parse_name("CN=Lab Root,O=Lab"), p256, "software"),
        AuthorityOrder(OTHER, "issuing", parse_name("CN=Lab Issuing,O=Lab"), p256, "software", LAB),
    ):
        generation = await found_authority(context, ADMINISTRATOR, order)
        await put_in_service(context, ADMINISTRATOR, generation)
