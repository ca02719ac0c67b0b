"""The CSR of a finalize request and the key of a certificate, held against the order and the signer."""

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from ...core.errors import CertwrightError
from ...core.names import Identifier
from ...core.request import CertificateRequest, parse_csr
from ...core.unreadable import UNREADABLE
from .jwk import Jwk, jwk_of
from .problems import AcmeProblem, ProblemType, malformed, unauthorized
from .rules import check_csr_key, check_csr_names

COMMON_NAME = "2.5.4.3"


def read_csr(
    octets: bytes, ordered: Iterable[Identifier], account_key: Jwk, names_max: int
) -> CertificateRequest:
    """A CSR (DER) that fits its order (RFC 8555 section 7.4). Raises AcmeProblem badCSR."""
    try:
        csr = parse_csr(octets, names_max)
    except CertwrightError as error:
        raise AcmeProblem(ProblemType.BAD_CSR, error.detail) from error
    check_csr_names(ordered, csr.identifiers, csr.subject.values(COMMON_NAME))
    check_csr_key(jwk_of(csr.public_key), account_key)
    return csr


def require_key_of(certificate: bytes, key: Jwk | None) -> None:
    """Whoever has a certificate's private key may revoke it (RFC 8555 section 7.6). Raises AcmeProblem
    malformed for what is no certificate, unauthorized for another key than its own."""
    try:
        held = jwk_of(x509.load_der_x509_certificate(certificate).public_key())
    except (*UNREADABLE, UnsupportedAlgorithm) as error:
        raise malformed("the certificate to be revoked cannot be read") from error
    if key is None or held != key:
        raise unauthorized("the request is not signed by the certificate's key")
