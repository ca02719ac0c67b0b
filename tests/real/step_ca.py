"""step-ca from its Go module, with a PostgreSQL for its database; asked over its HTTP API, as clients do."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm

from certwright.core.pem import pem
from certwright.core.revocation import Reason
from tests.real.go_programs import Program, built
from tests.real.processes import free_port, start
from tests.real.toy_chains import ToyAuthority, new_key

VERSION = "v0.30.2"
MODULE = "github.com/smallstep/certificates"
PROGRAM = Program("step-ca", {"step-ca": f"{MODULE}/cmd/step-ca"}, {MODULE: VERSION})
PROVISIONER, OTHER = "people", "machines"


def program() -> Path:
    """step-ca, built at first use. Raises Unbuildable."""
    return built(PROGRAM) / "step-ca"


@dataclass(frozen=True, slots=True)
class StepCa:
    """A step-ca that is running. `database` is the URL of its PostgreSQL, with a password that may write."""

    url: str
    database: str
    root: ToyAuthority
    intermediate: ToyAuthority
    _keys: dict[str, Any]

    @property
    def issuers(self) -> tuple[bytes, ...]:
        return self.intermediate.certificate, self.root.certificate

    def issue(self, name: str, provisioner: str = PROVISIONER) -> bytes:
        """A certificate for a DNS name, in DER."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, False)
        request = builder.sign(new_key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        token = self._token("sign", name, provisioner, sans=[name])
        answer = self._asked("sign", {"csr": request, "ott": token})
        return x509.load_pem_x509_certificate(answer["crt"].encode()).public_bytes(Encoding.DER)

    def revoke(self, certificate: bytes, reason: Reason = Reason.UNSPECIFIED) -> None:
        serial = str(x509.load_der_x509_certificate(certificate).serial_number)
        token = self._token("revoke", serial, PROVISIONER)
        self._asked("revoke", {"serial": serial, "ott": token, "reasonCode": int(reason), "passive": True})

    def _token(self, what: str, subject: str, provisioner: str, **claims: Any) -> str:
        now = datetime.now(UTC)
        claims |= {"iss": provisioner, "sub": subject, "aud": f"{self.url}/1.0/{what}", "jti": token_hex(16)}
        claims |= {"iat": now, "nbf": now - timedelta(seconds=5), "exp": now + timedelta(minutes=5)}
        return jwt.encode(claims, self._keys[provisioner], "ES256", headers={"kid": provisioner})

    def _asked(self, what: str, document: dict[str, Any]) -> dict[str, Any]:
        context = ssl.create_default_context(cadata=pem(self.root.certificate).decode())
        context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT  # a toy has no key identifiers
        with httpx.Client(verify=context) as client:
            answer = client.post(f"{self.url}/1.0/{what}", json=document)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def running(folder: Path, database: str) -> Iterator[StepCa]:
    """One with two provisioners and an empty database at this URL. Raises Unbuildable."""
    step_ca, port, began = program(), free_port(), datetime.now(UTC) - timedelta(days=1)
    root = ToyAuthority("Corp Root")
    root.certificate = root.sign(root.name, root.key, authority=True, begin=began)
    intermediate = ToyAuthority("Corp Issuing", root)
    intermediate.certificate = root.sign(intermediate.name, intermediate.key, authority=True, begin=began)
    (folder / "root.pem").write_bytes(pem(root.certificate))
    (folder / "intermediate.pem").write_bytes(pem(intermediate.certificate))
    key = intermediate.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "intermediate.key").write_bytes(key)
    keys = {PROVISIONER: new_key(), OTHER: new_key()}
    configuration = {
        "root": str(folder / "root.pem"),
        "crt": str(folder / "intermediate.pem"),
        "key": str(folder / "intermediate.key"),
        "address": f"127.0.0.1:{port}",
        "dnsNames": ["127.0.0.1"],
        "db": {"type": "postgresql", "dataSource": database},
        "authority": {"provisioners": [_provisioner(name, one) for name, one in keys.items()]},
    }
    (folder / "ca.json").write_text(json.dumps(configuration))
    with start([step_ca, folder / "ca.json"], log=folder / "step-ca.log", port=port):
        yield StepCa(f"https://127.0.0.1:{port}", database, root, intermediate, keys)


def _provisioner(name: str, key: Any) -> dict[str, Any]:
    public = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return {"type": "JWK", "name": name, "key": public | {"use": "sig", "alg": "ES256", "kid": name}}
