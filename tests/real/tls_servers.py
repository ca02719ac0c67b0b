"""TLS servers to be looked at: OpenSSL's `s_server` as odd as a test wants it, and what they present."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.real import processes

Key = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
)


@dataclass(frozen=True, slots=True)
class Presented:
    """A chain as a server presents it, the end entity's first, with the key, in files of one folder."""

    folder: Path
    chain: tuple[bytes, ...]

    @property
    def leaf(self) -> Path:
        return self.folder / "leaf.pem"

    @property
    def whole(self) -> Path:
        return self.folder / "chain.pem"

    @property
    def others(self) -> Path:
        return self.folder / "others.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"


def p256() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def present(
    folder: Path,
    names: Sequence[str] = ("server.example.test",),
    length: int = 2,
    make: Callable[[], Key] = p256,
    *,
    shuffled: bool = False,
) -> Presented:
    """A new chain of this length, the last self-signed; `shuffled` turns the order of all but the first."""
    folder.mkdir(parents=True)
    key, issuer_key, subject = make(), p256(), f"authority {length}"
    issuer, links = subject, [_certificate(subject, issuer_key, subject, issuer_key, [])]
    for level in range(length - 1, 1, -1):
        below = p256()
        subject = f"authority {level}"
        links.insert(0, _certificate(subject, below, issuer, issuer_key, []))
        issuer, issuer_key = subject, below
    leaf = _certificate(names[0], key, issuer, issuer_key, names)
    if length == 1:
        links = []
    if shuffled:
        links.reverse()
    made = Presented(folder, tuple(one.public_bytes(Encoding.DER) for one in (leaf, *links)))
    made.leaf.write_bytes(leaf.public_bytes(Encoding.PEM))
    made.others.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in links))
    made.whole.write_bytes(made.leaf.read_bytes() + made.others.read_bytes())
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _certificate(
    subject: str, key: Key, issuer: str, issuer_key: Key, names: Sequence[str]
) -> x509.Certificate:
    now = datetime.now(UTC)
    serial = x509.random_serial_number()
    builder = x509.CertificateBuilder(_name(issuer), _name(subject), key.public_key(), serial)
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
    builder = builder.add_extension(x509.BasicConstraints(not names, None), critical=True)
    if names:
        alternative = x509.SubjectAlternativeName(list(map(x509.DNSName, names)))
        builder = builder.add_extension(alternative, critical=False)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@contextmanager
def s_server(presented: Presented, *arguments: str | Path, host: str = "127.0.0.1") -> Iterator[int]:
    """`openssl s_server` with this chain and further arguments; gives its port."""
    port = processes.free_port()
    command: list[str | Path] = ["openssl", "s_server", "-accept", f"{host}:{port}", "-quiet"]
    command += ["-cert", presented.leaf, "-key", presented.key, "-naccept", "100"]
    if presented.chain[1:]:
        command += ["-cert_chain", presented.others]
    with processes.start([*command, *arguments], log=presented.folder / "s_server.log", port=port):
        yield port
