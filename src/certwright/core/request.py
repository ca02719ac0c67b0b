"""What somebody asks for: a parsed PKCS #10 request (RFC 2986), or the same values from elsewhere."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import SignatureAlgorithmOID as Oid

from . import keys
from .der import SEQUENCE, Reader
from .distinguished_name import NO_NAME, DistinguishedName, name_from_x509
from .errors import Malformed, Reason, Refused, TooLarge
from .extensions import CertificatePolicy, NameConstraints
from .general_names import decode_general_name
from .keys import KeyAlgorithm, PublicKey
from .names import Identifier
from .unreadable import UNREADABLE

CSR_OCTETS_MAX = 64 * 1024
NAMES_MAX = 100
# TypeError is cryptography's word about a BIT STRING in a name
_MUST_STAPLE = x509.TLSFeatureType.status_request
_PEM = re.compile(rb"\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----")


@dataclass(frozen=True, slots=True)
class AuthorityTerms:
    """What an authority certificate shall say beyond its profile. Only profiles of authorities take it."""

    path_length: int | None = None
    name_constraints: NameConstraints | None = None
    policies: tuple[CertificatePolicy, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """The values of one request. `spki` is the DER of `public_key` encoded by us, never copied from input.

    `ignored` has the OIDs of extensions a CSR asked for and that the profile decides instead. `not_after` is
    a wish; without it the profile's default lifetime holds. `server_made` is true where we make the private
    key for whoever asks, and hand it over. Use `dataclasses.replace` to set an order's
    identifiers, a wish, or an authority's terms.
    """

    public_key: PublicKey
    spki: bytes
    algorithm: KeyAlgorithm
    subject: DistinguishedName = NO_NAME
    identifiers: tuple[Identifier, ...] = ()
    must_staple: bool = False
    ignored: tuple[str, ...] = ()
    not_after: datetime | None = None
    terms: AuthorityTerms | None = None
    server_made: bool = False


def request_for(
    public_key: PublicKey,
    subject: DistinguishedName = NO_NAME,
    identifiers: tuple[Identifier, ...] = (),
) -> CertificateRequest:
    """A request for a key whose possession needs no proof here: one of our own. Raises Refused."""
    return CertificateRequest(
        public_key, keys.spki(public_key), keys.algorithm_of(public_key), subject, identifiers
    )


def parse_csr(data: bytes, maximum_names: int = NAMES_MAX) -> CertificateRequest:
    """Read a CSR, DER or PEM, and check that its signature proves possession of the key (RFC 2986 4.2).

    Duplicate names are merged. Raises TooLarge past 64 KiB or `maximum_names`, Malformed when it cannot be
    read, Refused for a wrong signature, an unknown algorithm, or kinds of names not supported.
    """
    if len(data) > CSR_OCTETS_MAX:
        raise TooLarge(f"the CSR has {len(data)} octets; {CSR_OCTETS_MAX} are the most")
    csr, public_key = _load(data)
    algorithm = keys.algorithm_of(public_key)
    _verify(csr, public_key)
    try:
        subject, extensions = csr.subject, csr.extensions
    except UNREADABLE as error:
        raise Malformed(f"the CSR's subject or extensions cannot be read: {_one_line(error)}") from error
    identifiers, must_staple, ignored = _requested(extensions, maximum_names)
    spki = keys.spki(public_key)
    name = replace(name_from_x509(subject), exact=_subject(csr))
    return CertificateRequest(public_key, spki, algorithm, name, identifiers, must_staple, ignored)


def _subject(csr: x509.CertificateSigningRequest) -> bytes:
    """DER of the subject, as it stands in the CSR."""
    fields = Reader(csr.tbs_certrequest_bytes, "CSR").inside()
    fields.integer()
    return fields.whole(SEQUENCE)


def _load(data: bytes) -> tuple[x509.CertificateSigningRequest, PublicKey]:
    try:
        csr = x509.load_pem_x509_csr(data) if _PEM.match(data) else x509.load_der_x509_csr(data)
        public_key: Any = csr.public_key()
    except UnsupportedAlgorithm as error:
        raise Refused((Reason("key.unsupported", f"the CSR's key: {_one_line(error)}"),)) from error
    except UNREADABLE as error:
        # a ParseError names parts of the parser, which say nothing to anybody
        told = "" if "ParseError" in str(error) else f": {_one_line(error)}"
        raise Malformed(f"not a PKCS #10 request in DER or PEM{told}") from error
    return csr, public_key


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


# -- proof of possession ---------------------------------------------------------------------------

_SHA2 = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
_ECDSA = {
    oid: ec.ECDSA(digest)
    for oid, digest in zip(
        (Oid.ECDSA_WITH_SHA256, Oid.ECDSA_WITH_SHA384, Oid.ECDSA_WITH_SHA512), _SHA2, strict=True
    )
}
_RSA = dict(zip((Oid.RSA_WITH_SHA256, Oid.RSA_WITH_SHA384, Oid.RSA_WITH_SHA512), _SHA2, strict=True))
_PKCS1 = padding.PKCS1v15()
_UNHASHED = {
    KeyAlgorithm.ED25519: "1.3.101.112",
    KeyAlgorithm.ED448: "1.3.101.113",
    KeyAlgorithm.ML_DSA_44: "2.16.840.1.101.3.4.3.17",
    KeyAlgorithm.ML_DSA_65: "2.16.840.1.101.3.4.3.18",
    KeyAlgorithm.ML_DSA_87: "2.16.840.1.101.3.4.3.19",
}


def _verify(csr: x509.CertificateSigningRequest, key: PublicKey) -> None:
    """Verify with the key object already loaded. Raises Refused."""
    oid, signature, body = csr.signature_algorithm_oid, csr.signature, csr.tbs_certrequest_bytes
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and oid in _ECDSA:
            key.verify(signature, body, _ECDSA[oid])
        elif isinstance(key, rsa.RSAPublicKey) and oid in _RSA:
            key.verify(signature, body, _PKCS1, _RSA[oid])
        elif isinstance(key, rsa.RSAPublicKey) and oid == Oid.RSASSA_PSS:
            _verify_pss(csr, key)
        elif not isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)) and _is_own_scheme(oid, key):
            key.verify(signature, body)
        else:
            raise Refused(
                (Reason("request.signature-algorithm", _NO_SCHEME.format(oid.dotted_string), "RFC 2986 4.2"),)
            )
    except InvalidSignature as error:
        text = "the CSR's signature does not match its key, so possession of the key is not proven"
        raise Refused((Reason("request.proof-of-possession", text, "RFC 2986 4.2"),)) from error


_NO_SCHEME = (
    "a CSR signed with {} is not taken; sign it with SHA-256, SHA-384 or SHA-512, or the key's own scheme"
)


def _is_own_scheme(oid: x509.ObjectIdentifier, key: PublicKey) -> bool:
    return _UNHASHED.get(keys.algorithm_of(key)) == oid.dotted_string


def _verify_pss(csr: x509.CertificateSigningRequest, key: rsa.RSAPublicKey) -> None:
    try:
        scheme, digest = csr.signature_algorithm_parameters, csr.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        scheme, digest = None, None
    if not isinstance(scheme, padding.PSS) or not isinstance(
        digest, (hashes.SHA256, hashes.SHA384, hashes.SHA512)
    ):
        raise Refused(
            (Reason("request.signature-algorithm", _NO_SCHEME.format("such RSASSA-PSS"), "RFC 4055 3.1"),)
        )
    key.verify(csr.signature, csr.tbs_certrequest_bytes, scheme, digest)


# -- requested extensions --------------------------------------------------------------------------


def _requested(
    extensions: x509.Extensions, maximum: int
) -> tuple[tuple[Identifier, ...], bool, tuple[str, ...]]:
    """Identifiers, must-staple, and the OIDs of everything else asked for."""
    identifiers: tuple[Identifier, ...] = ()
    must_staple, ignored = False, []
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            identifiers = _identifiers(value, maximum)
        elif isinstance(value, x509.TLSFeature) and list(value) == [_MUST_STAPLE]:
            must_staple = True
        else:
            ignored.append(extension.oid.dotted_string)
    return identifiers, must_staple, tuple(ignored)


def _identifiers(names: x509.SubjectAlternativeName, maximum: int) -> tuple[Identifier, ...]:
    asked = list(names)
    if len(asked) > maximum:
        raise TooLarge(f"the CSR has {len(asked)} alternative names; {maximum} are the most")
    found: dict[Identifier, None] = {}
    reasons: list[Reason] = []
    for name in asked:
        try:
            found[decode_general_name(name)] = None
        except Refused as refusal:
            reasons.extend(refusal.reasons)
    if reasons:
        raise Refused(tuple(dict.fromkeys(reasons)))
    return tuple(found)
