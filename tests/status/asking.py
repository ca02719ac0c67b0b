"""What tests of status data share: certificates to ask about, and asking for them without a socket."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.protocols.asgi import AsgiApplication
from certwright.store.rows import CertificateRow
from tests.real.pki import ADMINISTRATOR, make_csr


async def issued(
    context: Context, name: str = "host.example.test", authority: str = "issuing"
) -> CertificateRow:
    """A server certificate of a P-256 key."""
    request = parse_csr(make_csr(name))
    return (await issue(context, IssueOrder(ADMINISTRATOR, request, authority, "tls-server"))).row


def question(
    issuer: x509.Certificate,
    serial: bytes,
    nonce: bytes = b"",
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    """An OCSPRequest in DER about one certificate, as pyca writes it."""
    algorithm = algorithm or hashes.SHA1()
    spki = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    name_hash = hashes.Hash(algorithm)
    name_hash.update(issuer.subject.public_bytes())
    key_hash = spki.digest if isinstance(algorithm, hashes.SHA1) else _key_hash(issuer, algorithm)
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        name_hash.finalize(), key_hash, int.from_bytes(serial, "big"), algorithm
    )
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def _key_hash(issuer: x509.Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    from certwright.core import der, keys

    spki = der.Reader(keys.spki(issuer.public_key()), "key").inside()
    spki.element()
    digest = hashes.Hash(algorithm)
    digest.update(spki.content(der.BIT_STRING)[1:])
    return digest.finalize()


@dataclass(frozen=True)
class Told:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def ocsp(self) -> ocsp.OCSPResponse:
        return ocsp.load_der_ocsp_response(self.body)


async def ask(
    application: AsgiApplication, method: str, path: str, body: bytes = b"", **headers: str
) -> Told:
    """Call an ASGI application as the server does."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "client": ("127.0.0.1", 4),
        "extensions": {},
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await application(scope, receive, send)
    start, *parts = messages
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return Told(start["status"], answered, b"".join(part["body"] for part in parts))


def ends(answer: ocsp.OCSPResponse) -> datetime:
    """nextUpdate of an answer, which ours always have."""
    assert answer.next_update_utc is not None
    return answer.next_update_utc
