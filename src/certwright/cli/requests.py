"""Keys and certification requests made here, so that a private key never leaves the machine it is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa

from ..core.distinguished_name import NO_NAME, DistinguishedName, name_from_x509
from ..core.errors import Malformed
from ..core.extensions import SUBJECT_ALTERNATIVE_NAME, SubjectAlternativeName
from ..core.keys import SIGNATURES, KeyAlgorithm, PrivateKey
from ..core.names import Identifier, IdentifierKind, parse_identifier
from ..core.request import CertificateRequest, parse_csr
from ..core.unreadable import UNREADABLE
from .options import read_file

KINDS = (
    IdentifierKind.DNS,
    IdentifierKind.IP,
    IdentifierKind.EMAIL,
    IdentifierKind.URI,
    IdentifierKind.UPN,
    IdentifierKind.GUID,
    IdentifierKind.KERBEROS,
)
_CURVES = {
    KeyAlgorithm.ECDSA_P256: ec.SECP256R1(),
    KeyAlgorithm.ECDSA_P384: ec.SECP384R1(),
    KeyAlgorithm.ECDSA_P521: ec.SECP521R1(),
}
_OTHERS: dict[KeyAlgorithm, Any] = {
    KeyAlgorithm.ED25519: ed25519.Ed25519PrivateKey,
    KeyAlgorithm.ED448: ed448.Ed448PrivateKey,
    KeyAlgorithm.ML_DSA_44: mldsa.MLDSA44PrivateKey,
    KeyAlgorithm.ML_DSA_65: mldsa.MLDSA65PrivateKey,
    KeyAlgorithm.ML_DSA_87: mldsa.MLDSA87PrivateKey,
}


def read_csr(name: str) -> tuple[bytes, CertificateRequest]:
    """A request in a file, or in standard input for `-`: as it stands there, and read.

    Raises Malformed naming the file, Refused, TooLarge, OSError.
    """
    content = read_file(name)
    try:
        return content, parse_csr(content)
    except Malformed as error:
        raise Malformed(f"{name}: {error.detail}") from error


def algorithm_named(name: str) -> KeyAlgorithm:
    """Raises Malformed naming those there are."""
    try:
        return KeyAlgorithm(name)
    except ValueError:
        known = ", ".join(KeyAlgorithm)
        raise Malformed(f"there is no key algorithm {name[:40]!r}; known are {known}") from None


def make_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """A new private key."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm in _OTHERS:
        key: PrivateKey = _OTHERS[algorithm].generate()
        return key
    return rsa.generate_private_key(65537, int(algorithm.removeprefix("rsa-")))


def key_pem(key: PrivateKey) -> bytes:
    """PKCS #8 in PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_csr(
    key: PrivateKey,
    algorithm: KeyAlgorithm,
    subject: DistinguishedName = NO_NAME,
    names: Sequence[Identifier] = (),
) -> bytes:
    """A PKCS #10 request in PEM, signed with the key it is for. Raises Malformed."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_x509_name(subject))
    if names:
        value = SubjectAlternativeName(tuple(names)).encode()
        oid = x509.ObjectIdentifier(SUBJECT_ALTERNATIVE_NAME)
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=not subject)
    digest: object = SIGNATURES[algorithm].digest
    return builder.sign(key, digest).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]


def _x509_name(name: DistinguishedName) -> x509.Name:
    try:
        return x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in rdn]
                )
                for rdn in name.rdns
            ]
        )
    except ValueError as error:
        raise Malformed(f"the subject {name} cannot be put into a request: {error}") from error


def identifiers_of(given: Sequence[Sequence[str] | None]) -> tuple[Identifier, ...]:
    """Names given as KINDS has them, checked, each once, in that order. Raises Malformed."""
    pairs = [(kind, text) for kind, texts in zip(KINDS, given, strict=True) for text in texts or ()]
    return tuple(dict.fromkeys(parse_identifier(kind, text) for kind, text in pairs))


def load_key(content: bytes, passphrase: str) -> PrivateKey:
    """A private key in PEM or DER. Raises Malformed, also when the passphrase is wrong or missing."""
    secret = passphrase.encode() if passphrase else None
    load = (
        serialization.load_pem_private_key
        if content.lstrip().startswith(b"-----BEGIN")
        else serialization.load_der_private_key
    )
    try:
        return load(content, secret)  # type: ignore[return-value]
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Malformed(f"the private key cannot be read: {error}") from error


def subject_of(certificate: bytes) -> DistinguishedName:
    """The subject of a certificate in DER. Raises Malformed."""
    try:
        return name_from_x509(x509.load_der_x509_certificate(certificate).subject)
    except UNREADABLE as error:
        raise Malformed(f"the certificate cannot be read: {error}") from error
