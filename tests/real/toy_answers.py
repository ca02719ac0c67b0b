"""OCSP answers of others, as good or as bad as a test wants them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from certwright.core import der
from certwright.core.keys import key_identifier, spki
from certwright.core.outside_answers import question
from tests.real.toy_chains import BEGIN, ToyAuthority, new_key
from tests.real.weak_signatures import SHA256

SIGNS = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN


def answer(
    authority: ToyAuthority,
    certificate: bytes,
    status: ocsp.OCSPCertStatus = GOOD,
    *,
    at: datetime = BEGIN,
    holds: timedelta | None = timedelta(days=2),
    reason: x509.ReasonFlags | None = None,
    since: datetime | None = None,
    signer: "Signer | None" = None,
    by_name: bool = False,
    issuer: ToyAuthority | None = None,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """What the authority, or a `signer` in its stead, says of a certificate; `issuer` is who is named as its
    issuer, where that is somebody else."""
    who = signer or Signer(authority.certificate, authority.key)
    encoding = ocsp.OCSPResponderEncoding
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            x509.load_der_x509_certificate(certificate),
            x509.load_der_x509_certificate((issuer or authority).certificate),
            digest or hashes.SHA1(),
            status,
            at,
            None if holds is None else at + holds,
            (since or at) if status is REVOKED else None,
            reason,
        )
        .responder_id(encoding.NAME if by_name else encoding.HASH, who.parsed)
    )
    if signer is not None:
        builder = builder.certificates([who.parsed])
    return builder.sign(who.key, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs answers."""

    certificate: bytes
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.certificate)


def delegated(
    authority: ToyAuthority,
    *extensions: tuple[x509.ExtensionType, bool],
    begin: datetime = BEGIN,
    days: int = 90,
) -> Signer:
    """A responder with a certificate from the authority: for signing answers, unless it says otherwise."""
    key = new_key()
    return Signer(
        authority.sign("Responder", key, begin=begin, days=days, extensions=extensions or (SIGNS,)), key
    )


def by_hand(
    authority: ToyAuthority,
    certificate: bytes,
    *singles: bytes,
    extensions: bytes = b"",
    algorithm: bytes = SHA256,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """What no builder makes: an answer with these SingleResponses, one that is good where none is given."""
    when = der.generalized_time(BEGIN)
    identifier = der.tlv(0xA2, der.octet_string(key_identifier(spki(authority.key.public_key()))))
    responses = der.sequence(*(singles or (single(authority, certificate),)))
    tbs = der.sequence(identifier, when, responses, extensions)
    signature = authority.key.sign(tbs, ec.ECDSA(digest or hashes.SHA256()))
    basic = der.sequence(tbs, algorithm, der.bit_string(signature))
    kind = der.object_identifier("1.3.6.1.5.5.7.48.1.1")
    response = der.tlv(0xA0, der.sequence(kind, der.octet_string(basic)))
    return der.sequence(bytes.fromhex("0a0100"), response)


def single(authority: ToyAuthority, certificate: bytes, extensions: bytes = b"") -> bytes:
    """A SingleResponse: the certificate is good for two days."""
    asked = question(certificate, authority.certificate).cert_id
    cert_id = der.sequence(asked.issuer, der.tlv(der.INTEGER, asked.serial))
    until = der.tlv(0xA0, der.generalized_time(BEGIN + timedelta(days=2)))
    return der.sequence(cert_id, b"\x80\x00", der.generalized_time(BEGIN), until, extensions)


def extension(critical: bool, oid: str = "1.2.3.4") -> bytes:
    """Extensions of a SingleResponse or an answer, with one that nobody knows."""
    value = der.octet_string(b"\x05\x00")
    flag = der.boolean(True) if critical else b""
    return der.tlv(0xA1, der.sequence(der.sequence(der.object_identifier(oid), flag, value)))
