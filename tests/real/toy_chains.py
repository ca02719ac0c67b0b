"""Certificates of others: authorities and what they have issued, made in a line."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class ToyAuthority:
    """Signs what it is asked for; its own issuer is itself where `above` is None."""

    name: str
    above: "ToyAuthority | None" = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.certificate = (self.above or self).sign(self.name, self.key, authority=True)

    def sign(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey | None = None,
        *names: str,
        authority: bool = False,
        begin: datetime = BEGIN,
        days: int = 90,
    ) -> bytes:
        """A certificate in DER for a common name and DNS names."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self.name))
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=days))
            .serial_number(x509.random_serial_number())
            .public_key((key or new_key()).public_key())
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
