"""Authorities that are not ours, made with another program's builder."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CA_USES = frozenset({"keyCertSign", "cRLSign"})


@dataclass(frozen=True, slots=True)
class Outside:
    """An authority with its key, and its certificates from its own up to the root, in DER."""

    name: x509.Name
    key: Key
    path: tuple[bytes, ...]

    @property
    def der(self) -> bytes:
        return self.path[0]

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an authority's certificate shall say. `uses` None leaves keyUsage out."""

    path_length: int | None = None
    constraints: x509.NameConstraints | None = None
    uses: frozenset[str] | None = CA_USES
    days: int = 900
    names: tuple[x509.GeneralName, ...] = ()
    authority: bool = True
    policies: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    critical: tuple[x509.ExtensionType, ...] = ()


PLAIN = Wish()


def outside(
    subject: str,
    by: Outside | None = None,
    wish: Wish = PLAIN,
    key: Key | None = None,
    now: datetime | None = None,
) -> Outside:
    """An authority of this name (RFC 4514); without `by` it signs itself."""
    name, key = x509.Name.from_rfc4514_string(subject), key or ec.generate_private_key(ec.SECP256R1())
    now = now or datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder(by.name if by else name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=wish.days))
        .add_extension(x509.BasicConstraints(wish.authority, wish.path_length), critical=True)
        .add_extension(identifier, critical=False)
    )
    if wish.uses is not None:
        builder = builder.add_extension(_usage(wish.uses), critical=True)
    if wish.constraints is not None:
        builder = builder.add_extension(wish.constraints, critical=True)
    if wish.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(wish.names), critical=False)
    if wish.policies:
        listed = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in wish.policies]
        builder = builder.add_extension(x509.CertificatePolicies(listed), critical=False)
    if wish.purposes:
        found = x509.ExtendedKeyUsage(map(x509.ObjectIdentifier, wish.purposes))
        builder = builder.add_extension(found, critical=False)
    for extension in wish.critical:
        builder = builder.add_extension(extension, critical=True)
    signed = builder.sign(by.key if by else key, hashes.SHA256())
    return Outside(name, key, (signed.public_bytes(Encoding.DER), *(by.path if by else ())))


def _usage(uses: frozenset[str]) -> x509.KeyUsage:
    signs, lists = "keyCertSign" in uses, "cRLSign" in uses
    return x509.KeyUsage(True, False, False, False, False, signs, lists, False, False)


def constraints(
    permitted: tuple[x509.GeneralName, ...] = (), excluded: tuple[x509.GeneralName, ...] = ()
) -> x509.NameConstraints:
    return x509.NameConstraints(permitted or None, excluded or None)


def revocation_list(
    by: Outside, number: int | None, *extensions: x509.ExtensionType, revoked: tuple[int, ...] = ()
) -> bytes:
    """A CRL in DER; `extensions` beside the number are critical."""
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder(
        by.name, now - timedelta(hours=1), now + timedelta(days=7)
    )
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder(serial, now - timedelta(days=1)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)
