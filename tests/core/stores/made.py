"""A chain with its key, and files of it made by `cryptography`."""

import hashlib
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)

from certwright.core import der
from tests.core.toy_chain import Outside, Wish, outside

PASSWORD = "correct horse"
DER, PEM = Encoding.DER, Encoding.PEM


@dataclass(frozen=True, slots=True)
class Chain:
    """From the end entity to the root, each with its key."""

    server: Outside
    issuing: Outside
    root: Outside

    @property
    def ders(self) -> tuple[bytes, ...]:
        return self.server.path

    @property
    def digest(self) -> str:
        return digest(self.server.key)


@cache
def chain() -> Chain:
    root = outside("CN=Root")
    issuing = outside("CN=Issuing", root)
    return Chain(outside("CN=www.example.test", issuing, Wish(authority=False, uses=None)), issuing, root)


def digest(key: object) -> str:
    public = key.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    made = hashes.Hash(hashes.SHA256())
    made.update(public)
    return made.finalize().hex()


def pem(*certificates: bytes) -> bytes:
    return b"".join(x509.load_der_x509_certificate(one).public_bytes(PEM) for one in certificates)


def key_pem(key: object, password: str = "", form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    secret = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(PEM, form, secret)  # type: ignore[attr-defined, no-any-return]


def key_der(key: object, password: str = "") -> bytes:
    secret = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(DER, PrivateFormat.PKCS8, secret)  # type: ignore[attr-defined, no-any-return]


def p12(name: str = "www", encryption: KeySerializationEncryption | None = None) -> bytes:
    """The chain and its key; encrypted under PASSWORD if nothing else is said."""
    made = chain()
    secret = encryption or BestAvailableEncryption(PASSWORD.encode())
    assert isinstance(made.server.key, ec.EllipticCurvePrivateKey)
    above = [made.issuing.parsed, made.root.parsed]
    return pkcs12.serialize_key_and_certificates(
        name.encode(), made.server.key, made.server.parsed, above, secret
    )


def greedy(rounds: int) -> bytes:
    """A PKCS #12 file with nothing in it, whose code asks for so many rounds."""
    digest = der.sequence(
        der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1")), der.octet_string(bytes(32))
    )
    code = der.sequence(digest, der.octet_string(bytes(8)), der.integer(rounds))
    safes = der.tlv(0xA0, der.octet_string(der.sequence()))
    content = der.sequence(der.object_identifier("1.2.840.113549.1.7.1"), safes)
    return der.sequence(der.integer(3), content, code)


def jks(certificate: bytes, alias: str = "root") -> bytes:
    """A store of Java with one certificate, under the password of nothing."""
    name, kind = alias.encode(), b"X.509"
    entry = b"".join(
        (
            *((2).to_bytes(4, "big"), len(name).to_bytes(2, "big"), name, bytes(8)),
            *(len(kind).to_bytes(2, "big"), kind, len(certificate).to_bytes(4, "big"), certificate),
        )
    )
    octets = b"\xfe\xed\xfe\xed" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + entry
    return octets + hashlib.sha1(b"Mighty Aphrodite" + octets).digest()
