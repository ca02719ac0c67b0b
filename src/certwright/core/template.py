"""A plan to octets, twice: `encode_tbs` in general, and a `Template` that splices what varies.

Both give the same TBSCertificate (RFC 5280 section 4.1.2). Keys and names are encoded from values; nothing
is copied from a request.
"""

from datetime import datetime
from functools import lru_cache

from . import der
from .extensions import SUBJECT_ALTERNATIVE_NAME, SUBJECT_KEY_IDENTIFIER
from .general_names import encode_general_name
from .keys import SIGNATURES, KeyAlgorithm
from .plan import SERIAL_OCTETS, VERSION_3, CertificatePlan, Shape, describe

_VERSION = der.tlv(0xA0, der.integer(VERSION_3))
_EXTENSIONS = 0xA3
_NAMES_OID = der.object_identifier(SUBJECT_ALTERNATIVE_NAME)
_KEY_IDENTIFIER_OID = der.object_identifier(SUBJECT_KEY_IDENTIFIER)
_SERIAL_HEADER = bytes((der.INTEGER, SERIAL_OCTETS))


def encode_tbs(plan: CertificatePlan) -> bytes:
    """DER TBSCertificate, part by part from the plan's values."""
    shape = plan.shape
    return der.sequence(
        _VERSION,
        der.integer(plan.serial),
        shape.signature_identifier,
        shape.issuer.name,
        der.sequence(der.time(plan.not_before), der.time(plan.not_after)),
        plan.subject.encode(),
        plan.spki,
        der.tlv(_EXTENSIONS, der.sequence(*[extension.encode() for extension in plan.extensions])),
    )


@lru_cache(maxsize=1024)
def _time(moment: datetime) -> bytes:
    return der.time(moment)


class Template:
    """The octets that certificates of one shape share."""

    __slots__ = ("_after_serial", "_constant", "_has_key_identifier", "_names_head")

    def __init__(self, shape: Shape) -> None:
        self._after_serial = shape.signature_identifier + shape.issuer.name
        self._constant = b"".join([extension.encode() for extension in shape.constant])
        critical = der.boolean(True) if shape.names_critical else b""
        self._names_head = _NAMES_OID + critical if shape.has_names else b""
        self._has_key_identifier = shape.has_subject_key_identifier

    def splice(self, plan: CertificatePlan) -> bytes:
        """DER TBSCertificate of a plan of this shape."""
        tlv = der.tlv
        extensions = self._constant
        if self._names_head:
            names = b"".join([encode_general_name(name) for name in plan.names])
            value = tlv(der.OCTET_STRING, tlv(der.SEQUENCE, names))
            extensions += tlv(der.SEQUENCE, self._names_head + value)
        if self._has_key_identifier:
            value = tlv(der.OCTET_STRING, tlv(der.OCTET_STRING, plan.key_identifier))
            extensions += tlv(der.SEQUENCE, _KEY_IDENTIFIER_OID + value)
        content = (
            _VERSION,
            _SERIAL_HEADER,
            plan.serial.to_bytes(SERIAL_OCTETS, "big"),
            self._after_serial,
            tlv(der.SEQUENCE, _time(plan.not_before) + _time(plan.not_after)),
            plan.subject.encode(),
            plan.spki,
            tlv(_EXTENSIONS, tlv(der.SEQUENCE, extensions)),
        )
        return tlv(der.SEQUENCE, b"".join(content))


@lru_cache(maxsize=4096)
def _template(shape: Shape) -> Template:
    return Template(shape)


def fast_tbs(plan: CertificatePlan) -> bytes:
    """The same octets as `encode_tbs`, through the template of the plan's shape."""
    return _template(plan.shape).splice(plan)


def assemble(tbs: bytes, algorithm: KeyAlgorithm, signature: bytes) -> bytes:
    """DER Certificate (or CertificationRequest) around signed octets; `algorithm` is the signing key's."""
    return der.sequence(tbs, SIGNATURES[algorithm].identifier, der.bit_string(signature))


def preview(plan: CertificatePlan) -> tuple[dict[str, object], bytes]:
    """The plan in words, and the DER certificate it would become, with zeros for a signature."""
    return describe(plan), assemble(encode_tbs(plan), plan.shape.issuer.algorithm, bytes(64))
