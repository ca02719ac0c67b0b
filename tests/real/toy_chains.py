"""Certificates of others: authorities and what they have issued, made in a line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, CRLEntryExtensionOID, NameOID

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
        list_url: str = "",
        answer_url: str = "",
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> bytes:
        """A certificate in DER for a common name and DNS names; `list_url` is where it says its CRL is,
        `answer_url` who answers by OCSP. Further extensions are critical or not."""
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
        if list_url:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(list_url)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if answer_url:
            place = x509.UniformResourceIdentifier(answer_url)
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        for value, critical in extensions:
            builder = builder.add_extension(value, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def list(
        self,
        *revoked: tuple[bytes, x509.ReasonFlags],
        at: datetime = BEGIN,
        days: int = 7,
        extension: x509.ExtensionType | None = None,
        name: str = "",
        unreadable: bool = False,
    ) -> bytes:
        """A CRL in DER that names these certificates; their reasons may be `unreadable`."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(_named(name or self.name))
            .last_update(at)
            .next_update(at + timedelta(days=days))
            .add_extension(x509.CRLNumber(5), critical=False)
        )
        for certificate, reason in revoked:
            serial = x509.load_der_x509_certificate(certificate).serial_number
            row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            if unreadable:
                row = row.add_extension(
                    x509.UnrecognizedExtension(CRLEntryExtensionOID.CRL_REASON, b"?"), False
                )
            elif reason is not x509.ReasonFlags.unspecified:
                row = row.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(row.build())
        if extension is not None:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
