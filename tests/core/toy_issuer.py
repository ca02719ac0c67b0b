"""A small issuer for the tests of status: certificate, OCSP signer, end entities; by pyca's builders."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from certwright.core import keys
from certwright.core.crl import CrlHeader
from certwright.core.keys import SIGNATURES, KeyAlgorithm, PrivateKey

NOW = datetime.now(UTC).replace(microsecond=0)
SERIAL = 0x41 << 120 | 0x1234


def private_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """A fresh key of this algorithm, in memory."""
    makers = {
        KeyAlgorithm.RSA_2048: lambda: rsa.generate_private_key(65537, 2048),
        KeyAlgorithm.RSA_3072: lambda: rsa.generate_private_key(65537, 3072),
        KeyAlgorithm.RSA_4096: lambda: rsa.generate_private_key(65537, 4096),
        KeyAlgorithm.ECDSA_P256: lambda: ec.generate_private_key(ec.SECP256R1()),
        KeyAlgorithm.ECDSA_P384: lambda: ec.generate_private_key(ec.SECP384R1()),
        KeyAlgorithm.ECDSA_P521: lambda: ec.generate_private_key(ec.SECP521R1()),
        KeyAlgorithm.ED25519: ed25519.Ed25519PrivateKey.generate,
        KeyAlgorithm.ED448: ed448.Ed448PrivateKey.generate,
        KeyAlgorithm.ML_DSA_44: mldsa.MLDSA44PrivateKey.generate,
        KeyAlgorithm.ML_DSA_65: mldsa.MLDSA65PrivateKey.generate,
        KeyAlgorithm.ML_DSA_87: mldsa.MLDSA87PrivateKey.generate,
    }
    return makers[algorithm]()


@dataclass(frozen=True)
class ToyIssuer:
    algorithm: KeyAlgorithm
    key: PrivateKey
    certificate: x509.Certificate

    @property
    def name_der(self) -> bytes:
        return self.certificate.subject.public_bytes()

    @property
    def spki(self) -> bytes:
        return keys.spki(self.key.public_key())

    @property
    def key_identifier(self) -> bytes:
        return keys.key_identifier(self.spki)

    @property
    def signature_algorithm_identifier(self) -> bytes:
        return SIGNATURES[self.algorithm].identifier

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def header(self, number: int = 7, **fields: object) -> CrlHeader:
        """A CRL header from now for a day, with the given fields besides."""
        return CrlHeader(
            self.name_der,
            self.signature_algorithm_identifier,
            NOW - timedelta(minutes=1),
            NOW + timedelta(days=1),
            number,
            self.key_identifier,
            **fields,
        )

    def issue(
        self, serial: int, name: str, public_key: keys.PublicKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        builder = _builder(name, self.certificate.subject, public_key, serial)
        aki = x509.AuthorityKeyIdentifier(self.key_identifier, None, None)
        for extension in (aki, *extensions):
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, SIGNATURES[self.algorithm].digest)

    def ocsp_signer(self, key: PrivateKey) -> bytes:
        """The DER of a delegated OCSP signer's certificate (RFC 6960 section 4.2.2.2)."""
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
        signer = self.issue(SERIAL + 99, "Toy OCSP signer", key.public_key(), usage, x509.OCSPNoCheck())
        return signer.public_bytes(Encoding.DER)


def toy_issuer(algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256) -> ToyIssuer:
    """A self-signed authority, valid from yesterday for a year."""
    key = private_key(algorithm)
    public_key = key.public_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Toy {algorithm} authority")])
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier(keys.key_identifier(keys.spki(public_key)))
    certificate = (
        _builder(f"Toy {algorithm} authority", name, public_key, 1)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, SIGNATURES[algorithm].digest)
    )
    return ToyIssuer(algorithm, key, certificate)


def _builder(
    name: str, issuer: x509.Name, public_key: keys.PublicKey, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
    )
