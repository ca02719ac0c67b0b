"""OCSP answers of others, for `readers`: good ones and changed ones.

Whatever is changed of what is signed is refused: what is read all the same says what was said. What an
authority signs may be anything.
"""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from certwright.core import der
from certwright.core.outside_answers import question, read_answer
from certwright.core.revocation import Reason
from certwright.core.told_status import ToldStatus
from tests.fuzz.reading import AUTHORITY, AUTHORITY_READ, KEY, NAME, NOW, PRESENTED

ASKED = question(PRESENTED, AUTHORITY)
HELD = ToldStatus(NOW, Reason.CERTIFICATE_HOLD)


def _responder() -> x509.Certificate:
    """Its key is the authority's: one is enough."""
    builder = (
        x509.CertificateBuilder(NAME, x509.Name.from_rfc4514_string("CN=Responder"), KEY.public_key(), 4712)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=90))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
    )
    return builder.sign(KEY, None)


def _answer(status: ocsp.OCSPCertStatus, *signers: x509.Certificate) -> bytes:
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    encoding = ocsp.OCSPResponderEncoding.NAME if signers else ocsp.OCSPResponderEncoding.HASH
    builder = ocsp.OCSPResponseBuilder().add_response(
        x509.load_der_x509_certificate(PRESENTED),
        AUTHORITY_READ,
        hashes.SHA1(),
        status,
        NOW,
        NOW + timedelta(days=2),
        NOW if revoked else None,
        x509.ReasonFlags.certificate_hold if revoked else None,
    )
    builder = builder.responder_id(encoding, signers[0] if signers else AUTHORITY_READ)
    if signers:
        builder = builder.certificates(signers)
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


_KINDS = (ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN)
ANSWERS = (
    *[_answer(kind) for kind in _KINDS],
    _answer(ocsp.OCSPCertStatus.REVOKED, _responder()),
    bytes.fromhex("30030a0103"),
)


def read_an_answer(octets: bytes) -> None:
    found = read_answer(octets, ASKED, NOW)
    assert found.status in (None, ToldStatus(), HELD)
    assert found.this_update == NOW


TO_BE_SIGNED = tuple(ocsp.load_der_ocsp_response(one).tbs_response_bytes for one in ANSWERS[:3])


def read_a_signed_answer(to_be_signed: bytes) -> None:
    """What an authority has really signed, whatever it is."""
    algorithm = der.sequence(der.object_identifier("1.3.101.112"))
    basic = der.sequence(to_be_signed, algorithm, der.bit_string(KEY.sign(to_be_signed)))
    kind = der.object_identifier("1.3.6.1.5.5.7.48.1.1")
    response = der.tlv(0xA0, der.sequence(kind, der.octet_string(basic)))
    found = read_answer(der.sequence(bytes.fromhex("0a0100"), response), ASKED, NOW)
    assert found.this_update <= found.next_update
